import { describe, expect, it } from 'vitest';
import type { Catalogue } from '../protocol/catalogue.ts';
import { VirtualClock } from './clock.ts';
import { createF1TestSource } from './f1-test-source.ts';
import { createIbtSource } from './ibt-source.ts';
import { areRecordingsMissing, recordings } from './recordings.ts';
import type { Source } from './source.ts';
import { KeepingSink } from './source-contract.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const START = 1_700_000_000_000;
const stockCar = readTestCatalogue('stock-car');
const formula1 = readTestCatalogue('formula-1');

/** Plays a source for a while; gives the values of one channel of one car, in order. */
async function play(catalogue: Catalogue, create: (clock: VirtualClock) => Source, forMs: number) {
  const clock = new VirtualClock(START);
  const sink = new KeepingSink();
  const source = create(clock);
  await source.start(sink);
  clock.advanceTo(START + forMs);
  await source.stop();
  const valuesOf = (car: string, key: string): number[] => {
    const index = catalogue.indexOf(key)!;
    return sink.frames
      .filter((one) => one.car === car)
      .map(({ channels, values }) => values[channels.indexOf(index)] ?? Number.NaN);
  };
  const cars = [...new Set(sink.frames.map(({ car }) => car))];
  return { ...sink, facts: sink.told[0]!, cars, valuesOf };
}
const largestStep = (values: number[]) => Math.max(...values.slice(1).map((value, i) => Math.abs(value - values[i]!)));

