import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Catalogue, MAX_CHANNELS, parseCatalogue } from './catalogue.ts';
import { NULL_VALUE, type View } from './coding-plan.ts';
import { applyDelta, decodeFull, encodeDelta, encodeFull } from './delta.ts';
import { emptyState } from './field.ts';
import { attempt, codeOf, fromBits, toBits } from './testing/bytes.ts';
import { makeWorld, randomState, worldSpecs } from './testing/worlds.ts';

/** Every pair of consecutive states of one car in every view of a random world. */
function eachStep(
  spec: Parameters<typeof makeWorld>[0],
  check: (view: View, a: Int32Array, b: Int32Array, c: Catalogue) => void,
) {
  const { catalogue, fields, random } = makeWorld(spec);
  for (let t = 1; t < fields.length; t++) {
    fields[t]!.states.forEach((after, slot) => {
      if (!after) return;
      const before = fields[t - 1]!.states[slot] ?? randomState(random, catalogue);
      for (const view of catalogue.views) check(view, before, after, catalogue);
    });
  }
}

/** What a client of a view holds: nothing outside the view. */
const project = (view: View, state: Int32Array, catalogue: Catalogue): Int32Array => {
  const seen = emptyState(catalogue);
  for (const c of view.channels) seen[c] = state[c]!;
  return seen;
};

it('a delta takes the state before to the state after, in every view, and touches nothing outside it', () => {
  fc.assert(
    fc.property(worldSpecs(), (spec) => {
      eachStep(spec, (view, before, after, catalogue) => {
        const [wasBefore, wasAfter] = [before.slice(), after.slice()];
        const bytes = encodeDelta(view, before, after)?.slice();
        expect([before, after]).toEqual([wasBefore, wasAfter]);
        const [seen, wanted] = [project(view, before, catalogue), project(view, after, catalogue)];
        if (!bytes) return expect(seen).toEqual(wanted);
        applyDelta(view, seen, bytes);
        expect(seen).toEqual(wanted);
        const message = new Uint8Array(bytes.length + 7).fill(255);
        message.set(bytes, 3);
        const whole = before.slice();
        applyDelta(view, whole, message, 3, 3 + bytes.length);
        expect(whole).toEqual(before.map((value, c) => (view.channels.includes(c) ? after[c]! : value)));
      });
    }),
    { numRuns: 1000 },
  );
});

it('a whole state reads back as itself, over any state before', () => {
  fc.assert(
    fc.property(worldSpecs(), (spec) => {
      eachStep(spec, (view, before, after, catalogue) => {
        const bytes = encodeFull(view, after).slice();
        expect(bytes.length).toBeGreaterThanOrEqual(view.fullBytesAtLeast);
        const state = project(view, before, catalogue);
        decodeFull(view, state, bytes);
        expect(state).toEqual(project(view, after, catalogue));
      });
    }),
    { numRuns: 500 },
  );
});

it('a cut or lengthened delta or state is refused', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 3 }), (spec) => {
      eachStep(spec, (view, before, after) => {
        for (const [bytes, read] of [
          [encodeDelta(view, before, after)?.slice(), applyDelta],
          [encodeFull(view, after).slice(), decodeFull],
        ] as const) {
          if (!bytes) continue;
          for (let end = 0; end < bytes.length; end++) {
            expect(codeOf(() => read(view, before.slice(), bytes, 0, end))).toMatch(
              /^(cut|out_of_range|bad_code|overlong)$/,
            );
          }
          const longer = new Uint8Array(bytes.length + 1);
          longer.set(bytes);
          expect(codeOf(() => read(view, before.slice(), longer))).toBe('overlong');
        }
      });
    }),
    { numRuns: 300 },
  );
});

it('any bytes are refused or lead to a state within the ranges', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 1 }), fc.uint8Array({ maxLength: 40 }), fc.boolean(), (spec, bytes, isFull) => {
      const { catalogue, random } = makeWorld(spec);
      const view = random.pick(catalogue.views);
      const state = randomState(random, catalogue);
      const outcome = attempt(() => (isFull ? decodeFull : applyDelta)(view, state, bytes));
      if ('code' in outcome) return;
      for (let c = 0; c < state.length; c++) {
        const isFine = state[c] === NULL_VALUE || (state[c]! >= view.lowest[c]! && state[c]! <= view.highest[c]!);
        expect(isFine).toBe(true);
      }
    }),
    { numRuns: 3000 },
  );
});

const channel = (key: string, lowest: number, highest: number, coding?: object) => ({
  ...{
    key,
    label: '',
    unit: '',
    resolution: 1,
    min: lowest,
    max: highest,
    aggregate: 'last',
    group: '',
    staleAfterMs: 500,
  },
  ...(coding ? { coding } : {}),
});
const viewOf = (...channels: object[]): View => parseCatalogue({ name: '', channels }).views[0]!;
const N = NULL_VALUE;
const SPAN = 2 ** 29;

