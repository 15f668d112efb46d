import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { type PublishResult, RaceStream } from '../broker/race-stream.ts';
import type { TelemetryError } from '../protocol/errors.ts';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { encodeTick } from '../protocol/tick-message.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { readStream } from '../testing/race-check.ts';
import { openSmallDisk, smallDiskProblem } from '../testing/small-disk.ts';
import type { Outgoing } from './outgoing.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
import { Spool } from './spool.ts';
import { publishLeft } from './spooled-race.ts';
import { readTestCatalogue } from './test-catalogues.ts';

let server: TestNatsServer;
let connection: NatsConnection;
let stream: RaceStream;
const publishers: Publisher[] = [];

let spoolFolder: string;

beforeEach(async () => {
  spoolFolder = mkdtempSync(join(tmpdir(), 'slipstream-spool-'));
  server = await startNatsServer();
  connection = await connectNats({ servers: [server.url], name: 'test' });
  stream = await RaceStream.open(connection, 'test');
  await stream.ensure();
});

afterEach(async () => {
  for (const publisher of publishers.splice(0)) publisher.stop();
  await connection.close();
  await server.stop();
  rmSync(spoolFolder, { recursive: true, force: true });
});

function start(more: Partial<PublisherOptions> = {}) {
  const fatal = Promise.withResolvers<TelemetryError>();
  const retries: string[] = [];
  const publisher = new Publisher({
    stream,
    lastSeqs: new Map(),
    onFatal: (error) => fatal.resolve(error),
    onRetry: (error) => retries.push(error.message),
    ...more,
  });
  publishers.push(publisher);
  return { publisher, fatal: fatal.promise, retries };
}

const message = (n: number, kind: 'tick' | 'doc' | 'keyframe' = 'tick', writer = 'w'): Outgoing => ({
  subject: stream.subjects[kind],
  data: new TextEncoder().encode(`${writer} ${kind} ${n}`),
  id: `${kind}${n}`,
});

const IDENTITY = { epoch: '0123456789abcdef', catalogue: 'hash' };

/** The next tick of an epoch, as far as a spool looks into it. */
function tick(n: number, bytes = 200): Outgoing {
  const head = { tick: n, closeAtMs: n, epoch: IDENTITY.epoch, catalogueTag: 1 };
  const data = new Uint8Array(bytes);
  data.set(encodeTick(head, readTestCatalogue('formula-1'), EMPTY_FIELD, EMPTY_FIELD));
  return { subject: stream.subjects.tick, data, id: `${IDENTITY.epoch}:${n}`, base: () => undefined };
}

const openSpool = (maxBytes: number) => new Spool({ folder: join(spoolFolder, 'race'), race: 'test', maxBytes });

const texts = async () => (await readStream(stream)).map(({ data }) => new TextDecoder().decode(data));

/** The stream, but what `meddle` says happens to each publish. */
function meddled(meddle: (n: number, publish: () => Promise<PublishResult>) => Promise<PublishResult>) {
  let n = 0;
  return {
    publish: (...args: Parameters<RaceStream['publish']>) => meddle(n++, () => stream.publish(...args)),
    last: (subject: string) => stream.last(subject),
    at: (seq: number) => stream.at(seq),
    range: () => stream.range(),
  };
}

describe('the publisher stores every message once and in order', () => {
  it('over several subjects', async () => {
    const { publisher } = start();
    for (let n = 0; n < 50; n++)
      publisher.send(message(n), ...(n % 3 ? [] : [message(n, 'doc'), message(n, 'keyframe')]));
    expect(publisher.waiting).toBeGreaterThan(60);
    await publisher.flush();
    expect(publisher.waiting).toBe(0);
    const expected = Array.from({ length: 50 }, (_, n) =>
      n % 3 ? [`w tick ${n}`] : [`w tick ${n}`, `w doc ${n}`, `w keyframe ${n}`],
    );
    expect(await texts()).toEqual(expected.flat());
  });

  it('while the nats-server is killed and comes back', async () => {
    const { publisher, retries } = start({ maxWaiting: 5000 });
    for (let n = 0; n < 2000; n++) publisher.send(message(n));
    await vi.waitUntil(() => publisher.waiting < 1800);
    await server.kill();
    expect(publisher.waiting).toBeGreaterThan(0);
    await vi.waitUntil(() => retries.length > 0, { timeout: 10_000 });
    await server.restart();
    await publisher.flush();
    expect(await texts()).toEqual(Array.from({ length: 2000 }, (_, n) => `w tick ${n}`));
  });

  it('when answers are lost, before or after the message was stored', async () => {
    const lost = meddled(async (n, publish) => {
      if (n % 4 === 1) throw new Error('timeout');
      const result = await publish();
      if (n % 4 === 3) throw new Error('timeout');
      return result;
    });
    const { publisher, retries } = start({ stream: lost });
    for (let n = 0; n < 6; n++) publisher.send(message(n));
    await publisher.flush();
    expect(await texts()).toEqual(Array.from({ length: 6 }, (_, n) => `w tick ${n}`));
    expect(retries.length).toBeGreaterThan(3);
  });

  it('when the answer was lost so long ago that NATS has forgotten the id', async () => {
    const forgetful = meddled(async (n, publish) => {
      if (n === 1) {
        // Stored under another id, as if the id had left the window.
        await stream.publish(stream.subjects.tick, message(1).data, 'forgotten', 1);
        throw new Error('timeout');
      }
      return publish();
    });
    const { publisher } = start({ stream: forgetful });
    publisher.send(message(0), message(1), message(2));
    await publisher.flush();
    expect(await texts()).toEqual(['w tick 0', 'w tick 1', 'w tick 2']);
  });

  it('when NATS refuses because it has not yet decided on the message before', async () => {
    const { publisher, retries } = start({ stream: meddled(async (n, publish) => (n === 1 ? 'conflict' : publish())) });
    publisher.send(message(0), message(1));
    await publisher.flush();
    expect(await texts()).toEqual(['w tick 0', 'w tick 1']);
    expect(retries).toHaveLength(1);
  });

  it('going on after the sequences that it was given', async () => {
    const one = start();
    one.publisher.send(message(0), message(0, 'doc'));
    await one.publisher.flush();
    const { publisher } = start({
      lastSeqs: new Map([
        [stream.subjects.tick, 1],
        [stream.subjects.doc, 2],
      ]),
    });
    publisher.send(message(1), message(1, 'doc'), message(1, 'keyframe'));
    await publisher.flush();
    expect(await texts()).toHaveLength(5);
  });
});

