import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LeakyBucket } from './leaky-bucket.ts';

it('leaks what was poured in at its rate, and never below nothing', () => {
  const bucket = new LeakyBucket(10);
  for (let n = 0; n < 5; n++) bucket.pour(1000);
  expect(bucket.levelAt(1000)).toBe(5);
  expect(bucket.levelAt(1200)).toBe(3);
  expect(bucket.levelAt(9000)).toBe(0);
  bucket.pour(9000);
  expect(bucket.levelAt(9050)).toBe(0.5);
});

it('leaks nothing while the clock goes back', () => {
  const bucket = new LeakyBucket(10);
  bucket.pour(1000);
  expect(bucket.levelAt(0)).toBe(1);
  bucket.pour(500);
  expect(bucket.levelAt(1000)).toBe(2);
  expect(bucket.levelAt(1100)).toBe(1);
});

it('as a limit lets through in any span at most a burst and what the rate gives, and nothing less than that', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), (steps, rate, burst) => {
      const bucket = new LeakyBucket(rate);
      const passed: number[] = [];
      let nowMs = 0;
      for (const step of steps) {
        nowMs += step;
        const most = Math.max(0, ...passed.map((atMs, n) => passed.length - n - ((nowMs - atMs) / 1000) * rate));
        // Rounding may tip a bucket that is full to the brim either way.
        if (Math.abs(most + 1 - burst) < 1e-6) continue;
        const passes = bucket.levelAt(nowMs) + 1 <= burst;
        expect(passes).toBe(most + 1 <= burst);
        if (!passes) continue;
        bucket.pour(nowMs);
        passed.push(nowMs);
      }
    }),
  );
});
