import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dequantise } from '../protocol/quantise.ts';
import { unpack } from '../protocol/unpack.ts';
import type { Edge } from './edge.ts';
import { Stage } from './testing/stage.ts';

const LARGE = 'void 0;\n'.repeat(1000);
let stage: Stage;
let edge: Edge;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipstream-web-'));
  const web = join(folder, 'web');
  mkdirSync(join(web, 'assets'), { recursive: true });
  writeFileSync(join(web, 'index.html'), '<!doctype html>');
  writeFileSync(join(web, 'assets', 'app-a1b2c3d4.js'), 'void 0;');
  writeFileSync(join(web, 'assets', 'large-a1b2c3d4.js'), LARGE);
  writeFileSync(join(web, '.secret'), 'secret');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  symlinkSync(join(folder, 'secret.txt'), join(web, 'link.txt'));
  stage = await Stage.set();
  await stage.publisher.begin();
  await stage.publisher.run(25);
  edge = await stage.edgeAtHead({ webRoot: web });
});
afterAll(async () => {
  await stage.strike();
  rmSync(folder, { recursive: true });
});

const get = (path: string, init: RequestInit = {}) => fetch(`${edge.url}${path}`, init);
const json = async (path: string, init: RequestInit = {}) => (await get(path, init)).json();

/** The status of a request whose path no client would send. */
const rawStatus = (path: string): Promise<number> =>
  new Promise((resolve) => {
    const socket = connect(edge.port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(Number(data.toString().slice(9, 12)));
    });
  });

