import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { continueFrom } from './continuity.ts';

/** Reads frames as a fan of the crowd does. */
function read(held: number, frames: readonly { tick: number; span: number; isSnapshot?: boolean }[]) {
  const sum = { lost: 0, doubled: 0 };
  let at = held;
  for (const { tick, span, isSnapshot = false } of frames) {
    const { lost, doubled } = continueFrom(at, tick, span, isSnapshot);
    sum.lost += lost;
    sum.doubled += doubled;
    at = isSnapshot ? tick : Math.max(at, tick);
  }
  return sum;
}

describe('a fan of the crowd', () => {
  it.each([
    ['the next tick', [{ tick: 11, span: 1 }], 0, 0],
    ['several ticks in one frame', [{ tick: 14, span: 4 }], 0, 0],
    ['one tick left out', [{ tick: 12, span: 1 }], 1, 0],
    ['the tick that it has', [{ tick: 10, span: 1 }], 0, 1],
    ['the last two ticks again, then the next one', [9, 10, 11].map((tick) => ({ tick, span: 1 })), 0, 2],
    ['a frame that begins before what it has', [{ tick: 12, span: 4 }], 0, 2],
    ['a snapshot of the next tick', [{ tick: 11, span: 0, isSnapshot: true }], 0, 0],
    ['a snapshot further on', [{ tick: 15, span: 0, isSnapshot: true }], 4, 0],
    [
      'a snapshot from before',
      [
        { tick: 8, span: 0, isSnapshot: true },
        { tick: 9, span: 1 },
      ],
      0,
      2,
    ],
  ] as const)('that holds tick 10 gets %s', (_what, frames, lost, doubled) => {
    expect(read(10, frames)).toEqual({ lost, doubled });
  });

  it('counts every tick that is taken out of a stream, and every one that is put in twice', () => {
    const fate = fc.constantFrom('once', 'once', 'once', 'never', 'twice');
    fc.assert(
      fc.property(fc.array(fate, { maxLength: 60 }), (fates) => {
        const frames = fates.flatMap((one, n) => {
          const frame = { tick: 101 + n, span: 1 };
          return one === 'never' ? [] : one === 'twice' ? [frame, frame] : [frame];
        });
        // What is behind the last frame nobody can miss yet.
        frames.push({ tick: 101 + fates.length, span: 1 });
        const count = (what: string) => fates.filter((one) => one === what).length;
        expect(read(100, frames)).toEqual({ lost: count('never'), doubled: count('twice') });
      }),
    );
  });
});
