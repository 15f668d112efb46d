import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Admission, admit, type Knock, type Refusal, retryAfterS } from './admission.ts';
import { DEFAULT_LIMITS, reconnectWindowMs } from './limits.ts';

const yes = () => true;

describe('a handshake', () => {
  /** Stopping, full, over the rate, foreign: every combination. */
  const TRUTH: [stopping: 0 | 1, full: 0 | 1, over: 0 | 1, foreign: 0 | 1, Refusal | undefined][] = [
    [0, 0, 0, 0, undefined],
    [0, 0, 0, 1, 'origin'],
    [0, 0, 1, 0, 'rate'],
    [0, 0, 1, 1, 'rate'],
    [0, 1, 0, 0, 'full'],
    [0, 1, 0, 1, 'full'],
    [0, 1, 1, 0, 'full'],
    [0, 1, 1, 1, 'full'],
    [1, 0, 0, 0, 'going_away'],
    [1, 0, 0, 1, 'going_away'],
    [1, 0, 1, 0, 'going_away'],
    [1, 0, 1, 1, 'going_away'],
    [1, 1, 0, 0, 'going_away'],
    [1, 1, 0, 1, 'going_away'],
    [1, 1, 1, 0, 'going_away'],
    [1, 1, 1, 1, 'going_away'],
  ];

  it.each(TRUTH)('stopping %i, full %i, over the rate %i, foreign %i: %s', (stopping, full, over, foreign, refusal) => {
    let isAsked = false;
    const knock: Knock = {
      isStopping: stopping === 1,
      fans: full === 1 ? 10 : 9,
      maxFans: 10,
      hasTurn: over === 0,
      isOriginAllowed: () => {
        isAsked = true;
        return foreign === 0;
      },
    };
    expect(admit(knock)).toBe(refusal);
    // No header is read for whoever is refused anyway.
    expect(isAsked).toBe(stopping + full + over === 0);
  });
});

describe('an admission', () => {
  const limits = { ...DEFAULT_LIMITS, maxFans: 3, maxHandshakes: 2 };

  it('tells the outlook of a handshake, and for two seconds after a refusal that there may have been no room', () => {
    const admission = new Admission(limits);
    const outlook = (nowMs: number) => admission.outlook(nowMs);
    admission.knock(0, () => false);
    expect(outlook(0)).toBeUndefined();
    for (let n = 0; n < 2; n++) admission.knock(0, yes);
    expect([outlook(0), admission.knock(0, yes), outlook(0)]).toEqual([undefined, 'rate', 'rate']);
    expect([outlook(1999), outlook(2000)]).toEqual(['rate', undefined]);
    admission.fans = 3;
    expect(outlook(9000)).toBe('full');
    admission.isStopping = true;
    expect(outlook(9000)).toBe('going_away');
    // Nobody was let in or refused by asking.
    expect(admission.refused).toEqual({ origin: 1, rate: 1, going_away: 0, full: 0 });
  });

  it('lets in a burst and then the rate, counts refusals by reason, and takes a turn only of those it lets in', () => {
    const admission = new Admission({ ...limits, maxFans: 100 });
    const knock = (nowMs: number, isOwn = true) => admission.knock(nowMs, () => isOwn);
    expect([knock(0, false), knock(0, false), knock(0)]).toEqual(['origin', 'origin', undefined]);
    expect([knock(0), knock(0), knock(0)]).toEqual([undefined, 'rate', 'rate']);
    expect([knock(499), knock(500), knock(501)]).toEqual(['rate', undefined, 'rate']);
    admission.isStopping = true;
    expect(knock(5000)).toBe('going_away');
    expect(admission.refused).toEqual({ origin: 2, rate: 4, going_away: 1, full: 0 });
  });

  it('takes as many fans as it may, and the next one when one has left', () => {
    const admission = new Admission(limits);
    admission.fans = 3;
    expect(admission.knock(0, yes)).toBe('full');
    admission.fans = 2;
    expect(admission.knock(0, yes)).toBeUndefined();
  });

  it('sends a crowd that it refused at once back at a rate that it can take', () => {
    const admission = new Admission({ ...DEFAULT_LIMITS, maxHandshakes: 1000 });
    const seconds: number[] = [];
    // A small generator of chance, even over [0, 1).
    for (let n = 0; n < 20_000; n++)
      if (admission.knock(n / 100, yes)) seconds.push(admission.retryAfterS(n / 100, (n * 0.618) % 1));
    const perSecond = Map.groupBy(seconds, (second) => second);
    expect(Math.max(...seconds)).toBeGreaterThan(15);
    // Those refused first are told a short time, while the crowd is small; then it spreads.
    const late = [...perSecond].filter(([second]) => second > 3).map(([, those]) => those.length);
    expect(Math.max(...late)).toBeLessThan(3000);
    expect(admission.retryAfterS(60_000, 0.999)).toBeLessThanOrEqual(2);
  });
});

it('never tells all of a burst the same second, and never a second beyond the window', () => {
  const chance = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  fc.assert(
    fc.property(fc.nat(200_000), chance, (crowd, random) => {
      const windowMs = reconnectWindowMs(crowd, DEFAULT_LIMITS);
      const seconds = retryAfterS(windowMs, random);
      expect(Number.isInteger(seconds)).toBe(true);
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(1 + Math.ceil(windowMs / 1000));
      expect(retryAfterS(windowMs, 0.999)).toBeGreaterThan(retryAfterS(windowMs, 0));
    }),
  );
});
