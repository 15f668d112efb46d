import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pack } from '../protocol/pack.ts';
import { MAX_FRAME_BYTES } from './frame-decoder.ts';
import { createHttpSource, type HttpOptions, type HttpSource } from './http-source.ts';
import { encodePackedFrame } from './packed-frame.ts';
import { KeepingSink } from './source-contract.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const CATALOGUE = readTestCatalogue('formula-1');
const NDJSON = 'application/x-ndjson';
const JSON_TYPE = 'application/json';
const line = (car: string, at: number) => JSON.stringify({ car, at, values: { rpm: at } });

let source: HttpSource;
let sink: KeepingSink;
const open = async (options: Partial<HttpOptions> = {}) => {
  source = createHttpSource('bahrain', CATALOGUE, { port: 0, ...options });
  sink = new KeepingSink();
  await source.start(sink);
};
const send = async (
  method: string,
  path: string,
  type: string | undefined,
  body?: string | Uint8Array,
  headers = {},
) => {
  const answer = await fetch(`http://127.0.0.1:${source.port}${path}`, {
    method,
    headers: { ...(type && { 'content-type': type }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : Buffer.from(body) }),
  });
  return { status: answer.status, headers: answer.headers, body: method === 'HEAD' ? {} : await answer.json() };
};
const post = (path: string, type: string | undefined, body: string | Uint8Array) => send('POST', path, type, body);

beforeEach(() => open());
afterEach(() => source.stop());

describe('one frame', () => {
  const values = { rpm: 9000, gear: 7 };
  it.each([
    ['JSON', JSON_TYPE, JSON.stringify({ at: 5, values })],
    ['JSON with a charset', 'application/json; charset=utf-8', JSON.stringify({ at: 5, values })],
    ['MessagePack', 'application/msgpack', pack({ at: 5, values })],
    ['packed', 'application/octet-stream', encodePackedFrame(CATALOGUE, '', 5, [...CATALOGUE.packedOrder])],
  ])('is taken as %s for the car in the address', async (_, type, body) => {
    expect(await post('/raw/bahrain/ALB1', type, body)).toMatchObject({
      status: 200,
      body: { accepted: 1, refused: [] },
    });
    expect(sink.frames).toMatchObject([{ car: 'ALB1', atMs: 5 }]);
  });

  it('is taken without its unknown channels, which the answer names', async () => {
    const { status, body } = await post('/raw/bahrain', JSON_TYPE, '{"car":"1","at":5,"values":{"rpm":1,"nitro":2}}');
    expect(status).toBe(200);
    expect(body).toEqual({ accepted: 1, refusedCount: 1, refused: [{ reason: 'unknown_channel', detail: 'nitro' }] });
  });

  it('is refused with the reason, which is counted too', async () => {
    const { status, body } = await post('/raw/bahrain/24', JSON_TYPE, line('42', 5));
    expect(status).toBe(400);
    expect(body.refused).toMatchObject([{ reason: 'bad_car', detail: expect.stringMatching(/\.$/) }]);
    expect(sink.refused.map(([reason]) => reason)).toEqual(['bad_car']);
    expect((await post('/raw/bahrain/a%20b', JSON_TYPE, line('42', 5))).status).toBe(400);
  });

  it('above the limit is refused unread, its length told or not', async () => {
    const large = 'x'.repeat(MAX_FRAME_BYTES + 1);
    expect(await post('/raw/bahrain', JSON_TYPE, large)).toMatchObject({
      status: 413,
      body: { refused: [{ reason: 'oversized' }] },
    });
    const chunked = request({
      port: source.port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/raw/bahrain',
      headers: { 'content-type': JSON_TYPE },
    });
    chunked.write(large);
    chunked.end(large);
    const status = await new Promise((resolve) =>
      chunked.once('response', (response) => resolve(response.resume().statusCode)),
    );
    expect(status).toBe(413);
    expect(sink.refused.map(([reason]) => reason)).toEqual(['oversized', 'oversized']);
  });
});

describe('lines of frames', () => {
  it('count each for itself', async () => {
    const body = ['', line('1', 5), 'GARBAGE', ' \r', line('2', 6), '{"car":"3"}', line('1', 7)].join('\n');
    const answer = await post('/raw/bahrain', NDJSON, body);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      accepted: 3,
      refusedCount: 2,
      refused: [{ line: 3, reason: 'malformed' }, { line: 6 }],
    });
    expect(sink.frames.map(({ car, atMs }) => [car, atMs])).toEqual([
      ['1', 5],
      ['2', 6],
      ['1', 7],
    ]);
    expect((await post('/raw/bahrain/1', NDJSON, `${line('1', 8)}\r\n`)).status).toBe(200);
    expect((await post('/raw/bahrain', NDJSON, 'GARBAGE\n')).status).toBe(400);
    expect((await post('/raw/bahrain', NDJSON, '\n\n')).body.error).toBe('The body holds no line.');
  });

  it('are listed up to a limit when they are refused, and counted beyond', async () => {
    const { body } = await post('/raw/bahrain', NDJSON, 'x\n'.repeat(1000));
    expect(body.refused.length).toBe(20);
    expect(body.refusedCount).toBe(1000);
    expect(sink.refused.length).toBe(1000);
  });

  it('arrive while the body goes on, wherever it is cut, and a line that is too long costs nothing else', async () => {
    const stream = request({
      port: source.port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/raw/bahrain',
      headers: { 'content-type': NDJSON },
    });
    const answered = new Promise<string>((resolve) => stream.once('response', (response) => resolve(text(response))));
    const first = line('1', 5);
    stream.write(first.slice(0, 10));
    stream.write(`${first.slice(10)}\n${first.slice(0, 3)}`);
    await vi.waitFor(() => expect(sink.frames.length).toBe(1));
    stream.write(`${first.slice(3)}\n`);
    await vi.waitFor(() => expect(sink.frames.length).toBe(2));
    for (let i = 0; i < 20; i++) stream.write('x'.repeat(10_000));
    stream.write(`\n${line('1', 6)}\n`);
    await vi.waitFor(() => expect(sink.frames.length).toBe(3));
    stream.end(line('1', 7));
    expect(JSON.parse(await answered)).toMatchObject({ accepted: 4, refused: [{ line: 3, reason: 'oversized' }] });
  });
});