describe.skipIf(areRecordingsMissing())('a field made of', () => {
  const truck = recordings.ibt.filter((path) => path.includes('truck'));
  const asField =
    (files: string[], cars: number | 'as-recorded', seed = 1) =>
    (clock: VirtualClock) =>
      createIbtSource(stockCar, clock, { files, cars, seed });

  it('one iRacing recording is 40 cars at 60 Hz with more than 100 channels, each with a phase of its own', async () => {
    const { frames, facts, cars, valuesOf } = await play(stockCar, asField(truck, 40), 1000);
    expect(cars.sort()).toEqual(Array.from({ length: 40 }, (_, i) => String(i + 1).padStart(2, '0')));
    expect(frames.length).toBe(40 * 60);
    expect(frames.every(({ channels }) => channels.length > 100)).toBe(true);
    expect(new Set(cars.map((car) => valuesOf(car, 'lap_dist_pct')[0])).size).toBe(40);
    expect(facts).toMatchObject({
      kind: 'recording',
      origin: 'iRacing recording, replicated',
      track: 'Bristol Motor Speedway',
      trackLengthM: 828.2,
      lapsTotal: 200,
    });
    expect(facts.roster![6]).toEqual({ car: '07', driver: 'Car 07' });
  });

  it('one iRacing recording goes on across the end of its laps', async () => {
    const { valuesOf } = await play(stockCar, asField(truck, 1), 100_000);
    const of = (key: string) => valuesOf('01', key);
    expect(largestStep(of('lap'))).toBe(1);
    expect(of('lap').at(-1)).toBeGreaterThan(6);
    expect(largestStep(of('session_time'))).toBeLessThan(0.02);
    expect(largestStep(of('fuel_level'))).toBeLessThan(0.02);
    expect(of('fuel_level').at(-1)).toBeLessThan(of('fuel_level')[0]! - 1);
    expect(largestStep(of('tire_lf_odometer'))).toBe(100);
    expect(largestStep(of('lat'))).toBeLessThan(0.0001);
    expect(largestStep(of('speed'))).toBeLessThan(40);
    expect(Math.max(...of('lap_time'))).toBeLessThan(15.3);
    expect(of('lap_time_last').at(-1)).toBeCloseTo(15.1, 0);
  });

  it('iRacing recordings gives the files in turn, and the same frames for the same seed only', async () => {
    const once = await play(stockCar, asField(recordings.ibt, 7), 500);
    const again = await play(stockCar, asField(recordings.ibt, 7), 500);
    const other = await play(stockCar, asField(recordings.ibt, 7, 2), 500);
    expect(again.frames).toEqual(once.frames);
    expect(other.frames).not.toEqual(once.frames);
    const widths = Array.from(
      { length: 7 },
      (_, i) => once.frames.find(({ car }) => car === `0${i + 1}`)!.channels.length,
    );
    expect(widths[5]).toBe(widths[0]);
    expect(new Set(widths).size).toBeGreaterThan(1);
    expect(once.facts.trackLengthM).toBeUndefined();
  });

  it('an iRacing recording as recorded is that car, its pit road included, once', async () => {
    const { facts, valuesOf, frames } = await play(stockCar, asField(truck, 'as-recorded'), 120_000);
    expect(facts.origin).toBe('iRacing recording');
    expect(frames.length).toBe(3445);
    expect(valuesOf('01', 'on_pit_road')[0]).toBe(1);
    expect([...new Set(valuesOf('01', 'lap'))]).toEqual([170, 171, 172, 173]);
  });

  const f1 = (cars?: number) => (clock: VirtualClock) =>
    createF1TestSource(formula1, clock, { folder: recordings.f1Test, ...(cars && { cars }) });

  it('a Formula 1 test is 40 driver-days that start together, at the uneven times of their samples', async () => {
    const { cars, facts, frames, valuesOf } = await play(formula1, f1(), 10_000);
    expect(cars.length).toBe(40);
    expect(cars).toContain('ALB1');
    expect(cars).toContain('HAD3');
    expect(facts.roster![0]).toEqual({ car: 'ALB1', driver: 'ALB', team: 'Williams' });
    expect(frames.length / 40 / 10).toBeCloseTo(7.4, 0);
    expect(frames.filter(({ atMs }) => atMs === START).length).toBe(40);
    expect(valuesOf('ALB1', 'speed')[0]).toBeCloseTo(281.8, 1);
  });

  it('a Formula 1 test has no value where the recording has an error, and laps in order for ever', async () => {
    const { cars, valuesOf } = await play(formula1, f1(18), 1_000_000);
    for (const car of cars) {
      const inRange = (key: string, low: number, high: number) => {
        expect(valuesOf(car, key).filter((value) => value < low || value > high)).toEqual([]);
      };
      inRange('throttle', 0, 100);
      for (const axis of ['x', 'y', 'z']) inRange(`acc_${axis}`, -100, 100);
      expect(largestStep(valuesOf(car, 'lap'))).toBe(1);
    }
    const last = valuesOf('ALB1', 'lap_time_last');
    const laps = valuesOf('ALB1', 'lap');
    const lastAtStartOf = (lap: number) => last[laps.indexOf(lap)];
    // Lap 1 of the race is lap 11 of the day; after its seven laps it is driven again.
    expect(lastAtStartOf(2)).toBeCloseTo(101.253, 6);
    expect(lastAtStartOf(3)).toBeCloseTo(101.95, 6);
    expect(lastAtStartOf(9)).toBeCloseTo(101.253, 6);
  });
});

describe('a field that cannot be', () => {
  const start = (source: Source) => source.start(new KeepingSink());
  const clock = new VirtualClock(START);

  it.each([
    [createIbtSource(stockCar, clock, { files: [] }), 'no_recording', 'No .ibt file is given: give the path of one.'],
    [
      createIbtSource(stockCar, clock, { files: ['/none.ibt'] }),
      'no_recording',
      'Recording /none.ibt does not exist: give the path of an .ibt file.',
    ],
    [
      createIbtSource(stockCar, clock, { files: ['/none.ibt'], cars: 0 }),
      'bad_field',
      'A field has 1 to 200 cars, not 0: ask for another number.',
    ],
    [
      createIbtSource(stockCar, clock, { files: [import.meta.filename] }),
      'bad_recording',
      /is no iRacing recording that can be read/,
    ],
    [
      createF1TestSource(formula1, clock, { folder: '/none' }),
      'no_recording',
      'Folder /none does not exist: give the folder of the recording.',
    ],
    [
      createF1TestSource(formula1, clock, { folder: import.meta.dirname }),
      'no_recording',
      /holds no laps: give the folder that holds P1, P2 and so on\.$/,
    ],
  ])('says why: %#', async (source, code, message) => {
    const error = (await start(source).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ name: 'SourceError', code });
    expect(error.message).toMatch(message);
  });
});
