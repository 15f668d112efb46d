import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ClientMessage, RATES, type Rate, type Wish } from '../../protocol/control.ts';
import { readOptions } from './options.ts';
import { Wishes } from './wishes.ts';

const ONE: Wish = { watch: [{ car: '24', view: 'full' }] };
const OWN: Wish = { watch: [{ car: '24', view: 'own' }], channels: ['rpm'] };
const OTHER: Wish = { watch: [{ car: '24', view: 'own' }], channels: ['speed'] };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function begun(hiddenRate: Rate | false = 0.2) {
  const said: ClientMessage[] = [];
  const link = { isOpen: true };
  const settings = readOptions({ url: 'http://a', race: 'demo', watch: ONE.watch, hiddenRate });
  const wishes = new Wishes(settings, (message) => {
    if (link.isOpen) said.push(message);
    return link.isOpen;
  });
  return { wishes, said, link };
}

describe('what a fan wants', () => {
  it('says all of it on the first connection, and nothing more', () => {
    const { wishes, said } = begun();
    expect(wishes.hello(undefined)).toEqual({ ...ONE, rate: 2 });
    wishes.tell();
    expect(said).toEqual([]);
  });

  it('says what is held on the next one, and with it what was wanted meanwhile', () => {
    const { wishes, said, link } = begun();
    link.isOpen = false;
    wishes.set(OTHER);
    wishes.setRate(0.5);
    expect(wishes.hello(OWN)).toEqual({ ...OWN, rate: 0.5, next: OTHER });
    expect(wishes.welcomed()).toBe(1);
    link.isOpen = true;
    wishes.tell();
    vi.advanceTimersByTime(1000);
    expect(said).toEqual([]);
  });

  it('is another one when only the list of channels is', () => {
    const { wishes } = begun();
    wishes.set(OWN);
    expect(wishes.hello(OTHER).next).toEqual(OWN);
    expect(wishes.hello({ ...OWN, watch: [...OWN.watch] }).next).toBeUndefined();
  });

  it('goes back to what the edge took when it refuses', () => {
    const { wishes } = begun();
    wishes.agree({ id: 1, ...OWN });
    wishes.set(OTHER);
    wishes.goBack();
    expect([wishes.choice, wishes.channels]).toEqual([OWN.watch, OWN.channels]);
  });
});

it('what a new catalogue has no place for is not wanted any more: a hello with it would be refused for good', () => {
  const { wishes } = begun();
  wishes.set(OWN);
  wishes.agree({ id: 0, ...ONE });
  expect(wishes.hello(undefined)).toEqual({ ...ONE, rate: 2 });
});

it('what is wanted beside what a catalogue has lost stays wanted: the edge answers it later', () => {
  const { wishes } = begun();
  wishes.hello(undefined);
  wishes.welcomed();
  wishes.set(OTHER);
  expect(wishes.hello(OWN).next).toEqual(OTHER);
  // Of what is held only this is left, which the edge says before its welcome.
  wishes.agree({ id: 0, ...ONE });
  expect(wishes.choice).toEqual(OTHER.watch);
  wishes.welcomed();
  wishes.agree({ id: 0, ...ONE });
  expect(wishes.choice).toEqual(ONE.watch);
});

describe('the rate', () => {
  it.each<[Rate, Rate | false, Rate]>([
    [2, 0.2, 0.2],
    [2, 1, 1],
    [0.5, 1, 0.5],
    [0.2, 0.2, 0.2],
    [1, false, 1],
  ])('%d is with hiddenRate %s and out of sight %d, and itself again in sight', (rate, hiddenRate, hidden) => {
    const { wishes } = begun(hiddenRate);
    wishes.setRate(rate);
    wishes.setHidden(true);
    expect(wishes.hello(undefined).rate).toBe(hidden);
    wishes.setHidden(false);
    expect([wishes.hello(undefined).rate, wishes.rate]).toEqual([rate, rate]);
  });

  it('is what the edge took last, and asked for anew where it is another one', () => {
    const { wishes } = begun();
    wishes.hello(undefined);
    wishes.setRate(1);
    // Nobody was welcomed: nothing was taken.
    expect(wishes.hello(undefined)).toEqual({ ...ONE, rate: 1 });
    expect(wishes.welcomed()).toBe(0);
    wishes.setRate(0.5);
    expect(wishes.hello(undefined)).toEqual({ ...ONE, rate: 1, next: { rate: 0.5 } });
    expect(wishes.welcomed()).toBe(1);
    expect(wishes.hello(undefined)).toMatchObject({ rate: 1, next: { rate: 0.5 } });
    wishes.agreeRate(0.5);
    expect(wishes.hello(undefined)).toEqual({ ...ONE, rate: 0.5 });
  });

  it('is not told when it comes back before it could be', () => {
    const { wishes, said } = begun();
    wishes.set(OWN);
    wishes.setHidden(true);
    wishes.setHidden(false);
    vi.advanceTimersByTime(1000);
    expect(said.map(({ type }) => type)).toEqual(['watch']);
  });
});

it('in the end the edge knows what is wanted, and was never told more than an edge hears', () => {
  const move = fc.oneof(
    fc.record({ kind: fc.constant('wish' as const), wish: fc.constantFrom(ONE, OWN, OTHER) }),
    fc.record({ kind: fc.constant('rate' as const), rate: fc.constantFrom(...RATES) }),
    fc.record({ kind: fc.constant('hidden' as const), isHidden: fc.boolean() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 150 }) }),
    fc.record({ kind: fc.constant('reconnect' as const), held: fc.constantFrom(undefined, ONE, OWN) }),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const { wishes, said } = begun();
      const greet = (held: Wish | undefined): Wish & { rate: number } => {
        const { next, ...hello } = wishes.hello(held);
        wishes.welcomed();
        if (next?.rate) wishes.agreeRate(next.rate);
        // As a `watch`: a list that is not wanted is not compared.
        return next?.watch ? { ...hello, channels: undefined!, ...next } : { ...hello, ...next };
      };
      let edge = greet(undefined);
      let [from, isHidden] = [0, false];
      const sentAtMs: number[] = [];
      const take = () => {
        for (const message of said.slice(from)) {
          sentAtMs.push(performance.now());
          if (message.type === 'watch') edge = { rate: edge.rate, watch: message.watch, channels: message.channels! };
          if (message.type === 'rate') edge = { ...edge, rate: message.rate };
        }
        from = said.length;
      };
      for (const one of moves) {
        if (one.kind === 'wish') wishes.set(one.wish);
        if (one.kind === 'rate') wishes.setRate(one.rate);
        if (one.kind === 'hidden') {
          isHidden = one.isHidden;
          wishes.setHidden(isHidden);
        }
        for (let ms = 0; one.kind === 'wait' && ms < one.ms; ms++) {
          vi.advanceTimersByTime(1);
          take();
        }
        take();
        if (one.kind !== 'reconnect') continue;
        wishes.stop();
        edge = greet(one.held);
        wishes.tell();
        take();
      }
      for (let ms = 0; ms < 300; ms++) {
        vi.advanceTimersByTime(1);
        take();
      }
      expect({ watch: edge.watch, channels: edge.channels }).toEqual({
        ...{ watch: wishes.choice, channels: wishes.channels },
      });
      expect(edge.rate).toBe(isHidden ? Math.min(0.2, wishes.rate) : wishes.rate);
      for (let n = 1; n < sentAtMs.length; n++) expect(sentAtMs[n]! - sentAtMs[n - 1]!).toBeGreaterThanOrEqual(99);
    }),
    { numRuns: 200 },
  );
});
