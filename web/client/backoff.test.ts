import fc from 'fast-check';
import { expect, it } from 'vitest';
import { reconnectDelayMs } from './backoff.ts';

const window = fc.integer({ min: 0, max: 600_000 });
const failures = fc.nat(2000);
const chance = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

it('spreads the first return uniformly over the window that the edge announced', () => {
  fc.assert(
    fc.property(fc.integer({ min: 250, max: 600_000 }), chance, (windowMs, random) => {
      expect(reconnectDelayMs(windowMs, 0, random)).toBe(windowMs * random);
    }),
  );
});

it('never waits longer than 30 s or the announced window, whichever is longer', () => {
  fc.assert(
    fc.property(window, failures, chance, (windowMs, tries, random) => {
      const delay = reconnectDelayMs(windowMs, tries, random);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThan(Math.max(windowMs, 30_000) + 1);
    }),
  );
});

it('never shortens the range with more failures, and doubles it below the limit', () => {
  const range = (windowMs: number, tries: number) => reconnectDelayMs(windowMs, tries, 1);
  fc.assert(
    fc.property(window, fc.nat(100), (windowMs, tries) => {
      expect(range(windowMs, tries + 1)).toBeGreaterThanOrEqual(range(windowMs, tries));
      if (range(windowMs, tries + 1) < 30_000) {
        expect(range(windowMs, tries + 1)).toBe(2 * range(windowMs, tries));
      }
    }),
  );
});
