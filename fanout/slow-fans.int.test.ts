import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FRAME_FLAG } from '../protocol/frames.ts';
import type { Edge } from './edge.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { RaceWriter, testCatalogue } from './testing/publisher.ts';
import type { RawFan } from './testing/raw-fan.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import { until } from './testing/until.ts';

/**
 * The operating system takes about 3 MB for a socket of the loopback before anything waits in the edge, and some more
 * when it finds the memory. A tick of this field, all cars in all channels, has some 20 kB.
 */
const CARS = 40;
const CHANNELS = 600;
const ALL_CARS = `watch=${ticksFrom(0, CARS - 1).join(',')}&doc=0`;
const { maxPendingBytes } = DEFAULT_LIMITS;
/** More than any frame here: what one fan may have beyond its budget. */
const LARGEST_FRAME = 128 * 1024;
/** What twenty fans had waiting is 60 MB. */
const READ_WITHIN_MS = 60_000;
const TEST_WITHIN_MS = 120_000;
/** Beyond this the buffers of the system are larger than the test knows. */
const MAX_TICKS = 2000;

let stage: Stage;
let edge: Edge;
beforeEach(async () => {
  stage = await Stage.set(new RaceWriter({ cars: CARS, catalogue: testCatalogue('large', CHANNELS) }));
  await stage.publisher.begin();
  while (stage.writer.field.cars.length < CARS) await stage.publisher.run(1);
  edge = await stage.edgeAtHead();
});
afterEach(() => stage.strike());

const statsOf = () => edge.stats().races.oval!;

async function areIn(fans: readonly RawFan[]): Promise<void> {
  await until('all are in', () => fans.every(({ reader }) => reader.state));
}

/** Waits until every fan has the newest tick, without another one. */
async function areAtHead(fans: readonly RawFan[]): Promise<void> {
  const isAtHead = () => {
    for (const { failure } of fans) if (failure) throw failure;
    return fans.every(({ reader }) => reader.state?.tick === stage.writer.tick);
  };
  await until(`all are at tick ${stage.writer.tick}`, isAtHead, READ_WITHIN_MS);
}

/** Publishes until a tick goes to none of the slow ones; what waits for them is bounded all the time. */
async function flow(slow: number, beforeTick: () => void = () => {}): Promise<void> {
  const others = edge.stats().fans - slow;
  let sent = 0;
  do {
    expect(stage.writer.tick, 'the sockets take everything').toBeLessThan(MAX_TICKS);
    const { frames } = statsOf().tally;
    beforeTick();
    await stage.publisher.put(stage.writer.nextTick());
    await until('the others are served', () => {
      sent = statsOf().tally.frames - frames;
      return sent >= others;
    });
    expect(statsOf().pendingBytes).toBeLessThan(slow * (maxPendingBytes + LARGEST_FRAME));
  } while (sent > others);
  expect(statsOf().pendingBytes).toBeGreaterThan(0);
}

/** Every tick from the first to the newest, alone. */
function expectEveryTick({ reader, isEnded }: RawFan): void {
  expect(isEnded).toBe(false);
  expect(reader.ticks.map(({ tick }) => tick)).toEqual(ticksFrom(reader.ticks[0]!.tick, stage.writer.tick));
  expect(reader.ticks.slice(1).every(({ span, flags }) => span === 1 && flags === 0)).toBe(true);
}

/** Every tick from the first to the newest, alone or in a frame that joins those that did not fit. @returns the joins. */
function expectJoins({ reader, isEnded }: RawFan): number {
  expect(isEnded).toBe(false);
  const [first, ...rest] = reader.ticks;
  const joins = rest.filter(({ span }) => span !== 1);
  expect(joins.length).toBeGreaterThanOrEqual(1);
  expect(joins.every(({ flags }) => (flags & FRAME_FLAG.conflated) !== 0)).toBe(true);
  // A snapshot has no span: it stands for all that is between, and its receipt says so.
  const covered = rest.reduce((sum, { span }) => sum + span, 0);
  const inSnapshots = reader.receipts.slice(1).reduce((sum, { ticks }) => sum + ticks, 0);
  expect(covered + inSnapshots).toBe(stage.writer.tick - first!.tick);
  return joins.length;
}

