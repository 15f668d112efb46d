import { describe, expect, it } from 'vitest';
import { BLOCK } from './block.ts';
import type { Contents } from './contents.ts';
import { findTick, parsePlace } from './place.ts';

describe('a place', () => {
  it.each([
    ['lap:30', { lap: 30 }],
    ['tick:0', { tick: 0 }],
    ['00:41:10', { sinceStartMs: 2_470_000 }],
    ['1:00:00.5', { sinceStartMs: 3_600_500 }],
    ['', undefined],
    ['lap:', undefined],
    ['lap:-1', undefined],
    ['41:10', undefined],
    ['00:60:00', undefined],
    ['tick:1e3', undefined],
  ])('written %j is %j', (text, place) => {
    expect(parsePlace(text)).toEqual(place);
  });

  const block = (first: number, last: number, atMs: number, epoch = 'a') => ({
    ...{ type: BLOCK.ticks, at: 0, bytes: 0, catalogueTag: 1, epoch },
    ...{ ticks: [first, last] as const, closeAtMs: [atMs, atMs + (last - first) * 500] as const },
  });
  const contents: Contents = {
    ...{ version: 1, race: 'demo', messages: {}, tickBytes: 0, problems: [] },
    // Between the second and the third minute ingest was away for an hour.
    blocks: [
      block(0, 119, 500, 'b'),
      block(10, 129, 1_000_000),
      block(130, 249, 1_060_000),
      block(250, 300, 4_700_000),
    ],
    events: [
      { type: 'lap', tick: 40, epoch: 'a', lap: 3 },
      { type: 'lap', tick: 140, epoch: 'a', lap: 5 },
      { type: 'lap', tick: 7, epoch: 'b', lap: 1 },
    ],
  };
  const at = (text: string) => findTick(contents, 'a', parsePlace(text)!, 500);

  it.each([
    ['lap:1', 40],
    ['lap:4', 140],
    ['lap:5', 140],
    ['tick:10', 10],
    ['tick:300', 300],
    ['00:00:00', 10],
    ['00:00:00.2', 11],
    ['00:01:00', 130],
    ['00:30:00', 250],
    ['01:01:40', 250],
    ['01:01:41', 252],
  ])('%s is tick %i', (text, tick) => {
    expect(at(text)).toBe(tick);
  });

  it.each(['lap:6', 'tick:9', 'tick:301', '05:00:00'])('%s is not there', (text) => {
    expect(() => at(text)).toThrow(expect.objectContaining({ code: 'no_such_place' }));
  });
});
