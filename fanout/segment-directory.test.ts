import { describe, expect, it } from 'vitest';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { encodeKeyframe, peekStreamHead } from '../protocol/tick-message.ts';
import { SEGMENT_TICKS, SegmentDirectory, tickAtTime } from './segment-directory.ts';
import { testCatalogue } from './testing/publisher.ts';

const TEST_CATALOGUE = testCatalogue();
const A = 'aaaaaaaaaaaaaaaa';
const B = 'bbbbbbbbbbbbbbbb';

function keyframe(epoch: string, tick: number, closeAtMs = tick * 500): Uint8Array {
  const head = { tick, closeAtMs, epoch, catalogueTag: TEST_CATALOGUE.tag };
  return encodeKeyframe(head, TEST_CATALOGUE, EMPTY_FIELD, new Uint8Array([0x80]), 0);
}

/** Keyframes of one epoch, with ten messages from one to the next. */
function directoryOf(...keyframes: [epoch: string, tick: number][]): SegmentDirectory {
  const directory = new SegmentDirectory();
  for (const [index, [epoch, tick]] of keyframes.entries())
    directory.take(10 * index + 5, peekStreamHead(keyframe(epoch, tick)));
  return directory;
}

const idsOf = ({ segments }: SegmentDirectory) => segments.map(({ id }) => id);

describe('the directory of segments', () => {
  it('has a segment from each keyframe to the next, but not the one that is still open', () => {
    const directory = directoryOf([A, 0], [A, 20], [A, 40]);
    expect(directory.segments).toEqual([
      { id: `${A}-0`, epoch: A, ticks: [0, 20], closeAtMs: [0, 10_000], seqs: [5, 14] },
      { id: `${A}-1`, epoch: A, ticks: [20, 40], closeAtMs: [10_000, 20_000], seqs: [15, 24] },
    ]);
    expect(directory.find(`${A}-1`)).toBe(directory.segments[1]);
    expect(directory.find(`${A}-2`)).toBeUndefined();
  });

  it('passes over keyframes in between, and over those that are missing', () => {
    expect(idsOf(directoryOf([A, 0], [A, 7], [A, 20], [A, 60], [A, 61], [A, 80]))).toEqual([`${A}-0`, `${A}-3`]);
  });

  it('begins where the stream has forgotten what was before', () => {
    expect(idsOf(directoryOf([A, 37], [A, 40], [A, 60]))).toEqual([`${A}-2`]);
  });

  it('keeps epochs apart', () => {
    expect(idsOf(directoryOf([A, 0], [A, 20], [B, 0], [B, 20]))).toEqual([`${A}-0`, `${B}-0`]);
  });

  it('leaves out what cannot be read', () => {
    const directory = directoryOf([A, 0], [A, 20]);
    directory.take(25, peekStreamHead(new Uint8Array([1, 2, 3])));
    directory.take(35, peekStreamHead(keyframe(A, 40)));
    expect(idsOf(directory)).toEqual([`${A}-0`, `${A}-1`]);
    expect(directory.lastSeq).toBe(35);
  });
});

describe('the tick at a race time', () => {
  const { segments } = directoryOf([A, 0], [A, 20], [A, 40], [B, 0], [B, 20]);
  const own = segments.filter(({ epoch }) => epoch === A);

  it.each([
    [-5000, 0],
    [0, 0],
    [1, 1],
    [500, 1],
    [10_000, 20],
    [10_001, 21],
    [19_999, 40],
    [20_500, 41],
  ])('%i ms is tick %i', (atMs, tick) => {
    expect(tickAtTime(own, atMs, 500)).toBe(tick);
  });

  it('is not known before there is a segment', () => {
    expect(tickAtTime([], 0, 500)).toBeUndefined();
    expect(SEGMENT_TICKS).toBe(20);
  });
});