it('takes facts', async () => {
  const put = (body: string) => send('PUT', '/raw/bahrain', JSON_TYPE, body);
  expect(await put('{"name":"Test","flag":"green"}')).toMatchObject({ status: 200, body: { accepted: 1 } });
  expect(sink.told).toEqual([{ name: 'Test', flag: 'green' }]);
  expect(await put('{"nmae":"Test"}')).toMatchObject({ status: 400, body: { refused: [{ reason: 'malformed' }] } });
});

it.each([
  ['POST', '/raw/monza', JSON_TYPE, 404],
  ['POST', '/', JSON_TYPE, 404],
  ['POST', '/raw/bahrain/1/2', JSON_TYPE, 404],
  ['POST', '/raw/%ff', JSON_TYPE, 404],
  ['GET', '/raw/bahrain', undefined, 405],
  ['PUT', '/raw/bahrain/1', JSON_TYPE, 405],
  ['POST', '/raw/bahrain', undefined, 415],
  ['POST', '/raw/bahrain', 'text/html', 415],
  ['PUT', '/raw/bahrain', NDJSON, 415],
])('answers %s %s as %s with %d and a sentence', async (method, path, type, status) => {
  const answer = await send(method, path, type, method === 'GET' ? undefined : line('1', 5));
  // fetch names text/plain by itself for a body without a type; that is no accepted type either.
  expect(answer.status).toBe(status);
  expect(answer.body.error).toMatch(/\.$/);
  expect(answer.headers.get('allow')).toBe(status === 405 ? (path === '/raw/bahrain' ? 'POST, PUT' : 'POST') : null);
  expect(sink.frames).toEqual([]);
});

it('with a token wants it of everyone, and then may listen beyond loopback', async () => {
  await source.stop();
  await open({ token: 's3cret', host: '0.0.0.0' });
  const withToken = (value?: string) =>
    send('POST', '/raw/bahrain', JSON_TYPE, line('1', 5), value === undefined ? {} : { authorization: value });
  for (const wrong of [undefined, 'Bearer', 'Bearer s3cre', 'Bearer s3cret5', 'Basic s3cret', 's3cret']) {
    expect((await withToken(wrong)).status).toBe(401);
  }
  expect((await withToken()).headers.get('www-authenticate')).toBe('Bearer');
  expect((await withToken('bearer s3cret')).status).toBe(200);
});

it.each(['0.0.0.0', '::', '192.0.2.1', 'example.org'])('does not listen on %s without a token', async (host) => {
  const other = createHttpSource('bahrain', CATALOGUE, { port: 0, host });
  await expect(other.start(sink)).rejects.toMatchObject({ name: 'ConfigError', code: 'token_required' });
});

it('says that its port is taken', async () => {
  const other = createHttpSource('bahrain', CATALOGUE, { port: source.port });
  await expect(other.start(sink)).rejects.toThrow(`Port 127.0.0.1:${source.port} is taken`);
});

describe('a client that', () => {
  /** Sends text on a connection of its own and resolves with all that came back when it is closed. */
  const dial = (head: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(source.port, '127.0.0.1', () => socket.write(head));
      let answer = '';
      socket.on('data', (data) => {
        answer += data;
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(answer));
    });
  const head = `POST /raw/bahrain HTTP/1.1\r\nHost: x\r\nContent-Type: ${JSON_TYPE}\r\n`;

  it('speaks no HTTP is told so, and counted', async () => {
    expect(await dial('GARBAGE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(sink.refused).toMatchObject([['malformed', expect.stringMatching(/not HTTP/)]]);
  });

  it('does not finish its headers, its body or its line is closed', async () => {
    await source.stop();
    await open({ timeoutMs: 100 });
    const lines = head.replace(JSON_TYPE, NDJSON);
    const [headers, body, line] = await Promise.all([
      dial(head),
      dial(`${head}Content-Length: 10\r\n\r\n{"car"`),
      dial(`${lines}Content-Length: 99\r\n\r\n{"car":`),
    ]);
    expect(headers).toMatch(/^(HTTP\/1\.1 4|$)/);
    expect(body).toMatch(/^HTTP\/1\.1 408 /);
    expect(line).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('ends its line after the answer has not sent a frame', async () => {
    await source.stop();
    await open({ timeoutMs: 100 });
    const body = line('1', 5);
    const socket = connect(source.port, '127.0.0.1');
    socket.write(`${head.replace(JSON_TYPE, NDJSON)}Content-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.end(body.slice(-1));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(sink.frames).toEqual([]);
  });

  it('is one too many is closed at once', async () => {
    await source.stop();
    await open({ maxConnections: 1 });
    const first = connect(source.port, '127.0.0.1');
    await new Promise((resolve) => first.once('connect', resolve));
    await expect(dial(head)).resolves.toBe('');
    first.destroy();
  });
});