describe('the bits of a delta', () => {
  const rpm = channel('rpm', 0, 1000, { busy: true, k: 3 });
  const kph = channel('kph', -50, 400, { busy: true, k: 1, from: 'rpm', ratio: 64 });
  const gear = channel('gear', -1, 10, { k: 0 });
  const fuel = channel('fuel', 0, 100, { k: 1 });
  const oil = channel('oil', 0, 100);
  const view = viewOf(rpm, kph, gear, fuel, oil);
  it.each([
    // The example of PROTOCOL.md.
    ['everything at once', [500, 100, 3, 50, N], [510, 102, 4, 50, 80], '1 10 1100 1010000 011100 11 11 10 010'],
    ['toggles only', [500, 100, 3, 50, N], [500, 100, N, 50, 7], '1 11 1010 1001 0000111 1000 10 10'],
    ['busy channels only', [500, 100, 3, 50, N], [499, 100, 3, 50, N], '0 1001 10 10'],
  ])('%s', (_, before, after, bits) => {
    const bytes = encodeDelta(view, Int32Array.from(before), Int32Array.from(after))!;
    expect(toBits(bytes)).toBe(toBits(fromBits(bits)));
  });
});

describe('extremes', () => {
  const wide = { busy: true, k: 0 };
  const view = viewOf(
    channel('a', 0, SPAN, wide),
    channel('b', 0, SPAN, { ...wide, from: 'a', ratio: -32_768 }),
    channel('c', -SPAN, 0, { ...wide, from: 'b', ratio: 32_767 }),
    channel('d', 0, SPAN, { k: 0 }),
  );
  it.each([
    [
      [0, 0, -SPAN, 0],
      [SPAN, SPAN, 0, SPAN],
    ],
    [
      [SPAN, SPAN, 0, SPAN],
      [0, 0, -SPAN, 0],
    ],
    [
      [0, SPAN, 0, 1],
      [SPAN, 0, -SPAN, 0],
    ],
    [
      [N, 0, N, N],
      [SPAN, SPAN, 0, SPAN],
    ],
  ])('the longest jumps against the worst predictions are exact: %j to %j', (before, after) => {
    const state = Int32Array.from(before);
    applyDelta(view, state, encodeDelta(view, state, Int32Array.from(after))!.slice());
    expect(Array.from(state)).toEqual(after);
  });

  it('a channel with one possible value costs a bit to appear and none to be told', () => {
    const one = viewOf(channel('a', 5, 5.4));
    expect(toBits(encodeFull(one, Int32Array.of(5)))).toBe('10000000');
    const state = Int32Array.of(N);
    applyDelta(one, state, encodeDelta(one, state, Int32Array.of(5))!.slice());
    expect(state[0]).toBe(5);
  });

  it('the largest catalogue works, all channels at once', () => {
    const channels = Array.from({ length: MAX_CHANNELS }, (_, i) =>
      channel(`c${i}`, 0, SPAN, i % 2 ? wide : { k: 24 }),
    );
    const view = viewOf(...channels);
    const [before, after] = [new Int32Array(MAX_CHANNELS), new Int32Array(MAX_CHANNELS).fill(SPAN)];
    const state = before.slice();
    applyDelta(view, state, encodeDelta(view, before, after)!.slice());
    expect(state).toEqual(after);
    decodeFull(view, state, encodeFull(view, before).slice());
    expect(state).toEqual(before);
  });
});

describe('a hostile delta is refused before it costs anything', () => {
  const quiet = viewOf(...['a', 'b', 'c'].map((key) => channel(key, 0, 10)));
  const busy = viewOf(channel('a', 0, 10, { busy: true, k: 24 }));
  const zeros = (count: number) => '0'.repeat(count);
  it.each([
    ['more quiet channels than there are', quiet, [1, 1, 1], '0 0110', 'bad_code'],
    ['2^32 quiet channels', quiet, [1, 1, 1], `0 ${zeros(31)}1${zeros(32)}`, 'bad_code'],
    ['more toggles than there are channels', quiet, [1, 1, 1], '1 0101', 'bad_code'],
    ['2^32 toggles', quiet, [1, 1, 1], `1 ${zeros(31)}1${zeros(32)}`, 'bad_code'],
    ['a gap behind the last channel', quiet, [1, 1, 1], '0 11 0101 100', 'bad_code'],
    ['a toggle behind the last channel', quiet, [1, 1, 1], '1 10 1011 0 10', 'bad_code'],
    ['a number of 32 zeros', quiet, [1, 1, 1], `0 ${zeros(64)}`, 'bad_code'],
    ['a difference of 2^55', busy, [1], `0 ${zeros(31)}1${zeros(31)}${zeros(24)} 10`, 'out_of_range'],
    ['a value above the range', quiet, [10, 1, 1], '0 11 10 101', 'out_of_range'],
    ['a value below the range', quiet, [0, 1, 1], '0 11 10 100', 'out_of_range'],
    ['a quiet difference of a null', quiet, [N, 1, 1], '0 11 10 100', 'out_of_range'],
    ['a first value above the range', quiet, [N, 1, 1], '1 10 1000 1111 10', 'out_of_range'],
    ['a difference of a channel that became null', quiet, [1, 1, 1], '1 10 1000 11 10 100', 'out_of_range'],
    ['a difference of a channel that came from null', quiet, [N, 1, 1], '1 10 1000 0001 11 10 100', 'out_of_range'],
    ['nothing', quiet, [1, 1, 1], '', 'cut'],
  ])('%s', (_, view, state, bits, code) => {
    expect(codeOf(() => applyDelta(view, Int32Array.from(state), fromBits(bits)))).toBe(code);
  });
});
