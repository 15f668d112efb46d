import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Channel } from './catalogue.ts';
import { NULL_VALUE, quantisedRange } from './coding-plan.ts';
import { dequantise, quantise } from './quantise.ts';
import { makeWorld, worldSpecs } from './testing/worlds.ts';

const channel = (resolution: number, min: number, max: number): Channel => ({
  key: 'c',
  label: '',
  unit: '',
  resolution,
  min,
  max,
  aggregate: 'last',
  group: '',
  staleAfterMs: 500,
});

describe('a reading becomes the nearest integer of steps', () => {
  it.each([
    [1, 2.5, 3],
    [1, -2.5, -2],
    [1, 0.49999999999999994, 0],
    [1, -0.5, 0],
    [1, -0.2, 0],
    [0.1, 0.35, 3], // 0.35 / 0.1 is 3.4999999999999996
    [0.1, 100, 1000],
    [0.001, -600, -600_000],
    [2.5, 3.75, 2],
  ])('resolution %d: %d is %d', (resolution, value, steps) => {
    expect(quantise(channel(resolution, -1000, 1000), value)).toBe(steps);
  });
});

it.each([undefined, null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -10.0001, 20.0001])(
  'a reading that is missing or out of range (%s) becomes null',
  (value) => {
    const one = channel(0.1, -10, 20);
    expect(quantise(one, value)).toBe(NULL_VALUE);
    expect(dequantise(one, NULL_VALUE)).toBeNull();
  },
);

it('the limits themselves are in range, and a range narrower than a step has one value', () => {
  expect(quantise(channel(0.1, -10, 20), -10)).toBe(-100);
  expect(quantise(channel(0.1, -10, 20), 20)).toBe(200);
  expect(quantisedRange(channel(1, -0.3, 0.4))).toEqual({ lowest: 0, highest: 0 });
});

it('what a fan sees is the step and no digits of chance', () => {
  expect(dequantise(channel(0.1, 0, 10), 3)).toBe(0.3);
  expect(dequantise(channel(0.000001, -90, 90), 12_345_678)).toBe(12.345678);
  expect(dequantise(channel(2.5, 0, 10), 3)).toBe(7.5);
  expect(dequantise(channel(1024, 0, 10_240), 3)).toBe(3072);
});

it('every reading in range stays within half a step, and every step comes back as itself', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 1 }), (spec) => {
      const { catalogue, random } = makeWorld(spec);
      for (const one of catalogue.channels) {
        const { lowest, highest } = quantisedRange(one);
        const value = one.min + random.next() * (one.max - one.min);
        const steps = quantise(one, Math.min(value, one.max));
        expect(steps >= lowest && steps <= highest).toBe(true);
        expect(Object.is(steps, -0)).toBe(false);
        expect(Math.abs(steps - value / one.resolution)).toBeLessThanOrEqual(0.5 + 1e-6);
        const step = random.int(lowest, highest);
        expect(Math.round(dequantise(one, step)! / one.resolution) + 0).toBe(step);
      }
    }),
    { numRuns: 500 },
  );
});
