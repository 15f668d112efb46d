import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { parseCatalogue } from '../protocol/catalogue.ts';
import type { RaceFacts } from '../protocol/document.ts';
import { SourceError } from '../protocol/errors.ts';
import { digestField } from '../protocol/field.ts';
import { encodeTick } from '../protocol/tick-message.ts';
import { type IngestProcess, startIngestProcess } from '../testing/ingest-process.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { decodeRace, readStream } from '../testing/race-check.ts';
import { createSyntheticSource, TEST_CATALOGUE } from '../testing/synthetic-source.ts';
import { createClock, VirtualClock } from './clock.ts';
import { type Ingest, type IngestOptions, type PublishedTick, startIngest, TICK_MS } from './ingest.ts';
import { Publisher } from './publisher.ts';
import { type Clock, createFrame, type Source, type SourceSink } from './source.ts';

const START_MS = 1_800_000_000_000;
const RACE = 'test';

let server: TestNatsServer;
let connection: NatsConnection;
let stream: RaceStream;
const ingests: Ingest[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  server = await startNatsServer();
  connection = await connectNats({ servers: [server.url], name: 'test' });
  stream = await RaceStream.open(connection, RACE);
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const ingest of ingests.splice(0)) await ingest.stop();
  await connection.close();
  await server.stop();
});

const base = (clock: Clock) => ({ connection, race: RACE, catalogue: TEST_CATALOGUE, clock });

/** An ingest on a clock of its own, with everything that it said and every tick that it handed out. */
async function start(clock: VirtualClock, more: Partial<IngestOptions> = {}) {
  const log: string[] = [];
  const ticks: PublishedTick[] = [];
  const ingest = await startIngest({
    connection,
    race: RACE,
    catalogue: TEST_CATALOGUE,
    clock,
    sources: [createSyntheticSource(clock)],
    onLog: (_, message) => log.push(message),
    onTick: (tick) => ticks.push(tick),
    ...more,
  });
  ingests.push(ingest);
  return { ingest, log, ticks };
}

