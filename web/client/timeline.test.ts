import { expect, it } from 'vitest';
import { findTarget, nextEpoch, readTimeline, type SeekTarget, segmentFor } from './timeline.ts';

const [A, B] = ['00000000000000aa', '00000000000000bb'];
const segment = (epoch: string, number: number, atMs: number) => ({
  id: `${epoch}-${number}`,
  epoch,
  ticks: [number * 20, number * 20 + 20],
  closeAtMs: [atMs, atMs + 10_000],
});
const LIST = {
  race: 'oval',
  tickMs: 500,
  epoch: B,
  head: { tick: 55, closeAtMs: 1_027_500, position: `${B}:90` },
  segments: [segment(A, 3, 100_000), segment(A, 4, 110_000), segment(B, 0, 1_000_000), segment(B, 1, 1_010_000)],
  laps: [{ lap: 1, atMs: 1_000_000, tick: 0 }, { lap: 2, atMs: 1_009_000, tick: 18 }, { lap: 3, atMs: 1 }, null, 7],
  flags: [
    { flag: 'green', atMs: 1_000_000, tick: 0 },
    { flag: 'yellow', atMs: 1_010_000, tick: 20 },
    { flag: 'green', atMs: 1_015_000, tick: 30 },
  ],
  pitStops: [{ car: '24', lap: 2, inAtMs: 1_012_000, outAtMs: null, tick: 24 }],
};
const timeline = readTimeline(JSON.stringify(LIST));

it.each<[SeekTarget, number | undefined, string, number]>([
  [{ tick: 7 }, undefined, B, 7],
  [{ lap: 2 }, undefined, B, 18],
  [{ timeMs: 1_003_400 }, undefined, B, 6],
  [{ timeMs: 0 }, undefined, A, 60],
  [{ timeMs: 500_000 }, undefined, A, 100],
  [{ timeMs: 1_024_000 }, undefined, B, 48],
  [{ timeMs: 9_000_000 }, undefined, B, 55],
  [{ event: 'flag', direction: 'next' }, 0, B, 20],
  [{ event: 'flag', direction: 'next' }, 20, B, 30],
  [{ event: 'flag', direction: 'previous' }, 30, B, 20],
  [{ event: 'pit', direction: 'next' }, undefined, B, 24],
])('%j from tick %s is epoch %s, tick %s', (target, at, epoch, tick) => {
  expect(findTarget(timeline, target, at === undefined ? undefined : { epoch: B, tick: at })).toEqual({ epoch, tick });
});

it.each<SeekTarget>([
  { lap: 3 },
  { lap: 9 },
  { tick: -1 },
  { tick: Number.NaN },
  { timeMs: Number.POSITIVE_INFINITY },
  { event: 'pit', direction: 'previous' },
  {} as SeekTarget,
])('there is nothing at %j', (target) => {
  expect(() => findTarget(timeline, target, { epoch: B, tick: 24 })).toThrow(/nothing to play/);
});

it('knows which segment a tick is in, and where the next epoch begins', () => {
  const id = (epoch: string, tick: number) => segmentFor(timeline, { epoch, tick })?.id;
  expect([id(A, 0), id(A, 79), id(A, 80), id(B, 20), id(B, 500)]).toEqual([
    ...[`${A}-3`, `${A}-3`, `${A}-4`],
    ...[`${B}-1`, `${B}-1`],
  ]);
  expect(id('00000000000000cc', 0)).toBeUndefined();
  expect([nextEpoch(timeline, A)?.id, nextEpoch(timeline, B)]).toEqual([`${B}-0`, undefined]);
});

it.each<[string, unknown]>([
  ['no JSON', '<html>'],
  ['nothing', null],
  ['no time between ticks', { ...LIST, tickMs: 0 }],
  ['an epoch that is none', { ...LIST, epoch: 'x' }],
  ['a head that is none', { ...LIST, head: { tick: 'x' } }],
  ['no segments', { ...LIST, segments: {} }],
  ['a segment somewhere else', { ...LIST, segments: [{ ...segment(A, 3, 0), id: `${A}-3/../../x` }] }],
  ['a segment of another epoch', { ...LIST, segments: [{ ...segment(A, 3, 0), epoch: B }] }],
  ['a segment that goes back', { ...LIST, segments: [{ ...segment(A, 3, 0), ticks: [20, 20] }] }],
])('refuses %s', (_, list) => {
  expect(() => readTimeline(typeof list === 'string' ? list : JSON.stringify(list))).toThrow(/list of segments/);
});
