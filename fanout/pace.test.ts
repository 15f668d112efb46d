import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RATES, type Rate, strideOf } from '../protocol/control.ts';
import { Pace, Paces } from './pace.ts';

it.each<[Rate, number, number]>([
  [2, 500, 1],
  [1, 500, 2],
  [0.5, 500, 4],
  [0.2, 500, 10],
  [2, 1000, 1],
  [1, 1000, 1],
  [0.2, 1000, 5],
  [2, 62.5, 1],
  [1, 62.5, 16],
  [0.2, 400, 13],
  [1, 3000, 1],
])('at rate %d and %d ms a tick a frame comes every so many ticks: %d', (rate, tickMs, stride) => {
  expect(strideOf(rate, tickMs)).toBe(stride);
});

it('after a tick the next one of the pace comes, never later than a stride', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(99), fc.nat(2 ** 32 - 1000), (stride, rest, tick) => {
      const pace = new Pace(stride, rest % stride);
      const next = pace.after(tick);
      expect(next).toBeGreaterThan(tick);
      expect(next - tick).toBeLessThanOrEqual(stride);
      expect(next % stride).toBe(pace.phase);
    }),
  );
});

it('fans of one rate are spread over the ticks, whatever others ask for', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...RATES), { maxLength: 200 }), (rates) => {
      const paces = new Paces(500);
      const taken = rates.map((rate) => ({ rate, pace: paces.take(rate) }));
      for (const rate of RATES) {
        const counts = Array.from({ length: strideOf(rate, 500) }, () => 0);
        for (const one of taken) if (one.rate === rate) counts[one.pace.phase]!++;
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }
    }),
  );
});
