import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from './errors.ts';
import { decodePollAnswer, encodePollAnswer, POLL_ANSWER, type PollHead } from './poll-answer.ts';
import { codeOf } from './testing/bytes.ts';

const EPOCH = '0123456789abcdef';
const HEAD: PollHead = {
  race: 'oval',
  epoch: EPOCH,
  catalogue: 'ab'.repeat(32),
  tickMs: 500,
  kind: 'deltas',
  from: `${EPOCH}:7`,
  to: `${EPOCH}:7`,
  ticks: 0,
};

const records = fc
  .uniqueArray(fc.integer({ min: 1, max: 2 ** 48 - 1 }), { maxLength: 20 })
  .chain((seqs) =>
    fc.tuple(
      ...seqs.sort((a, b) => a - b).map((seq) => fc.record({ seq: fc.constant(seq), message: fc.uint8Array() })),
    ),
  );

const altered = (change: object): Uint8Array => encodePollAnswer({ ...HEAD, ...change } as PollHead, []);

describe('an answer to a long poll', () => {
  it('gives back what was put in', () => {
    fc.assert(
      fc.property(records, (list) => {
        const head = { ...HEAD, to: `${EPOCH}:${list.at(-1)?.seq ?? 7}`, ticks: list.length };
        expect(decodePollAnswer(encodePollAnswer(head, list))).toEqual({ head, records: list });
      }),
    );
  });

  it('leaves out fields that it does not know', () => {
    expect(decodePollAnswer(altered({ news: 1 })).head).toMatchObject(HEAD);
  });

  it('that breaks a rule is refused with its code', () => {
    const good = encodePollAnswer({ ...HEAD, to: `${EPOCH}:9` }, [{ seq: 9, message: Uint8Array.of(1) }]);
    const code = (bytes: Uint8Array) => codeOf(() => decodePollAnswer(bytes));
    expect(code(Buffer.from('<html>'))).toBe('bad_type');
    expect(code(Uint8Array.of(POLL_ANSWER, 2, 0))).toBe('bad_version');
    expect(code(Uint8Array.of(POLL_ANSWER, 1, 0x81, 0x20))).toBe('bad_answer');
    expect(code(good.subarray(0, -1))).toBe('cut');
    expect(code(Buffer.concat([good, good.subarray(-8)]))).toBe('bad_answer');
    expect(code(encodePollAnswer(HEAD, [{ seq: 8, message: new Uint8Array() }]))).toBe('bad_answer');
    for (const change of [
      { race: 'a b' },
      { epoch: 'x' },
      { catalogue: '' },
      { tickMs: 0 },
      { kind: 'composite' },
      { reason: 1 },
      { from: 'x' },
      { to: 7 },
      { to: 'fedcba9876543210:7' },
      { ticks: -1 },
      { stale: null },
      { stale: { tick: 1, sinceMs: 'x', reason: 'no_ticks' } },
    ])
      expect(code(altered(change)), JSON.stringify(change)).toBe('bad_answer');
  });

  it('of any bytes, cut or altered, is read or refused', () => {
    const good = encodePollAnswer({ ...HEAD, to: `${EPOCH}:9` }, [{ seq: 9, message: Uint8Array.of(1, 2, 3) }]);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((rest) => Uint8Array.of(POLL_ANSWER, 1, ...rest)),
      fc.nat(good.length).map((length) => good.subarray(0, length)),
      fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, value]) => good.with(at, value)),
    );
    fc.assert(
      fc.property(bytes, (some) => {
        try {
          decodePollAnswer(some);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
