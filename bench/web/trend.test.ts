import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { droppedShare, hasGrown, slopePerMin } from './trend.ts';

const FRAME_MS = 1000 / 60;

describe('the slope of points', () => {
  it('on a line is that of the line, in whatever order they come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1000, max: 1000 }),
        fc.integer({ min: -1000, max: 1000 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 100 }), { minLength: 2 }),
        (slope, start, times) => {
          const points = times.map((atMin) => ({ atMin, value: start + slope * atMin }));
          expect(slopePerMin(points)).toBeCloseTo(slope, 6);
        },
      ),
    );
  });

  it.each([
    ['a step up and down', [0, 1, 0], 0],
    ['a last point that is off', [0, 0, 0, 4], 1.2],
  ])('of %s is %d', (_what, values, slope) => {
    expect(slopePerMin(values.map((value, atMin) => ({ atMin, value })))).toBeCloseTo(slope, 9);
  });

  it('is unknown at one time', () => {
    expect(slopePerMin([{ atMin: 1, value: 5 }])).toBeNaN();
  });
});

describe('counts', () => {
  it.each([
    [[], false],
    [[5], false],
    [[5, 5], false],
    [[5, 6], true],
    [[6, 5], false],
    [[100, 105, 110, 115, 120], true],
    [[100, 140, 100, 140, 100, 140], false],
    [[100, 140, 144, 150, 145], true],
    [[1600, 1619, 1630, 1645], false],
    [[100, 140, 139, 150, 145], false],
  ])('%j have grown: %s', (counts, isGrown) => {
    expect(hasGrown(counts)).toBe(isGrown);
  });

  it('that come back to where they began have not grown', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1 }), (counts) => {
        expect(hasGrown([...counts, Math.max(...counts), counts[0]!])).toBe(false);
      }),
    );
  });
});

describe('the share of dropped frames', () => {
  it.each([
    ['none at 60 Hz', [FRAME_MS, FRAME_MS, FRAME_MS], 0],
    ['none when one is a little late and the next one early', [FRAME_MS + 5, FRAME_MS - 5], 0],
    ['none on a faster display', [8, 8, 8], 0],
    ['half at 30 Hz', [2 * FRAME_MS, 2 * FRAME_MS], 0.5],
    ['nine of ten in a pause of ten', [10 * FRAME_MS], 0.9],
    ['one of four', [FRAME_MS, 2 * FRAME_MS, FRAME_MS], 0.25],
  ])('is %s', (_what, gaps, share) => {
    expect(droppedShare(gaps)).toBeCloseTo(share, 9);
  });

  it('of nothing is unknown', () => {
    expect(droppedShare([])).toBeNaN();
  });
});
