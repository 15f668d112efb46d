import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

/** What has happened to one end of a connection. */
interface End {
  readonly socket: Socket;
  text: string;
  error: string | undefined;
  hasEnded: boolean;
  isClosed: boolean;
}

function watch(socket: Socket): End {
  const end: End = { socket, text: '', error: undefined, hasEnded: false, isClosed: false };
  socket.setEncoding('latin1').on('data', (text) => {
    end.text += text;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    end.error = error.code;
  });
  socket.on('end', () => {
    end.hasEnded = true;
  });
  socket.on('close', () => {
    end.isClosed = true;
  });
  return end;
}

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 5000, interval: 2 });
/** Long enough for anything that would come to have come. */
const soon = () => new Promise((resolve) => setTimeout(resolve, 60));

let server: Server;
let proxy: FaultProxy;
const atServer: End[] = [];
const ends: End[] = [];
beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => atServer.push(watch(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await startFaultProxy((server.address() as AddressInfo).port, () => 0.5);
});
afterEach(async () => {
  for (const { socket } of ends.splice(0)) socket.destroy();
  for (const { socket } of atServer.splice(0)) socket.destroy();
  await proxy.stop();
  server.close();
});

function dial(): End {
  const end = watch(connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }));
  ends.push(end);
  return end;
}

/** A connection over the proxy on which both sides have said something. */
async function pair(): Promise<{ client: End; far: End }> {
  const before = atServer.length;
  const client = dial();
  client.socket.write('a');
  await until(() => atServer[before]?.text === 'a');
  const far = atServer[before]!;
  far.socket.write('b');
  await until(() => client.text === 'b');
  return { client, far };
}

describe('the fault proxy', () => {
  it('carries bytes both ways, and the end of each side', async () => {
    const { client, far } = await pair();
    client.socket.end('last');
    await until(() => far.hasEnded);
    expect(far.text).toBe('alast');
    expect(client.hasEnded).toBe(false);
    far.socket.end('more');
    await until(() => client.isClosed && far.isClosed);
    expect(client.text).toBe('bmore');
    expect([proxy.open, proxy.made]).toEqual([0, 1]);
  });

  it('carries much, and the sender feels a receiver that does not read', async () => {
    const { client, far } = await pair();
    client.socket.pause();
    const much = 'x'.repeat(20_000_000);
    far.socket.end(much);
    await soon();
    expect(far.socket.writableLength).toBeGreaterThan(0);
    client.socket.resume();
    await until(() => client.hasEnded);
    expect(client.text).toHaveLength(1 + much.length);
  });

  it('delays with jitter, in order', async () => {
    const { client, far } = await pair();
    proxy.delay(30, 20);
    const beganAtMs = performance.now();
    far.socket.write('1');
    await until(() => client.text === 'b1');
    expect(performance.now() - beganAtMs).toBeGreaterThanOrEqual(39);
    far.socket.write('2');
    await soon();
    proxy.mend();
    far.socket.write('3');
    await until(() => client.text === 'b123');
  });

  it.each([
    ['toClient', 'a2', 'b'],
    ['toServer', 'a', 'b1'],
    [undefined, 'a', 'b'],
  ] as const)('stalls %s, and loses nothing', async (direction, heard, got) => {
    const { client, far } = await pair();
    proxy.stall(direction);
    far.socket.write('1');
    client.socket.write('2');
    await soon();
    expect([far.text, client.text]).toEqual([heard, got]);
    expect([client.isClosed, far.isClosed]).toEqual([false, false]);
    proxy.mend();
    await until(() => far.text === 'a2' && client.text === 'b1');
  });

  it('stalls also those who come', async () => {
    proxy.stall();
    const client = dial();
    client.socket.write('a');
    await soon();
    expect(atServer.map(({ text }) => text).join('')).toBe('');
    proxy.mend();
    await until(() => atServer[0]?.text === 'a');
  });

  it('throttles one way', async () => {
    const { client, far } = await pair();
    proxy.throttle(20_000, 'toClient');
    const beganAtMs = performance.now();
    far.socket.write('x'.repeat(4000));
    client.socket.write('y'.repeat(400_000));
    await until(() => far.text.length === 400_001);
    await until(() => client.text.length === 4001);
    expect(performance.now() - beganAtMs).toBeGreaterThanOrEqual(150);
  });

  it('cuts without a word, for good', async () => {
    const { client, far } = await pair();
    proxy.cut();
    client.socket.end('1');
    far.socket.write('2');
    await soon();
    proxy.mend();
    client.socket.destroy();
    await soon();
    expect([far.text, client.text, far.hasEnded, far.isClosed, client.hasEnded]).toEqual([
      'a',
      'b',
      false,
      false,
      false,
    ]);
    expect((await pair()).client.text).toBe('b');
  });

  it('swallows those who come, and none of those who are there', async () => {
    const { client, far } = await pair();
    proxy.swallow();
    const late = dial();
    late.socket.write('a');
    far.socket.write('1');
    await until(() => client.text === 'b1');
    await soon();
    expect(late.isClosed).toBe(false);
    expect(
      atServer
        .slice(1)
        .map(({ text }) => text)
        .join(''),
    ).toBe('');
    proxy.mend();
    await pair();
    expect(late.text).toBe('');
  });

  it('resets both ends, and refuses those who come until it is mended', async () => {
    const { client, far } = await pair();
    proxy.refuse();
    proxy.reset();
    await until(() => client.isClosed && far.isClosed);
    expect([client.error, far.error]).toEqual(['ECONNRESET', 'ECONNRESET']);
    const refused = dial();
    await until(() => refused.isClosed);
    expect([refused.error, atServer.length, proxy.made]).toEqual(['ECONNREFUSED', 1, 1]);
    proxy.mend();
    await soon();
    await pair();
  });
});
