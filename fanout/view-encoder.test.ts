import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { hasDigests } from './view-encoder.ts';

it.each<[number | undefined, number, number, boolean]>([
  [undefined, 7, FRAME_FLAG.repair, true],
  [18, 19, 0, false],
  [19, 20, 0, true],
  [20, 21, 0, false],
  [10, 19, 0, false],
  [10, 20, 0, true],
  [15, 25, 0, true],
  [20, 30, 0, false],
  [20, 60, 0, true],
  [20, 30, FRAME_FLAG.conflated, true],
  [20, 30, FRAME_FLAG.repair, true],
  [20, 21, FRAME_FLAG.conflated, true],
])('a frame from tick %s to %d with flags %d carries digests: %s', (base, head, flags, isSo) => {
  expect(hasDigests(base, head, flags)).toBe(isSo);
});

it('drift is found within 20 ticks and a frame at any rate, and at a lower one there are no more digests', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(1000), (stride, from) => {
      const ticks = Array.from({ length: 200 }, (_, n) => from + n * stride);
      const marked = ticks.slice(1).filter((tick) => hasDigests(tick - stride, tick, 0));
      for (const [n, tick] of marked.entries())
        if (n > 0) expect(tick - marked[n - 1]!).toBeLessThan(Math.max(20, stride) + stride);
      expect(marked.length).toBeLessThanOrEqual(Math.ceil((199 * stride) / 20) + 1);
    }),
  );
});
