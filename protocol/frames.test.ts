import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Catalogue, compileOwnView, parseCatalogue } from './catalogue.ts';
import type { View } from './coding-plan.ts';
import { emptyState, type Field } from './field.ts';
import {
  applyTickFrame,
  type ClientState,
  docPayload,
  encodeDocFrame,
  encodeTickFrame,
  FRAME,
  FRAME_FLAG,
  readFrameHead,
} from './frames.ts';
import { changeSlice, digestSlice, fullSlice, goneSlice } from './slice.ts';
import { attempt, codeOf, fromHex, toHex } from './testing/bytes.ts';
import { makeWorld, type Random, worldSpecs } from './testing/worlds.ts';

/** Slot to view. */
type Choice = ReadonlyMap<number, View>;

const headOf = (tick: number, flags = 0) => ({
  flags,
  tick,
  closeAtMs: 1_700_000_000_000 + 500 * tick,
  seq: 10 + tick,
});

/** What a client with this choice must hold of a field. */
function wanted(catalogue: Catalogue, field: Field, tick: number, choice: Choice): ClientState {
  const cars = new Map();
  for (const [slot, view] of choice) {
    const state = field.states[slot];
    if (!state) continue;
    const seen = emptyState(catalogue);
    for (const c of view.channels) seen[c] = state[c]!;
    cars.set(slot, { car: field.cars[slot], view, state: seen });
  }
  const { closeAtMs, seq } = headOf(tick);
  return { tick, closeAtMs, seq, cars };
}

const slots = (field: Field, choice: Choice): number[] =>
  field.cars.map((_, slot) => slot).filter((slot) => choice.has(slot));

function snapshotFrame(field: Field, tick: number, choice: Choice): Uint8Array {
  const slices = slots(field, choice).map((slot) => {
    const view = choice.get(slot)!;
    const state = field.states[slot];
    return state ? fullSlice(slot, field.cars[slot]!, view, state) : goneSlice(slot, field.cars[slot]!, view);
  });
  return encodeTickFrame(headOf(tick, FRAME_FLAG.snapshot), 0, slices);
}

/** One frame from one tick to another, as an edge makes it; cars that are new in the choice come whole. */
function changeFrame(
  fields: readonly Field[],
  [from, to]: [number, number],
  [old, choice]: [Choice, Choice],
  hasDigests: boolean,
): Uint8Array {
  const after = fields[to]!;
  const slices = slots(after, choice).flatMap((slot) => {
    const car = after.cars[slot]!;
    const view = choice.get(slot)!;
    const before = old.get(slot) === view ? fields[from]!.states[slot] : undefined;
    const state = after.states[slot];
    const isLeft = !state && old.has(slot) && fields[from]!.states[slot];
    const change = isLeft ? goneSlice(slot, car, view) : changeSlice(slot, car, view, before, state);
    return [...(change ? [change] : []), ...(hasDigests && state ? [digestSlice(slot, car, view, state)] : [])];
  });
  return encodeTickFrame(headOf(to, to - from > 1 ? FRAME_FLAG.conflated : 0), to - from, slices);
}

/** Cars in views of the catalogue and in the view `own` of a list that is made for this choice. */
function randomChoice(random: Random, catalogue: Catalogue, cars: number): { choice: Choice; own: View } {
  const keys = catalogue.channels.map(({ key }) => key);
  const own = compileOwnView(catalogue, [random.pick(keys), ...keys.filter(() => random.chance(0.3))])!;
  const views = [...catalogue.views, own, own];
  const slots = Array.from({ length: cars }, (_, slot) => [slot, random.pick(views)] as const);
  return { choice: new Map(slots.filter(() => random.chance(0.7))), own };
}

/** What a client does when its choice no longer names a car. */
function drop(state: ClientState, choice: Choice): ClientState {
  return { ...state, cars: new Map([...state.cars].filter(([slot]) => choice.has(slot))) };
}

it('any mix of ticks, composites, snapshots and new choices ends in what the edge holds', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 12 }), (spec) => {
      const { catalogue, fields, random } = makeWorld(spec);
      let { choice, own } = randomChoice(random, catalogue, spec.cars);
      let tick = 1;
      const first = applyTickFrame(snapshotFrame(fields[1]!, 1, choice), catalogue, undefined, own);
      let { state } = first;
      expect(state).toEqual(wanted(catalogue, fields[1]!, 1, choice));
      while (tick < fields.length - 1) {
        const to = Math.min(tick + (random.chance(0.3) ? random.int(2, 5) : 1), fields.length - 1);
        const next = random.chance(0.3) ? randomChoice(random, catalogue, spec.cars) : { choice, own };
        const isSnapshot = random.chance(0.1);
        const frame = isSnapshot
          ? snapshotFrame(fields[to]!, to, next.choice)
          : changeFrame(fields, [tick, to], [choice, next.choice], random.chance(0.5));
        const before = drop(state, next.choice);
        const copy = {
          ...before,
          cars: new Map([...before.cars].map(([s, c]) => [s, { ...c, state: c.state.slice() }])),
        };
        const result = applyTickFrame(frame, catalogue, before, next.own);
        expect(before).toEqual(copy);
        expect(result.span).toBe(isSnapshot ? 0 : to - tick);
        expect(result.state).toEqual(wanted(catalogue, fields[to]!, to, next.choice));
        ({ state } = result);
        tick = to;
        ({ choice, own } = next);
      }
    }),
    { numRuns: 800 },
  );
});

