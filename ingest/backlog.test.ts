import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Backlog } from './backlog.ts';
import type { Outgoing } from './outgoing.ts';
import { Spool, type SpoolError } from './spool.ts';

const IDENTITY = { epoch: '0123456789abcdef', catalogue: 'hash' };
const SEQS = new Map([['t', 1]]);
const MAX_IN_MEMORY = 30;

let folder: string;
let problems: SpoolError[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipstream-backlog-'));
  problems = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const openSpool = (maxBytes = 1e6) => new Spool({ folder, race: 'r', maxBytes, segmentBytes: 500 });
const openBacklog = (spool: Spool) =>
  new Backlog({
    ...{ maxInMemory: MAX_IN_MEMORY, spool, identity: IDENTITY },
    onSpoolProblem: (error) => problems.push(error),
  });
const message = (n: number): Outgoing => ({
  subject: 't',
  id: `${n}`,
  data: new Uint8Array(50).fill(n),
  base: () => new Uint8Array([n]),
});
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
const push = (backlog: Backlog, from: number, to: number) => {
  for (const n of range(from, to)) backlog.push([message(n)], SEQS);
};

/** Takes everything out. @returns the ids in order. */
function drain(backlog: Backlog): number[] {
  const ids: number[] = [];
  for (let { head } = backlog; head; head = backlog.head) {
    ids.push(Number(head.id));
    backlog.shift(SEQS);
  }
  return ids;
}

describe('what waits for NATS', () => {
  it('comes out as it went in, however much of it is on disk, in memory, or behind a disk that refuses', () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 9 }) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 9 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('spill' as const), count: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), count: fc.nat({ max: 1 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        rmSync(folder, { recursive: true, force: true });
        const spool = openSpool();
        const backlog = openBacklog(spool);
        let isRefusing = false;
        const append = spool.append.bind(spool);
        const refusal = openInUse();
        spool.append = (one) => (isRefusing ? refusal() : append(one));
        let [first, next] = [0, 0];
        for (const { kind, count } of steps) {
          if (kind === 'refuse') isRefusing = count === 1;
          if (kind === 'spill') backlog.spill(SEQS);
          for (let n = 0; n < count && kind === 'push'; n++) {
            // Beyond that it is full, which others test.
            if (next - first >= MAX_IN_MEMORY) break;
            backlog.push([message(next++)], SEQS);
          }
          for (let n = 0; n < count && kind === 'shift' && first < next; n++) {
            expect(backlog.head?.id).toBe(`${first++}`);
            backlog.shift(SEQS);
          }
          expect(backlog.length).toBe(next - first);
          expect(backlog.unspooled).toBeLessThanOrEqual(next - first);
          if (first === next) expect([backlog.bytes, backlog.unspooled, spool.bytes]).toEqual([0, 0, 0]);
        }
        expect(drain(backlog)).toEqual(range(first, next));
        expect(spool.bytes).toBe(0);
      }),
    );
  });

  it('goes to disk by itself when memory is full, and memory holds some of it only', () => {
    const backlog = openBacklog(openSpool());
    push(backlog, 0, 1000);
    expect([backlog.length, backlog.unspooled, backlog.bytes]).toEqual([1000, 0, 50_000]);
    expect(readdirSync(folder).length).toBeGreaterThan(100);
    expect(problems).toEqual([]);
    expect(drain(backlog)).toEqual(range(0, 1000));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of an earlier process is taken over, also when more than a file of it is in the stream already', () => {
    for (const done of [0, 1, 7, 40, 99, 100]) {
      const before = openBacklog(openSpool());
      push(before, 0, 100);
      before.close();
      const spool = openSpool();
      const left = spool.load()!;
      const backlog = openBacklog(spool);
      backlog.adopt(left, left.settled.upTo);
      push(backlog, 100, 120);
      backlog.skipTo(done, SEQS);
      expect(backlog.length).toBe(120 - done);
      expect(drain(backlog), `from ${done}`).toEqual(range(done, 120));
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('is said to be lost when the disk does not give it back', () => {
    const backlog = openBacklog(openSpool());
    push(backlog, 0, 100);
    const late = readdirSync(folder)
      .filter((name) => name.endsWith('.spool'))
      .at(-3)!;
    // What is in memory does not need it.
    writeFileSync(join(folder, late), 'x');
    expect(() => drain(backlog)).toThrow(expect.objectContaining({ code: 'spool_damaged' }));
  });

  it('has no more room than its spool', () => {
    const backlog = openBacklog(openSpool(3000));
    expect(() => push(backlog, 0, 100)).toThrow(expect.objectContaining({ code: 'spool_full' }));
    expect(backlog.unspooled).toBe(0);
  });
});

/** What a spool says whose folder another one holds. */
function openInUse(): () => never {
  return () => {
    const taken = mkdtempSync(join(tmpdir(), 'slipstream-taken-'));
    try {
      const holder = new Spool({ folder: taken, race: 'r', maxBytes: 1e6 });
      holder.append(message(0));
      new Spool({ folder: taken, race: 'r', maxBytes: 1e6 }).append(message(0));
      throw new Error('it was not refused');
    } finally {
      rmSync(taken, { recursive: true, force: true });
    }
  };
}
