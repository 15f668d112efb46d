import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planDeparture, slotMs } from './farewell.ts';
import { DEFAULT_LIMITS } from './limits.ts';

describe('an edge that leaves', () => {
  it.each([
    [10, 30_000, 1000],
    [5000, 30_000, 5000],
    [60_000, 30_000, 30_000],
    [60_000, Number.POSITIVE_INFINITY, 60_000],
  ])('spreads %d fans, within %d ms at most, over %d ms', (fans, maxWindowMs, windowMs) => {
    expect(planDeparture(fans, DEFAULT_LIMITS, { leadMs: 1000, maxWindowMs }, 7)).toEqual({
      beganAtMs: 7,
      leadMs: 1000,
      windowMs,
    });
  });

  it.each([
    [0, 0, 1000],
    [0, 0.5, 3000],
    [500, 0, 500],
    [1000, 0.5, 2000],
    [3000, 0.5, 1000],
    [4999, 0.999, 1],
    [6000, 0.9, 0],
  ])('%d ms after the begin, chance %d is %d ms from now', (nowMs, random, slot) => {
    expect(slotMs({ beganAtMs: 0, leadMs: 1000, windowMs: 4000 }, nowMs, random)).toBe(slot);
  });

  it('gives nobody a moment before the lead is over or after the window', () => {
    const ms = fc.nat(100_000);
    const chance = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(ms, ms, ms, ms, chance, (beganAtMs, leadMs, windowMs, passedMs, random) => {
        const slot = slotMs({ beganAtMs, leadMs, windowMs }, beganAtMs + passedMs, random);
        expect(slot).toBeGreaterThanOrEqual(0);
        expect(passedMs + slot).toBeLessThanOrEqual(Math.max(leadMs + windowMs, passedMs));
        if (passedMs <= leadMs) expect(passedMs + slot).toBeGreaterThanOrEqual(leadMs);
      }),
    );
  });
});
