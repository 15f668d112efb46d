import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Catalogue } from '../protocol/catalogue.ts';
import { readDriverDay } from './f1-test-laps.ts';
import { toEndlessLaps } from './ibt-columns.ts';
import { parseIbt } from './ibt-file.ts';
import { findCleanLaps } from './ibt-laps.ts';
import { areRecordingsMissing, recordings } from './recordings.ts';
import { MODE } from './simulator/cars.ts';
import { createRace } from './simulator/race.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const stockCar = readTestCatalogue('stock-car');
const formula1 = readTestCatalogue('formula-1');

/** Of a table of readings the channels that are in alarm in one of its rows, each with the first such reading. */
function findAlarms({ channels }: Catalogue, indices: ArrayLike<number>, values: Float64Array): string[] {
  return Array.from(indices).flatMap((index, column) => {
    const { key, limits } = channels[index]!;
    if (!limits) return [];
    const { alarmBelow = Number.NEGATIVE_INFINITY, alarmAbove = Number.POSITIVE_INFINITY } = limits;
    for (let at = column; at < values.length; at += indices.length) {
      if (values[at]! < alarmBelow || values[at]! > alarmAbove) return [`${key} ${values[at]}`];
    }
    return [];
  });
}

const withLimits = (catalogue: Catalogue, indices: ArrayLike<number>) =>
  Array.from(indices).filter((index) => catalogue.channels[index]!.limits).length;

describe.skipIf(areRecordingsMissing())('no channel is in alarm', () => {
  it.each(recordings.ibt.map((path) => [basename(path), path]))('in the clean laps of %s', (name, path) => {
    const file = parseIbt(readFileSync(path), name);
    const { channels, values } = toEndlessLaps(file, findCleanLaps(file), stockCar);
    expect(withLimits(stockCar, channels)).toBeGreaterThan(15);
    expect(findAlarms(stockCar, channels, values)).toEqual([]);
  });

  it.each(['P1/ANT', 'P1/RUS', 'P3/COL'])('in the driver-day %s', async (day) => {
    const { channels, values } = (await readDriverDay(join(recordings.f1Test, day), formula1))!;
    expect(withLimits(formula1, channels)).toBe(1);
    expect(findAlarms(formula1, channels, values)).toEqual([]);
  });
});

it('no channel of a healthy car in the simulator is in alarm while it races, and one of a broken engine is', () => {
  const race = createRace({ seed: 7, cars: 12, laps: 15 });
  const { cars, control } = race.world;
  const indices = race.channels.map((key) => stockCar.indexOf(key)!);
  const values = new Float64Array(indices.length);
  const alarmsOf = (i: number) => {
    race.sample(i, values);
    return findAlarms(stockCar, indices, values);
  };
  const alarms: string[] = [];
  let sampled = 0;
  while (race.timeS < 900 && control.phase !== 'over') {
    race.step(2);
    for (let i = 0; i < cars.count; i++) {
      if (race.flag !== 'green' || cars.mode[i] !== MODE.track || cars.engineHealth[i]! < 1) continue;
      sampled++;
      alarms.push(...alarmsOf(i));
    }
  }
  expect(sampled).toBeGreaterThan(1000);
  expect(alarms).toEqual([]);
  cars.oilC[0] = 160;
  expect(alarmsOf(0)).toContainEqual(expect.stringMatching(/^oil_temp /));
});
