import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Drive, type Lap, sharesOf, splitLaps, timeAt, timeGained, valueAt, withTime } from './laps.ts';

const HOLE_MS = 2500;
const SHARES = sharesOf(100);

/** A car that takes `lapMs` for each lap, at the same speed everywhere, seen every 500 ms from a share of a lap on. */
function drive(lapMs: number, ticks: number, from = 0.6): Drive {
  const atMs = Array.from({ length: ticks }, (_, n) => 1_000_000 + n * 500);
  const share = atMs.map((at) => (from + (at - atMs[0]!) / lapMs) % 1);
  return { atMs, share, holeMs: HOLE_MS };
}
const change = (one: Drive, edit: (share: (number | null)[]) => void): Drive => {
  const share = [...one.share];
  edit(share);
  return { ...one, share };
};
const times = (laps: readonly Lap[]) => laps.map(({ timeS }) => Number(timeS.toFixed(6)));

describe('laps', () => {
  it('go from line to line, to the fraction of a tick, and neither the first nor the last is full', () => {
    const laps = splitLaps(drive(15_300, 120));
    expect(times(laps)).toEqual([15.3, 15.3, 15.3]);
    expect(laps[0]!.startMs).toBeCloseTo(1_000_000 + 0.4 * 15_300, 3);
    expect(laps[1]!.startMs).toBeCloseTo(laps[0]!.endMs, 6);
  });

  it('are none where nothing is known, or the line is never crossed', () => {
    expect(splitLaps({ atMs: [], share: [], holeMs: HOLE_MS })).toEqual([]);
    expect(splitLaps(drive(15_300, 10, 0.1))).toEqual([]);
    expect(splitLaps(drive(15_300, 40, 0.1))).toEqual([]);
    expect(splitLaps(change(drive(15_300, 120), (share) => share.fill(null)))).toEqual([]);
  });

  // The line is crossed at ticks 12.24, 42.84, 73.44 and 104.04.
  it.each<[string, (share: (number | null)[]) => void, number]>([
    ['nothing', () => {}, 3],
    ['two ticks without a value', (share) => share.fill(null, 50, 52), 3],
    ['a hole of a tenth of a lap', (share) => share.fill(null, 50, 54), 3],
    ['a hole of a quarter of a lap', (share) => share.fill(null, 50, 59), 2],
    ['a hole across the line', (share) => share.fill(null, 40, 47), 1],
    ['a jump forward by a twelfth of a lap', (share) => share.splice(60, 2), 2],
    ['a value that came late', (share) => share.splice(60, 1, share[59]!), 3],
    ['a value that came early', (share) => share.splice(60, 1, share[61]!), 3],
    ['two values that came early', (share) => share.splice(60, 2, share[62]!, share[62]!), 3],
    ['two values that came late', (share) => share.splice(60, 2, share[59]!, share[59]!), 3],
    ['a jump over a third of a lap', (share) => share.splice(50, 10), 2],
    ['a jump over half of a lap', (share) => share.splice(46, 20), 2],
    ['a jump back', (share) => share.splice(60, 0, ...share.slice(50, 60)), 2],
    [
      'a car that stands, and is measured a little back',
      (share) => share.splice(60, 0, share[59]! - 0.002, share[59]! - 0.001),
      3,
    ],
    [
      'a car that rolls back over the line and begins again',
      (share) => share.splice(44, 0, 0.001, 0.99, 0.98, 0.005),
      3,
    ],
  ])('with %s', (_, edit, laps) => {
    const changed = change(drive(15_300, 120), edit);
    const length = Math.min(changed.share.length, changed.atMs.length);
    const cut = { ...changed, share: changed.share.slice(0, length) };
    expect(splitLaps(cut)).toHaveLength(laps);
  });

  it('are found where ticks are not even', () => {
    const { atMs, share, holeMs } = drive(90_000, 500);
    // Of seven values two are those of the tick before them, every eleventh is missing.
    const uneven = share
      .map((at, n) => (n % 7 === 3 || n % 7 === 4 ? share[n - (n % 7) + 2]! : at))
      .map((at, n) => (n % 11 === 5 ? null : at));
    expect(splitLaps({ atMs, share: uneven, holeMs })).toHaveLength(2);
  });

  it('have the time that was officially taken, everywhere in proportion', () => {
    const [lap] = splitLaps(drive(15_300, 120));
    const exact = withTime(lap!, 15.312);
    expect([exact.timeS, exact.startMs, (exact.endMs - exact.startMs) / 1000]).toEqual([15.312, lap!.startMs, 15.312]);
    expect(timeAt(exact, 0.5)).toBeCloseTo(7.656, 6);
  });
});

