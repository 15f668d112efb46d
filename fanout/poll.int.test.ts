import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Edge } from './edge.ts';
import { readValues } from './json-race.ts';
import { JsonPollReader } from './testing/json-poll-reader.ts';
import { PollReader } from './testing/poll-reader.ts';
import { RaceWriter, testCatalogue } from './testing/publisher.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import { until } from './testing/until.ts';

let stage: Stage;
const begin = async (writer?: RaceWriter): Promise<void> => {
  stage = await Stage.set(writer);
  await stage.publisher.begin();
};
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await stage.strike();
});

const pathOf = (since: string | undefined): string => `/races/oval/poll${since === undefined ? '' : `?since=${since}`}`;
const pollsOf = (edge: Edge) => edge.stats().races.oval!.polls;

async function poll(edge: Edge, since?: string, init: RequestInit = {}) {
  const response = await fetch(`${edge.url}${pathOf(since)}`, init);
  return { response, body: new Uint8Array(await response.arrayBuffer()) };
}

async function read(edge: Edge, reader: PollReader) {
  const { response, body } = await poll(edge, reader.since);
  expect(response.status).toBe(200);
  return reader.read(body);
}

/** A request on a socket that is read only when somebody says so. */
function rawGet({ port }: Edge, path: string): Socket {
  const socket = connect(port, '127.0.0.1', () =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
  );
  socket.pause();
  sockets.push(socket);
  return socket;
}

/** What comes behind the head, up to the end of the connection. */
async function bodyOf(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const bytes of socket) parts.push(bytes);
  const all = Buffer.concat(parts);
  return all.subarray(all.indexOf('\r\n\r\n') + 4);
}

