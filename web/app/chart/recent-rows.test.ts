import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CarHistory } from '../../client/mod.ts';
import { RecentRows } from './recent-rows.ts';

const history = (atMs: number[], speed: (number | null)[]): CarHistory => ({
  ...{ epoch: '00000000000000aa', car: '24', tickMs: 500, ticksEach: 1 },
  atMs,
  channels: new Map([['speed', speed]]),
});
const open = (spanMs = 120_000) => new RecentRows(['speed'], spanMs);

it('shows what was read, and then what came tick by tick', () => {
  const recent = open();
  recent.push(2000, [4]);
  recent.push(2500, [5]);
  recent.load(history([1000, 1500, 2000], [1, null, 3]), 2000);
  recent.push(3000, [6]);
  expect(recent.rows()).toEqual({ x: [-2, -1.5, -1, -0.5, 0], columns: [[1, null, 3, 5, 6]] });
});

it('has holes where nothing is known, and none where ticks come rarely', () => {
  const recent = open();
  for (const atMs of [0, 5000, 10_000, 16_001]) recent.push(atMs, [atMs]);
  expect(recent.rows().columns).toEqual([[0, 5000, 10_000, null, 16_001]]);
});

it('forgets what was to come when somebody goes back, and what is too old', () => {
  const recent = open(1000);
  for (const atMs of [0, 500, 1000, 1500, 2000]) recent.push(atMs, [atMs]);
  expect(recent.rows().columns).toEqual([[1000, 1500, 2000]]);
  recent.push(1500, [7]);
  expect(recent.rows().columns).toEqual([[1000, 7]]);
  recent.push(0, [8]);
  expect(recent.rows()).toEqual({ x: [0], columns: [[8]] });
});

it('shows nothing before the first tick, and holes for a channel that the history has not', () => {
  expect(open().rows()).toEqual({ x: [], columns: [[]] });
  const recent = new RecentRows(['rpm'], 1000);
  recent.load(history([1, 2], [1, 2]), 2);
  expect(recent.rows().columns).toEqual([[null, null]]);
});

it('stays bounded, ascending and of one length whatever comes', () => {
  // From 1 on: the two rows of the history below are at different times, as those of an edge are.
  const step = fc.record({ atMs: fc.integer({ min: 1, max: 1_000_000 }), isRead: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const recent = open(50_000);
      for (const { atMs, isRead } of steps) {
        if (isRead) recent.load(history([Math.max(0, atMs - 500), atMs], [1, 2]), atMs);
        else recent.push(atMs, [3]);
      }
      const { x, columns } = recent.rows();
      expect(columns[0]).toHaveLength(x.length);
      for (let n = 1; n < x.length; n++) expect(x[n]).toBeGreaterThan(x[n - 1]!);
    }),
  );
  const recent = open(Number.POSITIVE_INFINITY);
  for (let n = 0; n < 5000; n++) recent.push(n * 500, [n]);
  expect(recent.rows().x.length).toBe(4000);
});