describe('a channel over a lap', () => {
  const one = drive(15_300, 120);
  const column = one.share.map((share) => share! * 200);
  const [, lap] = splitLaps(one);

  it('is linear between ticks', () => {
    for (const share of [0.1, 0.333, 0.5, 0.9]) expect(valueAt(lap!, column, share)).toBeCloseTo(share * 200, 6);
    expect(timeAt(lap!, 0)).toBeCloseTo(0, 6);
    expect(timeAt(lap!, 1)).toBeCloseTo(15.3, 6);
  });

  it('is not known outside of the lap, in a hole, and beside a value that is missing', () => {
    expect([valueAt(lap!, column, -0.2), valueAt(lap!, column, 1.2)]).toEqual([null, null]);
    const [, holed] = splitLaps(change(one, (share) => share.fill(null, 50, 55)));
    const missing = [...column].fill(Number.NaN, 50, 55).map((value) => (Number.isNaN(value) ? null : value));
    const shareOf = (tick: number) => (0.6 + (tick * 500) / 15_300) % 1;
    for (const tick of [49.5, 50, 52, 54.9]) {
      expect([valueAt(holed!, column, shareOf(tick)), timeAt(holed!, shareOf(tick))]).toEqual([null, null]);
      expect(valueAt(lap!, missing, shareOf(tick))).toBeNull();
    }
    expect(valueAt(holed!, column, shareOf(48.9))).not.toBeNull();
    expect(valueAt(holed!, column, shareOf(55.1))).not.toBeNull();
  });
});

describe('time gained', () => {
  const steps = fc.array(fc.double({ min: 0.03, max: 0.045, noNaN: true }), { minLength: 60, maxLength: 120 });
  /** A car whose speed changes at every tick. */
  const laps = steps.map((moves) => {
    let way = 0;
    const share = moves.map((move) => {
      way += move;
      return way % 1;
    });
    return splitLaps({ atMs: share.map((_, n) => n * 500), share, holeMs: HOLE_MS });
  });
  const pairs = fc.tuple(laps, laps).filter(([a, b]) => a.length > 0 && b.length > 0);

  it('of a lap against itself is none, anywhere', () => {
    fc.assert(
      fc.property(laps, (all) => {
        for (const lap of all) for (const share of SHARES) expect(timeGained(lap, lap, share)).toBe(0);
      }),
    );
  });

  it('is what the other one has lost', () => {
    fc.assert(
      fc.property(pairs, ([[a], [b]]) => {
        for (const share of SHARES) expect(timeGained(a!, b!, share)).toBeCloseTo(-timeGained(b!, a!, share)!, 9);
      }),
    );
  });

  it('begins at 0, and ends with the difference of the lap times', () => {
    fc.assert(
      fc.property(pairs, ([[a], [b]]) => {
        expect(timeGained(a!, b!, 0)).toBeCloseTo(0, 6);
        expect(timeGained(a!, b!, 1)).toBeCloseTo(b!.timeS - a!.timeS, 6);
      }),
    );
  });

  it('grows evenly over the lap where the other one is slower by one part in a hundred', () => {
    const [fast] = splitLaps(drive(15_300, 120));
    const [slow] = splitLaps(drive(15_300 * 1.01, 120, 0.27));
    for (const share of SHARES) expect(timeGained(fast!, slow!, share)).toBeCloseTo(0.153 * share, 6);
    fc.assert(
      fc.property(laps, (all) => {
        for (const lap of all) {
          const slower = withTime(lap, lap.timeS * 1.01);
          for (const share of SHARES) expect(timeGained(lap, slower, share)).toBeCloseTo(timeAt(lap, share)! * 0.01, 6);
        }
      }),
    );
  });

  it('never goes back in time', () => {
    fc.assert(
      fc.property(laps, (all) => {
        for (const lap of all) {
          const at = SHARES.map((share) => timeAt(lap, share)!);
          for (let n = 1; n < at.length; n++) expect(at[n]).toBeGreaterThanOrEqual(at[n - 1]!);
        }
      }),
    );
  });
});
