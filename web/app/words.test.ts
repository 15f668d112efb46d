import { describe, expect, it } from 'vitest';
import type { ConnectionState, Phase, Receipt } from '../client/mod.ts';
import {
  digitsOf,
  type Silence,
  sayAge,
  sayBytes,
  sayConnection,
  sayGap,
  sayLapTime,
  sayReceipt,
  sayValue,
} from './words.ts';

describe('the words of the page', () => {
  it('write a value with the digits that its resolution is worth', () => {
    expect([1, 0.1, 0.025, 1e-6, 5].map(digitsOf)).toEqual([0, 1, 3, 6, 0]);
    expect([sayValue(3, 0.1), sayValue(-3.25, 0.01), sayValue(null, 1)]).toEqual(['3.0', '−3.25', '–']);
  });

  it('write lap times as they stand on a scoreboard', () => {
    expect([46.3, 59.9996, 67.2014, 3600, 0, null].map(sayLapTime)).toEqual([
      '46.300',
      '1:00.000',
      '1:07.201',
      '60:00.000',
      '–',
      '–',
    ]);
  });

  it('write sizes and ages in units that fit', () => {
    expect([212, 2150, 3.4e6].map(sayBytes)).toEqual(['212 B', '2.1 kB', '3.4 MB']);
    expect([undefined, -3, 1234, 61_000, 9e6].map(sayAge)).toEqual(['–', '0.0 s', '1.2 s', '1 min', '2 h']);
  });

  it('tell how a gap was closed', () => {
    const say = (receipt: Partial<Receipt>) =>
      sayReceipt({
        type: 'repair',
        kind: 'deltas',
        from: 'a:1',
        to: 'a:2',
        ticks: 0,
        bytes: 0,
        tookMs: 3,
        ...receipt,
      } as Receipt);
    expect(say({ kind: 'composite', ticks: 14, bytes: 212 })).toBe(
      'Missed 14 ticks, repaired with 1 composite, 212 B, in 3 ms.',
    );
    expect(say({ ticks: 1, bytes: 90 })).toBe('Missed 1 tick, repaired with 1 delta, 90 B, in 3 ms.');
    expect(say({})).toBe('Came back and had missed nothing.');
    expect(say({ kind: 'snapshot', reason: 'other_epoch', bytes: 500 })).toBe(
      'Could not go on from where it was, repaired with 1 snapshot, 500 B, in 3 ms.',
    );
    expect(say({ kind: 'snapshot', reason: 'resync', bytes: 500 })).toBe(
      'Asked for a fresh copy and got it, 500 B, in 3 ms.',
    );
  });

  it('tell every phase of the connection in a sentence', () => {
    const phases: Phase[] = 'connecting joining live repairing probing leaving waiting closed'.split(' ') as Phase[];
    for (const phase of phases) {
      const state: ConnectionState = { phase, deadlineAtMs: 0, failures: 0, repairs: 0, windowMs: 0, reason: 'why' };
      expect(sayConnection(state)).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('tell silence as what it is: an outage with its time, an end, or not known', () => {
    const live: ConnectionState = { phase: 'live', deadlineAtMs: 0, failures: 0, repairs: 0, windowMs: 0, reason: '' };
    const stale = {
      type: 'stale',
      tick: 7,
      sinceMs: new Date(2026, 1, 15, 12, 3, 20).getTime(),
      reason: 'no_ticks',
    } as const;
    const say = (silence: Partial<Silence>) =>
      sayConnection(live, { isOld: true, stale: undefined, flag: 'green', ...silence });
    expect(say({ isOld: false })).toBe('Live.');
    expect(sayConnection(live, undefined, 'sse')).toBe('Live, over an event stream.');
    expect(say({ stale })).toBe('No data from the track since 12:03:20; it goes on here by itself.');
    expect(say({})).toBe('Connected, but no new data comes from the race.');
    expect(say({ flag: 'checkered' })).toBe('The race is over.');
    expect(say({ flag: 'checkered', isOld: false })).toBe('Live.');
  });

  it('tell gaps in laps, in seconds, or not at all', () => {
    const standing = { position: 2, lap: 5, lapsDown: 0, gapS: 1.2, lineAtMs: null, lastLapS: null, bestLapS: null };
    const say = (more: object) => sayGap({ ...standing, status: 'running', stops: 0, ...more });
    expect([say({}), say({ lapsDown: 1 }), say({ position: 1 }), say({ gapS: null })]).toEqual([
      '+1.200',
      '+1 lap',
      'Leader',
      '–',
    ]);
  });
});