it('an altered byte is refused, or does no harm, or the next digests find it', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 6, maxChannels: 8 }), fc.boolean(), (spec, isLarge) => {
      const { catalogue, fields, random } = makeWorld(isLarge ? { ...spec, channels: 8 * spec.channels } : spec);
      const { choice, own } = randomChoice(random, catalogue, spec.cars);
      const last = fields.length - 1;
      const frames = fields.slice(1).map((field, index) => {
        if (index === 0) return snapshotFrame(field, 1, choice);
        return changeFrame(fields, [index, index + 1], [choice, choice], index + 1 === last);
      });
      const altered = random.int(0, frames.length - 1);
      const bytes = frames[altered]!;
      bytes[random.int(0, bytes.length - 1)]! ^= random.int(1, 255);
      // One more frame in which nothing changed, with the digest of every car.
      const again = [...fields, fields[last]!];
      frames.push(changeFrame(again, [last, last + 1], [choice, choice], true));
      const outcome = attempt(() => {
        let state: ClientState | undefined;
        for (const frame of frames) ({ state } = applyTickFrame(frame, catalogue, state, own));
        return state;
      });
      if ('result' in outcome) expect(outcome.result).toEqual(wanted(catalogue, fields[last]!, last + 1, choice));
    }),
    { numRuns: 4000 },
  );
});

it('a cut frame and any bytes are refused or decode, and leave what was known alone', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 3 }), fc.uint8Array({ maxLength: 40 }), (spec, rest) => {
      const { catalogue, fields, random } = makeWorld(spec);
      const { choice, own } = randomChoice(random, catalogue, spec.cars);
      const { state } = applyTickFrame(snapshotFrame(fields[1]!, 1, choice), catalogue, undefined, own);
      const frame = snapshotFrame(fields.at(-1)!, 1, choice);
      const head = encodeTickFrame(headOf(2), 1, []);
      const copy = wanted(catalogue, fields[1]!, 1, choice);
      for (const bytes of [
        frame.subarray(0, random.int(0, frame.length - 1)),
        rest,
        new Uint8Array([...head, ...rest]),
      ]) {
        attempt(() => applyTickFrame(bytes, catalogue, state, own));
        expect(state).toEqual(copy);
      }
    }),
    { numRuns: 1000 },
  );
});

const channel = {
  label: '',
  unit: '',
  resolution: 1,
  min: 0,
  max: 100,
  aggregate: 'last',
  group: '',
  staleAfterMs: 500,
};
const catalogue = parseCatalogue({
  name: '',
  channels: [
    { key: 'a', ...channel },
    { key: 'b', ...channel },
  ],
  views: { v: ['b'] },
});
const [full, v] = [catalogue.views[0]!, catalogue.viewOf('v')!];
const one = (value: number) => Int32Array.of(value, 5);
const known: ClientState = {
  ...{ tick: 4, closeAtMs: 0, seq: 9 },
  cars: new Map([
    [3, { car: '24', view: full, state: one(80) }],
    [5, { car: '9', view: full, state: one(1) }],
  ]),
};

it('stands in bytes as the specification says: a load tool finds tick, time and position at fixed places', () => {
  const head = { flags: 4, tick: 0x01020304, closeAtMs: 0x0a0b0c0d0e0f, seq: 0x010203040506 };
  const start = '04030201 0f0e0d0c0b0a 060504030201'.replaceAll(' ', '');
  expect(toHex(encodeTickFrame(head, 200, [goneSlice(3, '24', full)]))).toBe(`1104${start}c801${'030203023234'}`);
  const doc = encodeDocFrame(head, fromHex('90'));
  expect(toHex(doc)).toBe(`1204${start}90`);
  expect(toHex(docPayload(doc))).toBe('90');
  expect(readFrameHead(doc)).toEqual({ ...head, type: FRAME.doc });
});

describe('the view of a connection of its own', () => {
  const [a, b] = [compileOwnView(catalogue, ['a'])!, compileOwnView(catalogue, ['b'])!];
  const frame = (slice: Uint8Array) => encodeTickFrame(headOf(5), 1, [slice]);
  const inList = (view: View): ClientState => ({ ...known, cars: new Map([[3, { car: '24', view, state: one(80) }]]) });
  const change = changeSlice(3, '24', a, one(80), one(81))!;

  it('goes on under an equal list, and under another one only with a whole state', () => {
    const again = compileOwnView(catalogue, ['a'])!;
    expect(applyTickFrame(frame(change), catalogue, inList(a), again).state.cars.get(3)?.state).toEqual(one(81));
    expect(codeOf(() => applyTickFrame(frame(change), catalogue, inList(a), b))).toBe('no_base');
    expect(codeOf(() => applyTickFrame(frame(change), catalogue, inList(full), a))).toBe('no_base');
    const whole = frame(fullSlice(3, '24', b, one(7)));
    expect(applyTickFrame(whole, catalogue, inList(a), b).state.cars.get(3)?.view).toBe(b);
  });

  it('is no view at all without a list', () => {
    expect(codeOf(() => applyTickFrame(frame(change), catalogue, inList(a)))).toBe('bad_view');
  });
});