/** Lets race time pass tick by tick, with room for what is done between ticks. */
async function run(clock: VirtualClock, ticks: number) {
  for (let i = 0; i < ticks; i++) {
    clock.advanceTo(clock.nowMs() + TICK_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Asks until it is so; whoever asks a NATS that has just gone gets an error and asks again. */
const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitUntil(async () => Promise.resolve(condition()).catch(() => false), { timeout: 25_000, interval: 20 });
const epochsInStream = async () => decodeRace(await readStream(stream));
const lastTick = async () => (await epochsInStream()).at(-1)?.ticks.at(-1)?.tick ?? -1;
const digests = (ticks: readonly Pick<PublishedTick, 'tick' | 'field'>[]) =>
  ticks.map(({ tick, field }) => [tick, digestField(field)]);

describe('what ingest publishes', () => {
  it('is, tick by tick, the field that it held', async () => {
    const clock = new VirtualClock(START_MS);
    const { ingest, ticks } = await start(clock);
    await run(clock, 100);
    await ingest.stop();
    const [only, ...others] = await epochsInStream();
    expect(others).toEqual([]);
    expect(digests(only!.ticks)).toEqual(digests(ticks));
    expect(only).toMatchObject({ epoch: ingest.epoch, keyframes: 5 });
    expect(only!.document.session).toMatchObject({ race: RACE, kind: 'simulation' });
    expect(only!.document.pitStops.length).toBeGreaterThan(0);
    expect(ingest.counts()).toMatchObject({ ticks: 100, late_ticks: 0, publish_retry: 0 });
    await expect(ingest.done).resolves.toBeUndefined();
  });

  it('goes on after a stop with the same epoch, the next tick and deltas on what fans have', async () => {
    const clock = new VirtualClock(START_MS);
    const first = await start(clock);
    await run(clock, 33);
    await first.ingest.stop();
    clock.advanceTo(clock.nowMs() + 12_345);
    const second = await start(clock);
    await run(clock, 30);
    await second.ingest.stop();
    expect(second.ingest.epoch).toBe(first.ingest.epoch);
    expect(second.ticks[0]!.tick).toBe(33);
    const [only, ...others] = await epochsInStream();
    expect(others).toEqual([]);
    expect(digests(only!.ticks)).toEqual(digests([...first.ticks, ...second.ticks]));
  });

  it('shows what the data is, also when another kind of source goes on', async () => {
    const clock = new VirtualClock(START_MS);
    const first = await start(clock);
    await run(clock, 2);
    await first.ingest.stop();
    const live: Source = { name: 'silent', kind: 'live', start: async () => {}, stop: async () => {} };
    const second = await start(clock, { sources: [live] });
    await run(clock, 2);
    await second.ingest.stop();
    const [only] = await epochsInStream();
    expect(only!.document.session.kind).toBe('live');
  });

  it('begins a new epoch with another catalogue', async () => {
    const clock = new VirtualClock(START_MS);
    const first = await start(clock);
    await run(clock, 5);
    await first.ingest.stop();
    const catalogue = parseCatalogue({ ...JSON.parse(TEST_CATALOGUE.json), name: 'other' });
    const second = await start(clock, { catalogue, sources: [createSyntheticSource(clock, { catalogue })] });
    await run(clock, 5);
    await second.ingest.stop();
    const epochs = await epochsInStream();
    expect(epochs.map(({ epoch }) => epoch)).toEqual([first.ingest.epoch, second.ingest.epoch]);
    expect(digests(epochs[1]!.ticks)).toEqual(digests(second.ticks));
    expect(second.log.join()).toContain('another catalogue');
  });

  it('is of the cars that may race alone; others are counted and take no slot', async () => {
    const clock = new VirtualClock(START_MS);
    const { ingest, log, ticks } = await start(clock, { only: ['1', '3', 'late'] });
    await run(clock, 5);
    await ingest.stop();
    expect(ticks.at(-1)!.field.cars).toEqual(['1', '3']);
    const [only] = await epochsInStream();
    expect(Object.keys(only!.document.roster)).toEqual(['1', '3']);
    expect(ingest.counts()['unknown_car:0']).toBeGreaterThan(40);
    expect(log.filter((line) => line.includes('unknown_car:0 '))).toHaveLength(1);
  });

  it('begins a new epoch when invented cars have left no slot for one that may race', async () => {
    const clock = new VirtualClock(START_MS);
    const crowd = createSyntheticSource(clock, { cars: 251 });
    const first = await start(clock, { sources: [crowd] });
    await run(clock, 2);
    await first.ingest.stop();
    expect(first.ticks.at(-1)!.field.cars).toHaveLength(250);
    expect(first.log.join()).toContain('field_full:250 (250 cars have raced');
    const second = await start(clock, { sources: [crowd], only: ['7'] });
    await run(clock, 1);
    await second.ingest.stop();
    expect(second.ingest.epoch).toBe(first.ingest.epoch);
    const third = await start(clock, { sources: [crowd], only: ['7', '250'] });
    await run(clock, 2);
    await third.ingest.stop();
    expect(third.ingest.epoch).not.toBe(first.ingest.epoch);
    expect(third.ticks.at(-1)!.field.cars).toEqual(['7', '250']);
    await expect(start(clock, { only: Array.from({ length: 251 }, (_, n) => `${n}`) })).rejects.toMatchObject({
      code: 'too_many_cars',
    });
  });

  it.each([
    ['bytes that are no tick', () => new Uint8Array([1, 1, 9])],
    [
      'a tick that leaves one out',
      (epoch: string) =>
        encodeTick(
          { tick: 7, closeAtMs: START_MS + 9000, epoch, catalogueTag: TEST_CATALOGUE.tag },
          TEST_CATALOGUE,
          { cars: [], states: [] },
          { cars: [], states: [] },
        ),
    ],
    [
      'the next tick of another epoch',
      () =>
        encodeTick(
          { tick: 5, closeAtMs: START_MS + 9000, epoch: 'ffffffffffffffff', catalogueTag: TEST_CATALOGUE.tag },
          TEST_CATALOGUE,
          { cars: [], states: [] },
          { cars: [], states: [] },
        ),
    ],
  ])('begins a new epoch, and says why, behind %s', async (_, damage) => {
    const clock = new VirtualClock(START_MS);
    const first = await start(clock);
    await run(clock, 5);
    await first.ingest.stop();
    const last = await stream.last(stream.subjects.tick);
    await stream.publish(stream.subjects.tick, damage(first.ingest.epoch), 'damage', last!.seq);
    const second = await start(clock);
    await run(clock, 5);
    await second.ingest.stop();
    expect(second.ingest.epoch).not.toBe(first.ingest.epoch);
    expect(second.log.join()).toContain('begins a new epoch:');
    const all = await readStream(stream);
    const [epoch] = decodeRace(all.slice(all.findLastIndex(({ subject }) => subject.endsWith('.catalogue'))));
    expect(digests(epoch!.ticks)).toEqual(digests(second.ticks));
  });
});

describe('a start that fails', () => {
  it('stops every source, writes nothing and gives the lease back', async () => {
    const clock = new VirtualClock(START_MS);
    const stopped: string[] = [];
    const source = (name: string, fails: boolean): Source => ({
      name,
      kind: 'live',
      start: async () => {
        if (fails) throw new SourceError('no_recording', 'It is not there.');
      },
      stop: async () => void stopped.push(name),
    });
    const sources = [source('good', false), source('bad', true), source('never', false)];
    await expect(start(clock, { sources })).rejects.toThrow('It is not there.');
    expect(stopped.sort()).toEqual(['bad', 'good', 'never']);
    expect(await stream.range()).toEqual({ firstSeq: 0, lastSeq: 0 });
    const { log } = await start(clock);
    expect(log.join()).not.toContain('standing by');
  });

  it('with a clock far behind the stream says so', async () => {
    const clock = new VirtualClock(START_MS);
    const first = await start(clock);
    await run(clock, 3);
    await first.ingest.stop();
    await expect(start(new VirtualClock(START_MS - 60_000))).rejects.toMatchObject({ code: 'clock_behind' });
    await start(clock);
  });

  it('goes on with a simulation that was ahead of the time of day, but never sets the time of live cars', async () => {
    const ahead = new VirtualClock(START_MS);
    const first = await start(ahead);
    await run(ahead, 3);
    await first.ingest.stop();
    const live: Source = { name: 'silent', kind: 'live', start: async () => {}, stop: async () => {} };
    const late = () => createClock(START_MS - 3_600_000, 20);
    await expect(startIngest({ ...base(late()), sources: [live] })).rejects.toMatchObject({ code: 'clock_behind' });
    const clock = late();
    const ticks: PublishedTick[] = [];
    const second = await startIngest({
      ...base(clock),
      sources: [createSyntheticSource(clock)],
      onTick: (tick) => ticks.push(tick),
    });
    await until(() => ticks.length >= 3);
    await second.stop();
    expect(second.epoch).toBe(first.ingest.epoch);
    expect(ticks.map(({ tick }) => tick)).toEqual(ticks.map((_, n) => 3 + n));
    expect(ticks[0]!.closeAtMs).toBeGreaterThan(first.ticks[2]!.closeAtMs);
    const [only, ...others] = await epochsInStream();
    expect(others).toEqual([]);
    expect(digests(only!.ticks)).toEqual(digests([...first.ticks, ...ticks]));
  });

  it('ends when the waiting is given up', async () => {
    const clock = new VirtualClock(START_MS);
    await start(clock);
    const abort = new AbortController();
    const waiting = startIngest(
      {
        connection,
        race: RACE,
        catalogue: TEST_CATALOGUE,
        clock,
        sources: [],
        onLog: () => abort.abort(new Error('asked to end')),
      },
      abort.signal,
    );
    await expect(waiting).rejects.toThrow('asked to end');
  });
});

describe('two ingests of one race', () => {
  it('follow each other: the second waits and goes on where the first has stopped', async () => {
    const clock = new VirtualClock(START_MS);
    const first = await start(clock);
    await run(clock, 5);
    const waits = Promise.withResolvers<string>();
    const second = start(clock, { onLog: (_, message) => message.includes('standing by') && waits.resolve(message) });
    expect(await waits.promise).toContain(`ingest ${process.pid}`);
    await first.ingest.stop();
    const { ingest, ticks } = await second;
    await run(clock, 5);
    await ingest.stop();
    expect(ingest.epoch).toBe(first.ingest.epoch);
    const [only, ...others] = await epochsInStream();
    expect(others).toEqual([]);
    expect(digests(only!.ticks)).toEqual(digests([...first.ticks, ...ticks]));
  });

  it('know what either was told: what only the first one heard stays, what came since the last tick is added', async () => {
    const clock = new VirtualClock(START_MS);
    /** A live source that says what the test says. */
    const talker = () => {
      const started = Promise.withResolvers<SourceSink>();
      const source: Source = {
        name: 'talker',
        kind: 'live',
        start: async (sink) => started.resolve(sink),
        stop: async () => {},
      };
      const say = async (samples: Record<string, number>, facts?: RaceFacts) => {
        const sink = await started.promise;
        const frame = createFrame(TEST_CATALOGUE);
        const keys = Object.keys(samples);
        frame.channels.set(keys.map((key) => TEST_CATALOGUE.indexOf(key)!));
        frame.values.set(Object.values(samples));
        Object.assign(frame, { car: '7', atMs: clock.nowMs(), count: keys.length });
        sink.frame(frame);
        if (facts) sink.facts(facts);
      };
      return { source, say };
    };
    const [a, b] = [talker(), talker()];
    const first = await start(clock, { sources: [a.source] });
    const waits = Promise.withResolvers<string>();
    const second = start(clock, { sources: [b.source], onLog: (_, message) => waits.resolve(message) });
    expect(await waits.promise).toContain('standing by');
    const green = { flag: 'green', lapsTotal: 50, control: [{ text: 'Green' }] } as const;
    await a.say({ speed: 100, lap: 1 }, green);
    await b.say({ speed: 100, lap: 1 }, green);
    await run(clock, 2);
    // A gateway that tells the first one alone.
    await a.say({ lap: 2 }, { flag: 'yellow' });
    await run(clock, 2);
    await first.ingest.stop();
    // Nobody publishes now.
    await b.say({ accel: 5 }, { lapsTotal: 60, control: [{ text: 'Debris', atMs: START_MS - 5 }] });
    clock.advanceTo(clock.nowMs() + TICK_MS);
    await b.say({ accel: 7 });
    const { ingest, ticks } = await second;
    await run(clock, 2);
    await ingest.stop();
    const [only, ...others] = await epochsInStream();
    expect(others).toEqual([]);
    const values = only!.ticks.map(({ field }) => {
      const [state] = field.states;
      return ['speed', 'lap', 'accel'].map((key) => state![TEST_CATALOGUE.indexOf(key)!]);
    });
    const NONE = -(2 ** 31);
    expect(values.slice(0, 4)).toEqual([
      [1000, 1, NONE],
      [1000, 1, NONE],
      [1000, 2, NONE],
      [1000, 2, NONE],
    ]);
    expect(values[4]).toEqual([1000, 2, 500]);
    expect(values.at(-1)).toEqual([1000, 2, 700]);
    expect(only!.document).toMatchObject({ flag: 'yellow', session: { lapsTotal: 60 } });
    // Both heard the first message, and only one of them what came between.
    expect(only!.document.control).toEqual([
      { text: 'Green', atMs: START_MS },
      { text: 'Debris', atMs: START_MS - 5 },
    ]);
    expect(only!.ticks.map(({ closeAtMs }) => closeAtMs)).toEqual(
      only!.ticks.map((_, n) => START_MS + (n + 1) * TICK_MS),
    );
    expect(digests(only!.ticks)).toEqual(digests([...first.ticks, ...ticks]));
  });

  it('cannot both write: a publisher with old sequences is refused under the same tick numbers', async () => {
    const clock = new VirtualClock(START_MS);
    const { ingest } = await start(clock);
    await run(clock, 3);
    await until(async () => (await lastTick()) === 2);
    const subject = stream.subjects.tick;
    const stale = new Map([[subject, (await stream.last(subject))!.seq]]);
    await run(clock, 3);
    await until(async () => (await lastTick()) === 5);
    const refused = Promise.withResolvers<string>();
    const second = new Publisher({ stream, lastSeqs: stale, onFatal: ({ code }) => refused.resolve(code) });
    // NATS answers "duplicate", as if it had been stored, to the id of a tick that is there.
    for (const tick of [3, 4, 5, 6, 7]) {
      second.send({ subject, data: new Uint8Array([1, 2, 3]), id: `${ingest.epoch}:${tick}` });
    }
    expect(await refused.promise).toBe('fenced');
    await run(clock, 3);
    await ingest.stop();
    const [only, ...others] = await epochsInStream();
    expect(others).toEqual([]);
    expect(only!.ticks.map(({ tick }) => tick)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('go on when the last word of the one before comes late', async () => {
    const clock = new VirtualClock(START_MS);
    const first = await start(clock);
    await run(clock, 3);
    await first.ingest.stop();
    let sink: SourceSink | undefined;
    const raceControl: Source = {
      name: 'race control',
      kind: 'live',
      start: async (given) => {
        sink = given;
      },
      stop: async () => {},
    };
    const second = await start(clock, { sources: [createSyntheticSource(clock), raceControl] });
    const last = await stream.last(stream.subjects.tick);
    const { field } = first.ticks.at(-1)!;
    const head = { tick: 3, closeAtMs: START_MS + 2000, epoch: first.ingest.epoch, catalogueTag: TEST_CATALOGUE.tag };
    await stream.publish(
      stream.subjects.tick,
      encodeTick(head, TEST_CATALOGUE, field, field),
      `${head.epoch}:3`,
      last!.seq,
    );
    sink!.facts({ flag: 'yellow' });
    await run(clock, 1);
    await until(async () => {
      await run(clock, 1);
      return (await lastTick()) >= 6;
    });
    await second.ingest.stop();
    expect(second.log.join()).toContain('taken up again');
    const epochs = await epochsInStream();
    expect(epochs.map(({ epoch }) => epoch)).toEqual([first.ingest.epoch]);
    expect(epochs[0]!.document.flag).toBe('yellow');
  });
});

describe('when NATS goes away', { timeout: 90_000 }, () => {
  it('ingest keeps ticking and publishes all of it in order afterwards, and keeps its lease', async () => {
    const clock = new VirtualClock(START_MS);
    const { ingest, ticks } = await start(clock);
    await run(clock, 10);
    await server.kill();
    await run(clock, 120);
    await server.restart();
    await until(async () => (await lastTick()) === 129);
    await run(clock, 10);
    await ingest.stop();
    const [only, ...others] = await epochsInStream();
    expect(others).toEqual([]);
    expect(digests(only!.ticks)).toEqual(digests(ticks));
  });

  it('longer than the lease lives, ingest is not lost by it', async () => {
    const clock = new VirtualClock(START_MS);
    const { ingest } = await start(clock);
    await run(clock, 3);
    const jsm = await jetstreamManager(connection);
    const renewals = async () =>
      (await jsm.streams.getMessage('KV_slipstream_leases', { last_by_subj: `$KV.slipstream_leases.${RACE}` }))!.seq;
    const before = await renewals();
    await server.kill();
    // Real time has to pass here: it is the lease that expires.
    await until(() => ingest.counts().publish_retry! >= 2);
    await server.restart();
    await run(clock, 3);
    await until(async () => (await lastTick()) === 5);
    await until(async () => (await renewals()) > before + 1);
    const waits = Promise.withResolvers<string>();
    const abort = new AbortController();
    const second = startIngest(
      {
        connection,
        race: RACE,
        catalogue: TEST_CATALOGUE,
        clock,
        sources: [],
        onLog: (_, message) => waits.resolve(message),
      },
      abort.signal,
    );
    expect(await waits.promise).toContain('standing by');
    abort.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
  });

  it('and comes back without its data, a new epoch begins', async () => {
    const clock = new VirtualClock(START_MS);
    const { ingest, log } = await start(clock);
    await run(clock, 10);
    const { epoch } = ingest;
    await server.restart({ wipe: true });
    await until(async () => {
      await run(clock, 1);
      return (await lastTick()) >= 3;
    });
    await ingest.stop();
    expect(ingest.epoch).not.toBe(epoch);
    expect(log.join()).toContain('lost its data');
    const epochs = await epochsInStream();
    expect(epochs.map(({ epoch }) => epoch)).toEqual([ingest.epoch]);
    expect(Object.keys(epochs[0]!.document.roster)).toHaveLength(5);
  });

  it('and somebody deletes the stream, or empties it, again and again, an epoch begins each time', async () => {
    const clock = new VirtualClock(START_MS);
    const { ingest } = await start(clock);
    await run(clock, 3);
    await until(async () => (await lastTick()) === 2);
    const jsm = await jetstreamManager(connection);
    const seen = new Set([ingest.epoch]);
    for (const act of ['delete', 'purge', 'delete'] as const) {
      await jsm.streams[act](stream.name);
      await until(async () => {
        await run(clock, 1);
        return !seen.has(ingest.epoch) && (await lastTick()) >= 1;
      });
      seen.add(ingest.epoch);
    }
    await ingest.stop();
    expect(seen.size).toBe(4);
    await expect(ingest.done).resolves.toBeUndefined();
  });
});

function startChild(): IngestProcess {
  const started = startIngestProcess(server.url, RACE, '');
  children.push(started.child);
  return started;
}

describe('an ingest that dies', () => {
  it('leaves no tick number forked, doubled or lost, however often and whenever it is killed', {
    timeout: 120_000,
  }, async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e6));
    for (let life = 0; life < 6; life++) {
      const { kill, ticks } = startChild();
      await until(() => ticks.length >= 3 + ((seed * (life + 1) * 7919) % 40));
      await kill();
    }
    const [only, ...others] = await epochsInStream();
    expect(others, `seed ${seed}`).toEqual([]);
    expect(
      only!.ticks.map(({ tick }) => tick),
      `seed ${seed}`,
    ).toEqual(only!.ticks.map((_, index) => index));
    expect(only!.ticks.length).toBeGreaterThanOrEqual(6 * 2);
  });

  it('or only sleeps, is followed by the other, and cannot write when it wakes', async () => {
    const first = startChild();
    await until(() => first.ticks.length >= 5);
    first.child.kill('SIGSTOP');
    const second = startChild();
    await until(() => second.ticks.length >= 5);
    const ended = once(first.child, 'close');
    first.child.kill('SIGCONT');
    expect(await ended).toEqual([1, null]);
    expect(['fenced', 'lease_lost']).toContain(first.failure);
    const before = second.ticks.length;
    await until(() => second.ticks.length >= before + 25);
    await second.kill();
    const [only, ...others] = await epochsInStream();
    expect(others).toEqual([]);
    expect(only!.ticks.map(({ tick }) => tick)).toEqual(only!.ticks.map((_, index) => index));
  });
});