describe('two publishers: whoever is second is fenced and writes nothing more', () => {
  it.each([
    ['with ids of its own', 'other'],
    ['with the same ids, which NATS takes for a retry', 'tick'],
  ])('%s', async (_, prefix) => {
    const one = start();
    const two = start();
    one.publisher.send(message(0), message(1), message(2));
    await one.publisher.flush();
    for (let n = 0; n < 5; n++) two.publisher.send({ ...message(n, 'tick', 'second'), id: `${prefix}${n}` });
    expect(await two.fatal).toMatchObject({ code: 'fenced', name: 'BrokerError' });
    two.publisher.send(message(9, 'doc', 'second'));
    await two.publisher.flush();
    one.publisher.send(message(3));
    await one.publisher.flush();
    expect(await texts()).toEqual(['w tick 0', 'w tick 1', 'w tick 2', 'w tick 3']);
  });

  it('also when both begin at the same time', async () => {
    const both = ['a', 'b'].map((writer) => ({ writer, ...start() }));
    for (const { publisher, writer } of both) for (let n = 0; n < 20; n++) publisher.send(message(n, 'tick', writer));
    const loser = await Promise.race(both.map(({ fatal, writer }) => fatal.then(() => writer)));
    const winner = loser === 'a' ? 'b' : 'a';
    await both.find(({ writer }) => writer === winner)!.publisher.flush();
    expect(await texts()).toEqual(Array.from({ length: 20 }, (_, n) => `${winner} tick ${n}`));
  });
});

describe('what is lost in NATS', () => {
  it('as a whole is noticed', async () => {
    const { publisher, fatal } = start();
    publisher.send(message(0));
    await publisher.flush();
    await server.restart({ wipe: true });
    publisher.send(message(1));
    expect(await fatal).toMatchObject({ code: 'stream_lost' });
  });

  it('from the end is noticed', async () => {
    const { publisher, fatal } = start({ lastSeqs: new Map([[stream.subjects.tick, 500]]) });
    publisher.send(message(0));
    expect(await fatal).toMatchObject({ code: 'stream_lost' });
  });
});

describe('a NATS that takes nothing', () => {
  it('is told of once, with its reason, and once more when it takes everything again', {
    timeout: 20_000,
  }, async () => {
    const told: string[] = [];
    let isFull = true;
    const full = meddled((_, publish) => (isFull ? Promise.reject(new Error('insufficient resources')) : publish()));
    const { publisher, retries } = start({
      stream: full,
      onBlocked: (problem) => told.push(problem),
      onUnblocked: (waiting) => told.push(`${waiting} waited`),
    });
    publisher.send(message(0), message(1));
    await vi.waitUntil(() => retries.length >= 4);
    expect(told).toEqual([]);
    await vi.waitUntil(() => retries.length >= 16, { timeout: 10_000 });
    expect(told).toEqual(['insufficient resources']);
    isFull = false;
    await publisher.flush();
    expect(told).toEqual(['insufficient resources', '2 waited']);
    expect(await texts()).toEqual(['w tick 0', 'w tick 1']);
  });
});

