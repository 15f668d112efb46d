import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EMPTY_SESSION,
  formatSession,
  MAX_SESSION_BYTES,
  MAX_SESSION_RACES,
  parseSession,
  type Session,
} from './session.ts';
import { mergeSessions, nextStamp } from './session-merge.ts';
import { sessions } from './testing/sessions.ts';

const choose = (race: string, cars: readonly string[], atMs: number): Session => ({
  races: new Map([[race, { choice: { value: { watch: cars.map((car) => ({ car, view: 'full' })) }, atMs } }]]),
});

describe('merging what two devices know', () => {
  it('gives the same in any order and however often', () => {
    fc.assert(
      fc.property(sessions, sessions, sessions, (a, b, c) => {
        const ab = mergeSessions(a, b);
        expect(formatSession(ab)).toBe(formatSession(mergeSessions(b, a)));
        expect(formatSession(mergeSessions(ab, b))).toBe(formatSession(ab));
        expect(formatSession(mergeSessions(ab, c))).toBe(formatSession(mergeSessions(a, mergeSessions(b, c))));
        expect(mergeSessions(a, EMPTY_SESSION)).toEqual(a);
      }),
    );
  });

  it('takes of every part the later edit, and keeps what only one device has set', () => {
    const phone = { ...choose('demo', ['24'], 10), tvDelayMs: { value: 5000, atMs: 3 } };
    const tablet = { ...choose('demo', ['9'], 11), favourites: { value: ['9'], atMs: 2 } };
    expect(mergeSessions(phone, tablet)).toEqual({
      ...choose('demo', ['9'], 11),
      tvDelayMs: { value: 5000, atMs: 3 },
      favourites: { value: ['9'], atMs: 2 },
    });
  });

  it('forgets the races that were touched least lately when there are too many, or they are too large', () => {
    const large = Array.from({ length: 200 }, (_, n) => `c${n}`);
    let many = EMPTY_SESSION;
    for (let n = 1; n <= 40; n++) many = mergeSessions(many, choose(`race${n}`, ['1'], n));
    expect([...many.races.keys()].sort()).toEqual(
      Array.from({ length: MAX_SESSION_RACES }, (_, n) => `race${40 - n}`).sort(),
    );
    for (let n = 1; n <= 5; n++) many = mergeSessions(many, choose(`large${n}`, large, 100 + n));
    expect(formatSession(many).length).toBeLessThanOrEqual(MAX_SESSION_BYTES);
    expect(many.races.has('large5')).toBe(true);
    expect(parseSession(formatSession(many))).toEqual(many);
  });

  it('lets an edit stand against every one that was known, whatever the clock says', () => {
    fc.assert(
      fc.property(sessions, fc.integer({ min: 0, max: 2 ** 47 }), (known, nowMs) => {
        const atMs = nextStamp(known, nowMs);
        fc.pre(atMs > Math.max(...[...known.races.values()].map(({ choice }) => choice?.atMs ?? 0), 0));
        const edited = mergeSessions(known, choose('demo', ['mine'], atMs));
        expect(mergeSessions(edited, known).races.get('demo')?.choice?.value.watch[0]?.car).toBe('mine');
      }),
    );
    expect(nextStamp(EMPTY_SESSION, 1000.7)).toBe(1000);
    expect(nextStamp(choose('demo', [], 5000), 1000)).toBe(5001);
  });
});
