import { describe, expect, it } from 'vitest';
import { parseCatalogue } from '../protocol/catalogue.ts';
import { VirtualClock } from './clock.ts';
import { createRecordingSource, PLAYER_CHANNELS, type RecordedLaps } from './recording-player.ts';
import type { Clock } from './source.ts';
import { KeepingSink } from './source-contract.ts';

const KEYS = [...PLAYER_CHANNELS, 'speed', 'fuel_level'];
const CATALOGUE = parseCatalogue({
  name: 'test',
  channels: KEYS.map((key) => {
    const range = { resolution: 0.1, min: -1, max: 9999, aggregate: 'last', staleAfterMs: 2000 };
    return { key, label: key, unit: '', group: 'g', ...range };
  }),
});
const START = 1_700_000_000_000;
const SPEED = KEYS.indexOf('speed');
const FUEL = KEYS.indexOf('fuel_level');

/** Two laps of 400 ms and 600 ms, a row every 100 ms whose speed is its number, and 1 litre used for each row. */
const LAPS: RecordedLaps = {
  channels: Uint16Array.from(KEYS.keys()),
  values: Float64Array.from({ length: 10 * KEYS.length }, (_, i) => {
    const row = Math.floor(i / KEYS.length);
    return { [SPEED]: row, [FUEL]: 20 - row }[i % KEYS.length] ?? Number.NaN;
  }),
  atMs: Float64Array.from({ length: 10 }, (_, row) => 100 * row),
  durationMs: 1000,
  lapStarts: [0, 4],
  counters: [{ column: FUEL, perLoop: -10, refill: { from: 2, by: 18 } }],
};

async function play(laps: RecordedLaps, phaseMs: number, steps: number[]) {
  const clock = new VirtualClock(START);
  const sink = new KeepingSink();
  const cars = ['07', '24'].map((car, i) => ({ car, laps, phaseMs: i * phaseMs }));
  const source = createRecordingSource('test', CATALOGUE, clock, async () => ({ facts: { name: 'T' }, cars }));
  await source.start(sink);
  for (const step of steps) clock.advanceTo(START + step);
  await source.stop();
  clock.advanceTo(START + 1e6);
  const of = (car: string) => {
    const frames = sink.frames.filter((frame) => frame.car === car);
    return frames.map(({ atMs, values }) => ({
      at: atMs - START,
      ...Object.fromEntries(KEYS.map((key, i) => [key, values[i]!])),
    }));
  };
  return { sink, of: of as (car: string) => (Record<string, number> & { at: number })[] };
}

describe('endless laps', () => {
  it('are delivered when race time reaches each row, and go on from the last to the first', async () => {
    const { of, sink } = await play(LAPS, 0, [0, 99, 1234]);
    expect(sink.told).toEqual([{ name: 'T' }]);
    expect(of('07').map(({ at }) => at)).toEqual(Array.from({ length: 13 }, (_, i) => 100 * i));
    expect(of('07').map(({ speed }) => speed)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]);
  });

  it('count laps, time them, and keep the best', async () => {
    const rows = (await play(LAPS, 0, [3000])).of('07');
    const at = (ms: number) => rows.find((row) => row.at === ms);
    expect(at(300)).toMatchObject({
      lap: 1,
      laps_completed: 0,
      lap_time_last: Number.NaN,
      lap_best: Number.NaN,
      session_time: 0.3,
    });
    expect(at(400)).toMatchObject({ lap: 2, laps_completed: 1, lap_time_last: 0.4, lap_time_best: 0.4, lap_best: 1 });
    expect(at(1000)).toMatchObject({ lap: 3, lap_time_last: 0.6, lap_time_best: 0.4, lap_best: 1, session_time: 1 });
    expect(at(2400)).toMatchObject({ lap: 6, laps_completed: 5, lap_time_last: 0.4, lap_best: 1 });
  });

  it('give no time to a lap that a car did not begin at the line', async () => {
    const rows = (await play(LAPS, 250, [3000])).of('24');
    expect(rows[0]).toMatchObject({ at: 50, speed: 3, lap: 1, lap_time_last: Number.NaN });
    expect(rows.find(({ at }) => at === 150)).toMatchObject({ speed: 4, lap: 2, lap_time_last: Number.NaN });
    expect(rows.find(({ at }) => at === 750)).toMatchObject({ speed: 0, lap: 3, lap_time_last: 0.6, lap_best: 2 });
  });

  it('use fuel without a jump until the tank is filled up', async () => {
    const fuel = (await play(LAPS, 0, [10_000])).of('07').map((row) => row.fuel_level!);
    expect(fuel.slice(0, 20)).toEqual([20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 19]);
    expect(Math.min(...fuel)).toBe(2);
    expect(Math.max(...fuel)).toBe(20);
  });

  it('are the same however the clock is moved', async () => {
    const once = await play(LAPS, 333, [5000]);
    const often = await play(
      LAPS,
      333,
      Array.from({ length: 5001 }, (_, ms) => ms),
    );
    expect(often.sink.frames).toEqual(once.sink.frames);
    expect(once.sink.frames.map(({ atMs }) => atMs)).toEqual(once.sink.frames.map(({ atMs }) => atMs).sort());
  });
});

it('plays a recording without laps once and changes nothing in it', async () => {
  const { of } = await play({ ...LAPS, durationMs: Number.POSITIVE_INFINITY, lapStarts: [0] }, 0, [5000]);
  expect(of('07').map(({ speed }) => speed)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(of('07').every(({ lap, session_time }) => Number.isNaN(lap) && Number.isNaN(session_time))).toBe(true);
});

it('delivers all of it after a stall, a bounded number at a time', async () => {
  let nowMs = START;
  const due: (() => void)[] = [];
  const clock: Clock = {
    nowMs: () => nowMs,
    callAt(_, callback) {
      due.push(callback);
      return () => {};
    },
  };
  const sink = new KeepingSink();
  const cars = [{ car: '07', laps: LAPS, phaseMs: 0 }];
  const source = createRecordingSource('test', CATALOGUE, clock, async () => ({ facts: {}, cars }));
  await source.start(sink);
  nowMs += 700_000;
  due.shift()!();
  expect(sink.frames.length).toBe(5000);
  due.shift()!();
  expect(sink.frames.length).toBe(7001);
  await source.stop();
});

it('can be started again after it could not be read, and stopped while it is being read', async () => {
  const clock = new VirtualClock(START);
  const sink = new KeepingSink();
  let fail = true;
  const source = createRecordingSource('test', CATALOGUE, clock, async () => {
    if (fail) throw new Error('no');
    return { facts: {}, cars: [{ car: '07', laps: LAPS, phaseMs: 0 }] };
  });
  await expect(source.start(sink)).rejects.toThrow('no');
  fail = false;
  const starting = source.start(sink);
  await source.stop();
  await starting;
  clock.advanceTo(START + 1000);
  expect(sink.frames).toEqual([]);
  await source.start(sink);
  clock.advanceTo(START + 2000);
  expect(sink.frames.length).toBe(11);
});