describe('the spool', () => {
  it('is bounded, and says why NATS took nothing', async () => {
    const { publisher, fatal, retries } = start({ maxWaiting: 3 });
    await server.kill();
    publisher.send(message(0));
    publisher.send(message(1), message(2));
    await vi.waitUntil(() => retries.length > 0, { timeout: 10_000 });
    publisher.send(message(3));
    const { code, message: text } = await fatal;
    expect(code).toBe('spool_full');
    expect(text).toContain('3 messages wait in memory, the limit is 3');
    expect(text).toContain(retries.at(-1)!);
    expect(publisher.waiting).toBe(0);
  });

  it('on disk is bounded too; what it holds then is published by the next process', async () => {
    const { publisher, fatal } = start({ spool: { store: openSpool(40_000), identity: IDENTITY } });
    await server.kill();
    let told: TelemetryError | undefined;
    void fatal.then((error) => {
      told = error;
    });
    const sent: Outgoing[] = [];
    publisher.send(tick(0));
    await vi.waitUntil(() => publisher.unspooled === 0, { timeout: 20_000 });
    for (let n = 1; n < 1000 && !told; n++) {
      sent.push(tick(n));
      publisher.send(sent.at(-1)!);
      await Promise.resolve();
    }
    expect(told).toMatchObject({ code: 'spool_full', name: 'BrokerError' });
    expect(told!.message).toMatch(
      /The spool in \S+ holds \d+ bytes, its limit is 40000 \(.*\); mend NATS and start ingest/,
    );
    await server.restart();
    await vi.waitUntil(() => stream.range().then(Boolean, () => false), { timeout: 20_000 });
    const said: string[] = [];
    await publishLeft(openSpool(40_000), stream, (_, words) => said.push(words), new AbortController().signal);
    // The one that found no room is gone.
    const kept = [tick(0), ...sent.slice(0, -1)];
    expect(said.join()).toContain(`${kept.length} messages that waited`);
    expect((await readStream(stream)).map(({ data }) => [...data])).toEqual(kept.map(({ data }) => [...data]));
  });

  it('that an earlier process has left is kept when the waiting for NATS is given up', async () => {
    const spool = openSpool(1e6);
    spool.begin({ ...IDENTITY }, new Map());
    for (let n = 0; n < 5; n++) spool.append(tick(n));
    spool.close();
    const abort = new AbortController();
    const tries: number[] = [];
    const full = meddled(async (n) => {
      tries.push(n);
      if (n === 1) abort.abort(new Error('enough'));
      throw new Error('insufficient resources');
    });
    const stuck = { ...full, subjects: stream.subjects } as unknown as RaceStream;
    await expect(publishLeft(openSpool(1e6), stuck, () => {}, abort.signal)).rejects.toThrow('enough');
    expect(tries).toHaveLength(2);
    const outcome = await publishLeft(openSpool(1e6), stream, () => {}, new AbortController().signal);
    expect(outcome).toEqual({ published: 5 });
    expect(await readStream(stream)).toHaveLength(5);
  });

  const problem = smallDiskProblem();
  it.skipIf(problem)(`whose disk is full goes on in memory, and says so${problem ? `: ${problem}` : ''}`, async () => {
    const disk = await openSmallDisk(400_000);
    try {
      const told: string[] = [];
      const spool = new Spool({ folder: join(disk.path, 'race'), race: 'test', maxBytes: 1e9, segmentBytes: 50_000 });
      const { publisher } = start({
        spool: { store: spool, identity: IDENTITY },
        onSpoolProblem: ({ message }) => told.push(message),
      });
      for (let round = 0; round < 2; round++) {
        await server.kill();
        const all = Array.from({ length: 100 }, (_, n) => tick(round * 100 + n, 10_000));
        publisher.send(...all.slice(0, 3));
        await vi.waitUntil(() => publisher.unspooled === 0, { timeout: 20_000 });
        for (const message of all.slice(3)) publisher.send(message);
        expect(told.join()).toMatch(/^(The spool in \S+ cannot be used \(ENOSPC in \w+\)\.,?)+$/);
        expect(told).toHaveLength(round + 1);
        expect(publisher.unspooled).toBeGreaterThan(20);
        expect(publisher.waiting - publisher.unspooled).toBeGreaterThan(20);
        await server.restart();
        await publisher.flush();
        const stored = (await readStream(stream)).slice(round * 100).map(({ data }) => Buffer.from(data));
        expect(stored.map((data, n) => data.equals(all[n]!.data))).toEqual(all.map(() => true));
        expect(spool.bytes).toBe(0);
      }
    } finally {
      disk.stop();
    }
  });

  it('is given up by stop(), and whoever waits for it goes on', async () => {
    await server.kill();
    const { publisher } = start();
    publisher.send(message(0));
    const flushed = publisher.flush();
    publisher.stop();
    await flushed;
    publisher.send(message(1));
    expect(publisher.waiting).toBe(0);
    await publisher.flush();
  });

  it('is waited for no longer than asked', async () => {
    await server.kill();
    const { publisher } = start();
    publisher.send(message(0));
    await publisher.flush(30);
    expect(publisher.waiting).toBe(1);
    await server.restart();
    await publisher.flush();
    expect(await texts()).toEqual(['w tick 0']);
  });
});
