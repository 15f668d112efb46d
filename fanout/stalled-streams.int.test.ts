import { afterEach, beforeEach, expect, it } from 'vitest';
import { FRAME_FLAG } from '../protocol/frames.ts';
import type { Edge } from './edge.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { EventFan } from './testing/event-fan.ts';
import { RaceWriter, testCatalogue } from './testing/publisher.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import { until } from './testing/until.ts';

/** What the system takes for a socket and what a tick has here, slow-fans.int.test.ts says. */
const CARS = 40;
const ALL_CARS = `watch=${ticksFrom(0, CARS - 1).join(',')}&doc=0`;
/** A snapshot of this field, with the third on top that base64 costs. */
const LARGEST_EVENT = 192 * 1024;
/** The library ends a response that takes nothing after 10 s, and looks every 4 s. */
const LONGER_THAN_THE_LIBRARY_MS = 14_000;
const TEST_WITHIN_MS = 120_000;

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.set(new RaceWriter({ cars: CARS, catalogue: testCatalogue('large', 600) }));
  await stage.publisher.begin();
  while (stage.writer.field.cars.length < CARS) await stage.publisher.run(1);
});
afterEach(() => stage.strike());

const statsOf = (edge: Edge) => edge.stats().races.oval!;

async function frozen(edge: Edge): Promise<EventFan> {
  const fan = stage.strictStream(edge, ALL_CARS);
  await until('the first tick', () => fan.reader.state);
  fan.freeze();
  let before: number;
  do {
    before = statsOf(edge).tally.frames;
    await stage.publisher.run(1);
    await stage.atHead(edge);
    expect(stage.writer.tick, 'the socket takes everything').toBeLessThan(2000);
  } while (statsOf(edge).tally.frames > before);
  return fan;
}

const isAtHead = ({ failure, reader }: EventFan) => {
  if (failure) throw failure;
  return reader.state?.tick === stage.writer.tick;
};

it(
  'a stream that is not read costs a bounded memory, outlives the clock of the library, and is whole again with one frame',
  async () => {
    const edge = await stage.edgeAtHead();
    const fan = await frozen(edge);
    const { frames } = statsOf(edge).tally;
    const endAtMs = Date.now() + LONGER_THAN_THE_LIBRARY_MS;
    while (Date.now() < endAtMs) {
      await stage.publisher.run(1);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await stage.atHead(edge);
    expect(statsOf(edge).tally.frames).toBe(frames);
    expect(statsOf(edge).pendingBytes).toBeLessThan(DEFAULT_LIMITS.maxPendingBytes + LARGEST_EVENT);
    fan.thaw();
    await until('it is at the head', () => isAtHead(fan), 60_000);
    const [joined, ...more] = fan.reader.ticks.slice(1).filter(({ span }) => span !== 1);
    expect(more).toEqual([]);
    expect(joined!.flags & FRAME_FLAG.conflated).not.toBe(0);
    await stage.publisher.run(3);
    await until('it has the last tick', () => isAtHead(fan));
    expect(statsOf(edge)).toMatchObject({ pendingBytes: 0, fans: 1, tally: { conflated: 1, closed: {} } });
  },
  TEST_WITHIN_MS,
);

it(
  'a stream that takes nothing for too long is cut off',
  async () => {
    const edge = await stage.edgeAtHead({ limits: { stallTimeoutMs: 500 } });
    await frozen(edge);
    await until('it is cut off', () => edge.stats().fans === 0);
    expect(statsOf(edge).tally.closed).toEqual({ timeout: 1 });
    await until('its connection is gone', () => edge.stats().connections === 0);
  },
  TEST_WITHIN_MS,
);
