import { describe, expect, it } from 'vitest';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { encodeTick } from '../protocol/tick-message.ts';
import type { Outgoing } from './outgoing.ts';
import { planSpool } from './spool-plan.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const catalogue = readTestCatalogue('formula-1');
const EPOCH = '0123456789abcdef';
const OTHER = 'fedcba9876543210';

function bytesOf(tick: number, writer = 0, epoch = EPOCH): Uint8Array {
  return encodeTick({ tick, closeAtMs: writer, epoch, catalogueTag: 1 }, catalogue, EMPTY_FIELD, EMPTY_FIELD);
}
const waiting = (subject: string, tick: number): Outgoing => ({ subject, id: `${tick}`, data: bytesOf(tick) });
const newest = (subject: string, seq: number, data: Uint8Array) => [subject, { subject, seq, data }] as const;

/** Ticks 5 and 6 wait, with a keyframe between; before them the stream had tick 4 as 41 and a keyframe as 40. */
const LEFT = {
  epoch: EPOCH,
  catalogue: 'hash',
  settled: {
    upTo: 10,
    lastSeqs: new Map([
      ['t', 41],
      ['k', 40],
    ]),
  },
  end: 13,
  droppedBytes: 0,
};
const WAITING = [waiting('t', 5), waiting('k', 5), waiting('t', 6)];
const K40 = newest('k', 40, new Uint8Array([1]));

describe('what becomes of a spool', () => {
  it.each([
    ['nothing of it', [newest('t', 41, bytesOf(4)), K40], 10],
    ['the first message', [newest('t', 42, bytesOf(5)), K40], 11],
    ['the first two', [newest('t', 42, bytesOf(5)), newest('k', 43, bytesOf(5))], 12],
    ['all of it', [newest('t', 44, bytesOf(6)), newest('k', 43, bytesOf(5))], 13],
  ])('when the stream has %s, it is published from there on', (_, entries, from) => {
    expect(planSpool(LEFT, new Map(entries), 't', WAITING)).toEqual({ kind: 'publish', from });
  });

  it.each([
    ['another tick 5', [newest('t', 42, bytesOf(5, 1)), K40], /another publisher has written sequence 42 of t/, false],
    ['a later tick', [newest('t', 99, bytesOf(60)), K40], /another publisher has written sequence 99 of t/, false],
    [
      'another keyframe',
      [newest('t', 42, bytesOf(5)), newest('k', 43, new Uint8Array([2]))],
      /sequence 43 of k/,
      false,
    ],
    ['the same sequences of another epoch', [newest('t', 41, bytesOf(4, 0, OTHER)), K40], /another tick/, false],
    ['the same sequences of other ticks', [newest('t', 41, bytesOf(3)), K40], /another tick/, false],
    ['bytes that are no tick', [newest('t', 41, new Uint8Array([9])), K40], /another tick/, false],
    ['less than was acknowledged', [newest('t', 39, bytesOf(2)), K40], /acknowledged sequence 41 of t.* is 39/, true],
    ['less, and of another epoch', [newest('t', 39, bytesOf(2, 0, OTHER)), K40], /41 of t.* is 39/, false],
    ['nothing', [['t', undefined] as const, ['k', undefined] as const], /acknowledged sequence 41 of t.* is 0/, true],
  ])('when the stream has %s, it is forgotten', (_, entries, reason, isLoss) => {
    const plan = planSpool(LEFT, new Map(entries), 't', WAITING);
    expect(plan).toEqual({ kind: 'discard', reason: expect.stringMatching(reason), isLoss });
  });

  it('when it begins an epoch, it is published behind another one', () => {
    const begin = [waiting('t', 0), waiting('k', 0)];
    const last = newest('t', 41, bytesOf(700, 0, OTHER));
    expect(planSpool(LEFT, new Map([last, K40]), 't', begin)).toEqual({ kind: 'publish', from: 10 });
    const empty = { ...LEFT, settled: { upTo: 0, lastSeqs: new Map<string, number>() } };
    expect(planSpool(empty, new Map([['t', undefined]]), 't', begin)).toEqual({ kind: 'publish', from: 0 });
  });

  it('when it holds no tick, the stream must be in its epoch', () => {
    const rest = [waiting('k', 4)];
    const of = (epoch: string) => new Map([newest('t', 41, bytesOf(4, 0, epoch)), K40]);
    expect(planSpool(LEFT, of(EPOCH), 't', rest)).toEqual({ kind: 'publish', from: 10 });
    expect(planSpool(LEFT, of(OTHER), 't', rest)).toMatchObject({ kind: 'discard', isLoss: false });
  });

  it('when the same catalogue waits twice, one that is doubtful is published again', () => {
    const all = [waiting('t', 5), waiting('c', 1), waiting('t', 6), waiting('c', 1), waiting('t', 7)];
    const stored = newest('c', 50, bytesOf(1));
    const at = (tick: number) => planSpool(LEFT, new Map([newest('t', 60, bytesOf(tick)), K40, stored]), 't', all);
    expect([at(5), at(6), at(7)]).toEqual([12, 13, 15].map((from) => ({ kind: 'publish', from })));
  });
});
