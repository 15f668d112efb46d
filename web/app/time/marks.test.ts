import { expect, it } from 'vitest';
import type { Timeline } from '../../client/mod.ts';
import { lapAt, lineOf, marksOf } from './marks.ts';

const EPOCH = 'aaaaaaaaaaaaaaaa';
const segment = (epoch: string, n: number) => ({
  id: `${epoch}-${n}`,
  epoch,
  ticks: [20 * n, 20 * n + 20] as const,
  closeAtMs: [10_000 * n, 10_000 * (n + 1)] as const,
});
const TIMELINE: Timeline = {
  tickMs: 500,
  epoch: EPOCH,
  head: undefined,
  segments: [segment('bbbbbbbbbbbbbbbb', 7), ...[1, 2, 3, 4].map((n) => segment(EPOCH, n))],
  laps: [
    { lap: 1, atMs: 5000 },
    { lap: 2, atMs: 20_000 },
    { lap: 3, atMs: 35_000 },
  ],
  flags: [
    { flag: 'green', atMs: 5000 },
    { flag: 'yellow', atMs: 20_000 },
    { flag: 'green', atMs: 30_000 },
    { flag: 'red', atMs: 40_000 },
  ],
  pitStops: [
    { car: '24', lap: 2, inAtMs: 30_000, outAtMs: 31_000 },
    { car: '9', lap: 2, inAtMs: 30_000, outAtMs: null },
  ],
};

it('the line goes from the first tick of this life of the race to the newest', () => {
  expect(lineOf(TIMELINE, undefined)).toEqual({ fromMs: 10_000, toMs: 50_000 });
  expect(lineOf(TIMELINE, 53_500)).toEqual({ fromMs: 10_000, toMs: 53_500 });
  expect(lineOf({ ...TIMELINE, segments: [] }, 53_500)).toBeUndefined();
});

it('cautions are stretches, laps and the stops of the chosen car are moments', () => {
  const marks = marksOf(TIMELINE, { fromMs: 10_000, toMs: 50_000 }, '24');
  expect(marks).toEqual([
    { kind: 'yellow', from: 0.25, to: 0.5, title: 'Caution' },
    { kind: 'red', from: 0.75, to: 1, title: 'Red flag' },
    { kind: 'lap', from: 0.25, to: 0.25, title: 'Lap 2' },
    { kind: 'lap', from: 0.625, to: 0.625, title: 'Lap 3' },
    { kind: 'pit', from: 0.5, to: 0.5, title: 'Pit stop of 24' },
  ]);
});

it('of many laps only some are marked', () => {
  const laps = Array.from({ length: 200 }, (_, n) => ({ lap: n + 1, atMs: 10_001 + 190 * n }));
  const marks = marksOf({ ...TIMELINE, laps, flags: [], pitStops: [] }, { fromMs: 10_000, toMs: 50_000 }, undefined);
  expect(marks.length).toBeLessThanOrEqual(25);
  expect(marks[0]!.title).toBe('Lap 8');
});

it('the lap at a time is the last one that had begun', () => {
  expect([0, 5000, 34_999, 90_000].map((ms) => lapAt(TIMELINE, ms))).toEqual([undefined, 1, 2, 3]);
});