describe('long polls of a small race', () => {
  beforeEach(() => begin());

  it('bring every tick once, whichever edge is asked, and wait for the next one', async () => {
    await stage.publisher.run(30);
    const edges = [await stage.edgeAtHead(), await stage.edgeAtHead()];
    const reader = new PollReader(stage.writer.catalogue);
    expect(await read(edges[0]!, reader)).toMatchObject({
      kind: 'snapshot',
      reason: 'first',
      tickMs: 500,
      race: 'oval',
    });
    let isRunning = true;
    const reading = (async () => {
      for (let n = 0; isRunning; n++) await read(edges[n % 2]!, reader);
    })();
    for (let n = 0; n < 25; n++) {
      await stage.publisher.run(1);
      await until('the tick has come', () => reader.tick === stage.writer.tick);
    }
    isRunning = false;
    await stage.publisher.run(1);
    await reading;
    expect(reader.ticks).toEqual(ticksFrom(31, 56));
    expect(reader.field).toEqual(stage.writer.field);
    // Nobody could ask so fast if requests were not held.
    expect(edges.map((edge) => pollsOf(edge).answers.nothing)).toEqual([0, 0]);
    expect(edges.reduce((sum, edge) => sum + pollsOf(edge).answers.deltas, 0)).toBeLessThanOrEqual(26);
  });

  it('give the same answer on every edge, and 304 to whoever has it', async () => {
    const early = await stage.edgeAtHead();
    const { body: first } = await poll(early);
    await stage.publisher.run(40);
    await stage.atHead(early);
    const late = await stage.edgeAtHead();
    const since = new PollReader(stage.writer.catalogue).read(first).to;
    const [a, b] = [await poll(early, since), await poll(late, since)];
    expect(b.body).toEqual(a.body);
    const etag = a.response.headers.get('etag')!;
    expect(b.response.headers.get('etag')).toBe(etag);
    expect(a.response.headers.get('access-control-allow-origin')).toBe('*');
    expect(a.response.headers.get('vary')).toBeNull();
    const known = await poll(early, since, { headers: { 'if-none-match': etag } });
    expect(known.response.status).toBe(304);
    expect(known.body).toHaveLength(0);
    const head = await poll(late, since, { method: 'HEAD' });
    expect(head.response.headers.get('content-length')).toBe(`${a.body.length}`);
  });

  it('for people are JSON: a snapshot of the whole field, and then patches of it', async () => {
    const edge = await stage.edgeAtHead();
    const reader = new JsonPollReader();
    const ask = async () => {
      const query = reader.since === undefined ? '' : `?since=${reader.since}`;
      const response = await fetch(`${edge.url}/races/oval/poll.json${query}`);
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
      return reader.read(new Uint8Array(await response.arrayBuffer()));
    };
    expect(await ask()).toMatchObject({ kind: 'snapshot', reason: 'first' });
    await stage.publisher.run(50);
    await stage.atHead(edge);
    while (reader.ticks.at(-1) !== stage.writer.tick) await ask();
    const next = ask();
    await until('it waits', () => pollsOf(edge).waiting === 1);
    await stage.publisher.run(1);
    expect(await next).toMatchObject({ ticks: 1 });
    expect(reader.ticks).toEqual(ticksFrom(1, 51));
    const { catalogue, field } = stage.writer;
    const view = catalogue.viewOf('essentials')!;
    const cars = [...field.cars.entries()].flatMap(([slot, car]) =>
      field.states[slot] ? [[car, readValues(catalogue, view, field.states[slot])]] : [],
    );
    expect(reader.held!.cars).toEqual(Object.fromEntries(cars));
    expect((await fetch(`${edge.url}/races/none/poll.json`)).status).toBe(404);
  });

  it('are told apart by origin where origins are restricted', async () => {
    const edge = await stage.edgeAtHead({ origins: ['https://fans.example'] });
    const { response } = await poll(edge, undefined, { headers: { origin: 'https://fans.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('https://fans.example');
    expect(response.headers.get('vary')).toBe('Origin');
    const foreign = await poll(edge, undefined, { headers: { origin: 'https://evil.example' } });
    expect(foreign.response.headers.get('access-control-allow-origin')).toBeNull();
    expect(foreign.response.headers.get('vary')).toBe('Origin');
  });

  it('with anything that is no position get a snapshot and the reason', async () => {
    const edge = await stage.edgeAtHead();
    const { epoch } = stage.writer;
    for (const [since, reason] of [
      ['', 'first'],
      ['now', 'garbled'],
      [`${epoch}:0`, 'garbled'],
      [`${epoch}:${'9'.repeat(400)}`, 'garbled'],
      ['%00%ff', 'garbled'],
      ['fedcba9876543210:1', 'other_epoch'],
    ]) {
      const { response, body } = await poll(edge, since);
      expect(response.headers.get('cache-control')).toBe('public, max-age=1');
      expect(new PollReader(stage.writer.catalogue).read(body), since).toMatchObject({ kind: 'snapshot', reason });
    }
    expect((await fetch(`${edge.url}/races/none/poll`)).status).toBe(404);
    expect((await fetch(`${edge.url}${pathOf(undefined)}`, { method: 'POST' })).status).toBe(405);
  });

  it('are given up when whoever asked is gone, and refused where no more may wait', async () => {
    const edge = await stage.edgeAtHead({ limits: { maxFans: 2 } });
    const reader = new PollReader(stage.writer.catalogue);
    await read(edge, reader);
    const waiting = [rawGet(edge, pathOf(reader.since)), rawGet(edge, pathOf(reader.since))];
    await until('two wait', () => pollsOf(edge).waiting === 2);
    const { response } = await poll(edge, reader.since);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(response.headers.get('cache-control')).toBe('no-store');
    waiting[0]!.destroy();
    await until('one is gone', () => pollsOf(edge).waiting === 1);
    const third = poll(edge, reader.since);
    await until('another one waits', () => pollsOf(edge).waiting === 2);
    await stage.publisher.run(1);
    expect(reader.read((await third).body)).toMatchObject({ ticks: 1 });
    await until('nobody waits', () => pollsOf(edge).waiting === 0);
    expect(pollsOf(edge).refused).toMatchObject({ full: 1 });
  });

  it('are sent to another edge when this one leaves, after the lead, and at once when it stops', async () => {
    const [leaving, other] = [await stage.edgeAtHead(), await stage.edgeAtHead()];
    const reader = new PollReader(stage.writer.catalogue);
    await read(leaving, reader);
    const fan = await stage.fanIn(leaving);
    const waiting = poll(leaving, reader.since);
    await until('it waits', () => pollsOf(leaving).waiting === 1);
    const hurry = new AbortController();
    const drained = leaving.drain({ leadMs: 500, maxWindowMs: 60_000, signal: hurry.signal });
    await until('the fan is told', () => fan.reader.said.some(({ type }) => type === 'bye'));
    const { response } = await waiting;
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect(response.headers.get('connection')).toBe('close');
    await stage.publisher.run(2);
    await Promise.all([stage.atHead(leaving), stage.atHead(other)]);
    // What can be answered without waiting still is.
    expect((await poll(leaving, reader.since)).response.status).toBe(200);
    expect(await read(other, reader)).toMatchObject({ ticks: 2 });
    hurry.abort();
    await drained;
    const last = poll(other, reader.since);
    await until('it waits', () => pollsOf(other).waiting === 1);
    await other.stop();
    expect((await last).response.status).toBe(503);
  });

  it('show in the metrics', async () => {
    const edge = await stage.edgeAtHead();
    const reader = new PollReader(stage.writer.catalogue);
    await read(edge, reader);
    rawGet(edge, pathOf(reader.since));
    await until('it waits', () => pollsOf(edge).waiting === 1);
    const text = await (await fetch(`${edge.url}/metrics`)).text();
    expect(text).toContain('slipstream_fans_by_transport{race="oval",transport="poll"} 1');
    expect(text).toContain('slipstream_poll_answers_total{race="oval",kind="snapshot"} 1');
    expect(text).toContain('slipstream_poll_refusals_total{race="oval",reason="full"} 0');
  });
});

describe('an answer that is larger than what sockets hold', () => {
  it('comes whole to who reads it late', async () => {
    await begin(new RaceWriter({ catalogue: testCatalogue('large', 1000), cars: 40 }));
    const folder = mkdtempSync(join(tmpdir(), 'slipstream-web-'));
    try {
      const large = Uint8Array.from({ length: 30_000_000 }, (_, n) => n % 251);
      writeFileSync(join(folder, 'large.bin'), large);
      const edge = await stage.edgeAtHead({ webRoot: folder });
      const reader = new PollReader(stage.writer.catalogue);
      await read(edge, reader);
      await stage.publisher.run(60);
      await stage.atHead(edge);
      const late = [rawGet(edge, pathOf(reader.since)), rawGet(edge, '/large.bin')];
      await until('the polls are answered', () => pollsOf(edge).answers.deltas === 1);
      await stage.publisher.run(1);
      await stage.atHead(edge);
      const [answer, file] = await Promise.all(late.map(bodyOf));
      expect(answer!.length).toBeGreaterThan(500_000);
      expect(reader.read(answer!)).toMatchObject({ ticks: 60 });
      expect(file!.equals(large)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