describe('over HTTP an edge', () => {
  it('lists its races and shows one', async () => {
    const { writer } = stage;
    const summary = {
      race: 'oval',
      name: 'Test 500',
      kind: 'simulation',
      origin: null,
      epoch: writer.epoch,
      tick: 25,
      catalogue: writer.catalogue.hash,
      fans: 0,
    };
    const cars = writer.field.cars.filter((_, slot) => writer.field.states[slot]);
    expect(await json('/races')).toMatchObject([{ ...summary, cars: cars.length }]);
    const race = await json('/races/oval');
    expect(race).toMatchObject({ ...summary, cars, document: writer.document, documentRevision: writer.docRevision });
    expect(race.position).toMatch(/^00000000000000aa:\d+$/);
  });

  it('shows what cars hold, in their units, as JSON and as MessagePack', async () => {
    const { catalogue, field } = stage.writer;
    const [a, b] = [...field.cars.keys()].filter((slot) => field.states[slot]);
    const path = `/races/oval/snapshot?watch=${a}:essentials,${b},none`;
    const shown = await json(path);
    const values = (slot: number, view: string) =>
      Object.fromEntries(
        [...catalogue.viewOf(view)!.channels].map((index) => {
          const channel = catalogue.channels[index]!;
          return [channel.key, dequantise(channel, field.states[slot]![index]!)];
        }),
      );
    expect(shown.cars).toEqual({
      [a!]: { view: 'essentials', values: values(a!, 'essentials') },
      [b!]: { view: 'full', values: values(b!, 'full') },
    });
    expect(shown).toMatchObject({ tick: 25, unknown: ['none'] });
    const packed = await get(path, { headers: { Accept: 'application/msgpack' } });
    expect(packed.headers.get('content-type')).toBe('application/msgpack');
    expect(unpack(new Uint8Array(await packed.arrayBuffer()))).toEqual(shown);
    const listed = await json(`/races/oval/snapshot?watch=${a}:own&channels=c5,c0`);
    const { c0, c5 } = values(a!, 'essentials');
    expect(listed.cars).toEqual({ [a!]: { view: 'own', values: { c0, c5 } } });
    const all = await json('/races/oval/snapshot');
    expect(Object.keys(all.cars).length).toBe(field.states.filter(Boolean).length);
  });

  it('serves the exact bytes of a catalogue for ever', async () => {
    const { hash, json: text } = stage.writer.catalogue;
    const reply = await get(`/catalogue/${hash}`);
    expect(await reply.text()).toBe(text);
    expect(reply.headers.get('cache-control')).toContain('immutable');
    expect(reply.headers.get('content-encoding')).toBe('gzip');
    expect(reply.headers.get('vary')).toBe('Accept-Encoding');
    const etag = reply.headers.get('etag')!;
    expect(reply.headers.get('access-control-allow-origin')).toBe('*');
    expect((await get(`/catalogue/${hash}`, { headers: { 'If-None-Match': etag } })).status).toBe(304);
  });

  it('serves the catalogue that a race is in, for a while', async () => {
    const { hash, json: text } = stage.writer.catalogue;
    const reply = await get('/races/oval/catalogue');
    expect(await reply.text()).toBe(text);
    expect(reply.headers.get('cache-control')).toBe('public, max-age=10');
    expect(reply.headers.get('content-encoding')).toBe('gzip');
    expect(reply.headers.get('etag')).toBe((await get(`/catalogue/${hash}`)).headers.get('etag'));
  });

  it.each([
    ['GET', '/races/nowhere/catalogue', 404, 'unknown_race'],
    ['GET', '/races/nowhere', 404, 'unknown_race'],
    ['GET', '/races/nowhere/snapshot', 404, 'unknown_race'],
    ['GET', '/races/oval/other', 404, 'not_found'],
    ['GET', '/races/oval/snapshot/x', 404, 'not_found'],
    ['GET', '/catalogue/00', 404, 'unknown_catalogue'],
    ['GET', '/__proto__', 404, 'not_found'],
    ['POST', '/races', 405, 'method_not_allowed'],
    ['DELETE', '/races/oval', 405, 'method_not_allowed'],
    ['GET', '/races/oval/snapshot?watch=0:nothing', 400, 'bad_watch'],
    ['GET', '/races/oval/snapshot?watch=%00', 400, 'bad_watch'],
    ['GET', '/races/oval/snapshot?watch=0,0', 400, 'bad_watch'],
    ['GET', '/races/oval/snapshot?watch=0:own', 400, 'bad_watch'],
    ['GET', '/races/oval/snapshot?watch=0:own&channels=c0,c0', 400, 'bad_watch'],
    ['GET', '/races/oval/snapshot?watch=0&rate=9', 400, 'bad_rate'],
    ['GET', '/races/oval/live', 426, 'upgrade_required'],
  ])('answers %s %s with %i %s', async (method, path, status, error) => {
    const reply = await get(path, { method });
    expect(reply.status).toBe(status);
    expect(await reply.json()).toEqual({ error, message: expect.any(String) });
  });

  it('answers HEAD and OPTIONS', async () => {
    const head = await get('/races', { method: 'HEAD' });
    const whole = await get('/races');
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(`${(await whole.arrayBuffer()).byteLength}`);
    const options = await get('/races', { method: 'OPTIONS', headers: { Origin: 'http://page' } });
    expect(options.status).toBe(204);
    expect(options.headers.get('access-control-allow-methods')).toContain('GET');
  });

  it('is healthy and ready', async () => {
    const health = await get('/healthz');
    expect(health.status).toBe(200);
    expect(await health.json()).toEqual({ status: 'ok', workers: { asked: 1, alive: 1 } });
    expect((await get('/readyz')).status).toBe(200);
  });

  it('serves the files of its web root and nothing else', async () => {
    const page = await get('/');
    expect(await page.text()).toBe('<!doctype html>');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const etag = page.headers.get('etag')!;
    expect((await get('/', { headers: { 'If-None-Match': etag } })).status).toBe(304);
    const script = await get('/assets/app-a1b2c3d4.js');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.headers.get('cache-control')).toContain('immutable');
    for (const path of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/assets/..\\..\\secret.txt',
      '/link.txt',
      '/.secret',
      '/%00',
      '/%zz',
      '/assets',
      '//etc/passwd',
    ])
      expect(await rawStatus(path), path).toBe(404);
  });

  it('serves them compressed to who accepts that', async () => {
    const encoded = await get('/assets/large-a1b2c3d4.js', {
      headers: { 'Accept-Encoding': 'gzip', Origin: 'http://page' },
    });
    expect(encoded.headers.get('content-encoding')).toBe('gzip');
    expect(encoded.headers.get('vary')).toBe('Accept-Encoding');
    expect(await encoded.text()).toBe(LARGE);
    const head = await get('/assets/large-a1b2c3d4.js', { method: 'HEAD', headers: { 'Accept-Encoding': 'gzip' } });
    expect(Number(head.headers.get('content-length'))).toBeLessThan(LARGE.length / 10);
    const plain = await get('/assets/large-a1b2c3d4.js', { headers: { 'Accept-Encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.headers.get('content-length')).toBe(`${LARGE.length}`);
    expect(await plain.text()).toBe(LARGE);
  });
});
