import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveReader } from '../archive/archive-reader.ts';
import { openFile } from '../archive/byte-source.ts';
import { writeArchiveFile } from '../archive/file-writer.ts';
import { loopTicks, playTicks } from '../archive/played-ticks.ts';
import { simulateMessages } from '../archive/testing/race-messages.ts';
import type { ArchivedMessage } from '../archive/tick-block.ts';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import type { RaceDocument } from '../protocol/document.ts';
import { digestField, type Field } from '../protocol/field.ts';
import { RaceCursor } from '../protocol/race-cursor.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { loadCatalogue } from './builtin-catalogue.ts';
import { createClock } from './clock.ts';
import { replayRace } from './replay-run.ts';

const TICKS = 130;
const EPOCH = '5eed5eed5eed5eed';
let nats: TestNatsServer;
let connection: NatsConnection;
let folder: string;
let original: Moment[];
let reader: ArchiveReader;
let file: Awaited<ReturnType<typeof openFile>>;

interface Moment {
  readonly field: Field;
  readonly document: RaceDocument;
  readonly closeAtMs: number;
}

/** The state after each tick and what followed it. */
function momentsOf(messages: readonly Pick<ArchivedMessage, 'kind' | 'data'>[]): Moment[] {
  const cursor = new RaceCursor();
  const moments: Moment[] = [];
  for (const { kind, data } of messages) {
    const step = cursor.take(kind, data);
    if (step === 'catalogue') continue;
    const { field, document, head } = cursor.moment!;
    moments[head.tick] = { field, document: document as RaceDocument, closeAtMs: head.closeAtMs };
  }
  return moments;
}

beforeAll(async () => {
  nats = await startNatsServer();
  connection = await connectNats({ servers: [nats.url], name: 'test' });
  folder = mkdtempSync(join(tmpdir(), 'slipstream-replay-'));
  const messages = await simulateMessages(TICKS, { cars: 4, skipS: 30 });
  original = momentsOf(messages);
  const path = join(folder, 'race');
  await writeArchiveFile(path, 'demo', async (take) => {
    for (const message of messages) take(message);
  });
  file = await openFile(path);
  reader = await ArchiveReader.open(file);
});

afterAll(async () => {
  await file.close();
  await connection.close();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

let stream: RaceStream;
let count = 0;
beforeEach(async () => {
  stream = await RaceStream.open(connection, `replay-${++count}`);
});

const play = (from = 0, to = TICKS - 1) => playTicks(reader, { epoch: EPOCH, from, to });

function replay(
  ticks: ReturnType<typeof play>,
  speed: number,
  onTick = (_: { tick: number; lateByMs: number }) => {},
  signal = new AbortController().signal,
) {
  const catalogue = loadCatalogue('stock-car');
  return replayRace(
    { stream, catalogue, clock: createClock(Date.now(), speed), ticks, origin: 'replay of race demo', onTick },
    signal,
  );
}

async function published(): Promise<Moment[]> {
  const { firstSeq, lastSeq } = (await stream.range())!;
  const prefix = stream.subjects.all.length - 1;
  const messages = await stream.read(firstSeq, lastSeq, 10_000);
  return momentsOf(messages.map(({ subject, data }) => ({ kind: subject.slice(prefix), data })));
}

const digests = (moments: readonly Moment[]) => moments.map(({ field }) => digestField(field));
/** What does not tell when it was. */
const timeless = ({ standings, pitStops, flag, lap, roster }: RaceDocument) => ({
  ...{ flag, lap, roster, pitStops: pitStops.map(({ car, lap }) => ({ car, lap })) },
  standings: Object.values(standings).map(({ lineAtMs, ...rest }) => rest),
});

describe('a replay', () => {
  it('has the states and documents of the original, tick for tick, at times moved to now', async () => {
    const beganAtMs = Date.now();
    await replay(play(), 60);
    const again = await published();
    expect(digests(again)).toEqual(digests(original));
    expect(again.map(({ document }) => timeless(document))).toEqual(original.map(({ document }) => timeless(document)));
    expect(again.at(-1)!.document.session).toMatchObject({
      race: stream.race,
      kind: 'simulation',
      origin: 'replay of race demo',
    });
    const shiftMs = again[0]!.closeAtMs - original[0]!.closeAtMs;
    expect(again.map(({ closeAtMs }) => closeAtMs - shiftMs)).toEqual(original.map(({ closeAtMs }) => closeAtMs));
    expect(again[0]!.closeAtMs).toBeGreaterThanOrEqual(beganAtMs);
    const line = (moments: Moment[]) => Object.values(moments.at(-1)!.document.standings)[0]!.lineAtMs!;
    expect(line(again)).toBe(line(original) + shiftMs);
  });

  it('never publishes a tick before its time', async () => {
    const late: number[] = [];
    await replay(play(0, 9), 10, ({ lateByMs }) => late.push(lateByMs));
    expect(late).toHaveLength(10);
    for (const ms of late) expect(ms).toBeGreaterThanOrEqual(0);
  });

  it('begins and ends where it is told', async () => {
    await replay(play(100, 122), 60);
    expect(digests(await published())).toEqual(digests(original.slice(100, 123)));
  });

  it('loops until it is ended, and goes on with the epoch when it is started again', async () => {
    const enough = new AbortController();
    const seen: number[] = [];
    const loop = loopTicks(() => play(20, 29));
    await replay(loop, 60, ({ tick }) => seen.push(tick) === 25 && enough.abort(), enough.signal);
    await replay(play(0, 4), 60);
    const round = digests(original.slice(20, 30));
    const expected = [...round, ...round, ...round.slice(0, 5), ...digests(original.slice(0, 5))];
    const again = await published();
    expect(digests(again)).toEqual(expected);
    const steps = again.slice(1, 25).map(({ closeAtMs }, index) => closeAtMs - again[index]!.closeAtMs);
    expect(new Set(steps)).toEqual(new Set([500]));
  });

  it('gives cars the slots that they have in the race that goes on', async () => {
    const catalogue = loadCatalogue('stock-car');
    const one = original[50]!;
    const moments = [
      [0, 1, 2],
      [3, 1],
      [2, 0, 3],
    ].map((cars, n) => ({
      ...{ document: one.document, closeAtMs: one.closeAtMs + n * 500 },
      field: { cars: cars.map((car) => one.field.cars[car]!), states: cars.map((car) => one.field.states[car]) },
    }));
    const ticks = (async function* () {
      yield* moments;
    })();
    const clock = createClock(Date.now(), 60);
    await replayRace({ stream, catalogue, clock, ticks, origin: '' }, new AbortController().signal);
    const found = (await published()).map(({ field }) => field.cars.filter((_, slot) => field.states[slot]).sort());
    expect(found).toEqual(moments.map(({ field }) => [...field.cars].sort()));
  });

  it('of a file that cannot be read further ends with what is damaged', async () => {
    const broken = (async function* () {
      yield* play(0, 3);
      throw Object.assign(new Error('damaged'), { code: 'damaged_block' });
    })();
    await expect(replay(broken, 60)).rejects.toMatchObject({ code: 'damaged_block' });
  });
});