describe('a frame that breaks a rule is refused with its code', () => {
  const frame = (...slices: Uint8Array[]) => encodeTickFrame(headOf(5), 1, slices);
  const delta = (slot: number) => fromHex(`0${slot}000175`);
  it.each<[string, Uint8Array, string]>([
    ['nothing', fromHex(''), 'cut'],
    ['another type', fromHex('13'), 'bad_type'],
    ['half a head', fromHex('110001'), 'cut'],
    ['a doc frame for a tick frame', encodeDocFrame(headOf(5), fromHex('90')), 'bad_type'],
    ['a snapshot that builds on something', encodeTickFrame(headOf(5, FRAME_FLAG.snapshot), 1, []), 'bad_code'],
    ['a change that builds on nothing', encodeTickFrame(headOf(5), 0, []), 'bad_code'],
    ['a tick too early', encodeTickFrame(headOf(6), 1, []), 'gap'],
    ['a tick twice', encodeTickFrame(headOf(4), 1, []), 'gap'],
    ['a span beyond the first tick', encodeTickFrame(headOf(5), 2 ** 32 - 1, []), 'gap'],
    ['slots that fall', frame(delta(5), delta(3)), 'bad_slot'],
    ['two changes of a slot', frame(delta(3), delta(3)), 'bad_slot'],
    ['a change behind its digest', frame(digestSlice(3, '24', full, one(80)), delta(3)), 'bad_slot'],
    ['two digests', frame(...[1, 2].map(() => digestSlice(3, '24', full, one(80)))), 'bad_slot'],
    ['a delta of a car that is not held', frame(delta(4)), 'no_base'],
    ['a delta in another view', frame(fromHex('03040175')), 'no_base'],
    ['a digest of a car that is not held', frame(digestSlice(4, '7', full, one(1))), 'no_base'],
    ['a digest in another view', frame(digestSlice(3, '24', v, one(80))), 'no_base'],
    ['a digest of other values', frame(digestSlice(3, '24', full, one(81))), 'digest'],
    ['a digest of another car', frame(digestSlice(3, '25', full, one(80))), 'digest'],
    ['a view that does not exist', frame(fromHex('03090502' + '3234' + 'd0c2')), 'bad_view'],
    ['a gone in a view that does not exist', frame(fromHex('030a03023234')), 'bad_view'],
    ['bytes behind a gone', frame(fromHex('0302040232' + '3400')), 'overlong'],
    ['another car in a held slot', frame(fullSlice(3, '25', full, one(1))), 'bad_car'],
    ['another car gone from a held slot', frame(goneSlice(3, '25', full)), 'bad_car'],
    ['a held car in another slot', frame(fullSlice(4, '24', full, one(1))), 'bad_car'],
    ['a held car gone from another slot', frame(goneSlice(4, '24', full)), 'bad_car'],
  ])('%s', (_, bytes, code) => {
    expect(codeOf(() => applyTickFrame(bytes, catalogue, known))).toBe(code);
  });

  it('anything but a snapshot, when nothing is known', () => {
    expect(codeOf(() => applyTickFrame(frame(), catalogue, undefined))).toBe('gap');
  });
});

it('a frame costs no more than its cars do, however many slices it claims', () => {
  const many = Array.from({ length: 100_000 }, () => fromHex('03000175'));
  expect(codeOf(() => applyTickFrame(encodeTickFrame(headOf(5), 1, many), catalogue, known))).toBe('bad_slot');
});

it('a snapshot may give slots to other cars: it forgets everything first', () => {
  const frame = encodeTickFrame(headOf(1, FRAME_FLAG.snapshot), 0, [fullSlice(3, '9', v, one(7))]);
  const { state, changes } = applyTickFrame(frame, catalogue, known);
  expect([...state.cars.keys()]).toEqual([3]);
  expect(changes).toEqual([{ slot: 3, car: '9', kind: 1 }]);
});

it('flags that are not known yet are left alone', () => {
  const { head } = applyTickFrame(encodeTickFrame(headOf(5, 0xf8), 1, []), catalogue, known);
  expect(head.flags).toBe(0xf8);
});

it('a gone of a car that was never held changes nothing', () => {
  expect(applyTickFrame(encodeTickFrame(headOf(5), 1, [goneSlice(4, '7', full)]), catalogue, known).state.cars).toEqual(
    known.cars,
  );
});

it('a frame that could not be written does not spoil the next one', () => {
  const right = toHex(encodeTickFrame(headOf(5), 1, []));
  expect(() => encodeTickFrame(headOf(5), 1, [undefined as never])).toThrow(TypeError);
  expect(toHex(encodeTickFrame(headOf(5), 1, []))).toBe(right);
});
