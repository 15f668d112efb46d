import { expect, it } from 'vitest';
import type { PitStop } from '../../client/mod.ts';
import { lastStopsOf, saySince } from './stops.ts';

const stop = (car: string, lap: number | null, inAtMs: number): PitStop => ({ car, lap, inAtMs, outAtMs: null });

it('the last stop of a car is the latest one, in whatever order they stand', () => {
  const stops = lastStopsOf([stop('24', 31, 3000), stop('9', 12, 1500), stop('24', 10, 1000)]);
  expect([stops.get('24')?.lap, stops.get('9')?.lap, stops.get('48')]).toEqual([31, 12, undefined]);
});

it.each([
  [40, 31, '9 laps'],
  [32, 31, '1 lap'],
  [40, undefined, '40 laps'],
  [31, 31, '0 laps'],
  // The line lies on pit road: the stop may count to the next lap.
  [31, 32, '0 laps'],
  [null, 31, '–'],
  [undefined, undefined, '–'],
])('in lap %s with the last stop in lap %s the tires are %s old', (lap, stopLap, text) => {
  expect(saySince(lap, stopLap)).toBe(text);
});