/** Lets the slow ones read all that waits; what did not fit comes in one frame each, and no tick is needed for that. */
async function thaw(slow: readonly RawFan[]): Promise<void> {
  const before = statsOf().tally.conflated;
  for (const fan of slow) fan.thaw();
  await areAtHead(slow);
  expect(statsOf().tally.conflated - before).toBeLessThanOrEqual(slow.length);
}

describe('an edge', () => {
  it(
    'S1 gives readers of 1 KB/s what they can read, holds little for them and joins the rest',
    async () => {
      const slow = Array.from({ length: 5 }, () => stage.strict(edge, ALL_CARS));
      const witness = stage.strict(edge, ALL_CARS);
      await areIn([...slow, witness]);
      for (const fan of slow) fan.freeze();
      // Two ticks are a second.
      const readOn = () => {
        if (stage.writer.tick % 2 === 0) for (const fan of slow) fan.take(1024);
      };
      await flow(slow.length, readOn);
      for (let n = 0; n < 40; n++) {
        readOn();
        await stage.publisher.run(1);
      }
      await areAtHead([witness]);
      expect(statsOf().pendingBytes).toBeLessThan(slow.length * (maxPendingBytes + LARGEST_FRAME));
      for (const { reader, failure } of slow) {
        expect(failure).toBeUndefined();
        expect(reader.ticks.length).toBeGreaterThan(2);
        expect(reader.ticks.length).toBeLessThan(40);
      }
      await thaw(slow);
      await stage.publisher.run(5);
      await areAtHead([...slow, witness]);
      expectEveryTick(witness);
      const conflated = slow.reduce((sum, fan) => sum + expectJoins(fan), 0);
      expect(statsOf()).toMatchObject({ pendingBytes: 0, fans: 6, tally: { conflated, closed: {} } });
    },
    TEST_WITHIN_MS,
  );

  it(
    'S2 lets nine fans in ten not notice that the tenth is frozen, and brings that one back with one frame',
    async () => {
      const others = ticksFrom(1, 180).map((n) =>
        stage.strict(edge, `watch=${n % CARS},${(n + 1) % CARS}:driver&doc=0`),
      );
      const frozen = Array.from({ length: 20 }, () => stage.strict(edge, ALL_CARS));
      await areIn([...others, ...frozen]);
      for (const fan of frozen) fan.freeze();
      const pinged: number[] = [];
      await flow(frozen.length, () => {
        const { tick } = stage.writer;
        if (tick % 20 !== 0) return;
        pinged.push(tick);
        for (const fan of frozen) fan.say({ type: 'ping', id: tick });
      });
      // Said while their sockets take nothing at all.
      for (const fan of frozen) {
        fan.say({
          type: 'watch',
          id: 1,
          watch: ticksFrom(1, CARS - 1).map((car) => ({ car: `${car}`, view: car % 2 ? 'full' : 'driver' })),
        });
        for (const id of ticksFrom(5001, 5005)) fan.say({ type: 'ping', id });
      }
      await stage.publisher.run(30);
      await areAtHead(others);
      for (const fan of others) expectEveryTick(fan);
      expect(statsOf().pendingBytes).toBeGreaterThan(0);
      expect(statsOf().pendingBytes).toBeLessThan(frozen.length * (maxPendingBytes + LARGEST_FRAME));
      await thaw(frozen);
      await stage.publisher.run(2);
      await areAtHead([...others, ...frozen]);
      let conflated = 0;
      for (const fan of frozen) {
        conflated += expectJoins(fan);
        const { said } = fan.reader;
        const pongs = said.flatMap((message) => (message.type === 'pong' && message.id > 0 ? [message.id] : []));
        expect(pongs).toEqual([...pinged, ...ticksFrom(5001, 5005)]);
        expect(said.filter(({ type }) => type === 'watching')).toMatchObject([{ id: 1 }]);
      }
      for (const fan of others) expectEveryTick(fan);
      expect(statsOf()).toMatchObject({ pendingBytes: 0, fans: 200, tally: { conflated, closed: {} } });
    },
    TEST_WITHIN_MS,
  );
});
