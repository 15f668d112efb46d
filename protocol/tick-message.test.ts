import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Catalogue, parseCatalogue } from './catalogue.ts';
import { EMPTY_FIELD, emptyState, type Field } from './field.ts';
import { digestSlice, fullSlice, goneSlice } from './slice.ts';
import { attempt, codeOf, fromHex, toHex } from './testing/bytes.ts';
import { makeWorld, type World, worldSpecs } from './testing/worlds.ts';
import {
  applyTick,
  decodeDocPatch,
  decodeKeyframe,
  encodeDocPatch,
  encodeKeyframe,
  encodeTick,
  readStreamHead,
  STREAM_HEAD_BYTES,
  STREAM_MESSAGE,
  type StreamHead,
} from './tick-message.ts';

const headOf = ({ tag }: Catalogue, tick: number): StreamHead => ({
  tick,
  closeAtMs: 1_700_000_000_000 + 500 * tick,
  epoch: 'fedcba9876543210',
  catalogueTag: tag,
});

/** Every message of a world: its ticks, a keyframe for each, and a document patch for each. */
function messagesOf({ catalogue, fields, random }: World) {
  return fields.slice(1).map((after, index) => {
    const head = headOf(catalogue, index + 1);
    const before = fields[index]!;
    const doc = Uint8Array.from({ length: random.int(0, 200) }, () => random.int(0, 255));
    return {
      ...{ before, after, head, doc },
      tick: encodeTick(head, catalogue, before, after),
      keyframe: encodeKeyframe(head, catalogue, after, doc, index),
      patch: encodeDocPatch(head, index, doc),
    };
  });
}

it('tick by tick, in one composite and from a keyframe, the field is that of the source', () => {
  fc.assert(
    fc.property(worldSpecs(), (spec) => {
      const world = makeWorld(spec);
      const { catalogue, fields, random } = world;
      let field: Field = EMPTY_FIELD;
      for (const { tick, keyframe, after, doc, head, patch } of messagesOf(world)) {
        const applied = applyTick(tick, catalogue, field);
        expect(applied.head).toEqual({ ...head, type: STREAM_MESSAGE.tick });
        expect(applied.field).toEqual(after);
        field = applied.field;
        const key = decodeKeyframe(keyframe, catalogue);
        expect(key.field).toEqual(after);
        expect([key.docRevision, Array.from(key.doc)]).toEqual([head.tick - 1, Array.from(doc)]);
        const change = decodeDocPatch(patch);
        expect([change.docRevision, Array.from(change.patch)]).toEqual([head.tick - 1, Array.from(doc)]);
      }
      const from = random.int(0, fields.length - 1);
      const composite = encodeTick(headOf(catalogue, fields.length), catalogue, fields[from]!, fields.at(-1)!);
      expect(applyTick(composite, catalogue, fields[from]!).field).toEqual(fields.at(-1));
    }),
    { numRuns: 600 },
  );
});

/** The cars that are there; the digest does not speak of others. */
const presentIn = ({ cars, states }: Field) =>
  states.flatMap((state, slot) => (state ? [{ slot, car: cars[slot], state }] : []));

/** Every decoder must refuse each of these; `before` must stay as it was, and nothing but a ProtocolError may come out. */
function expectRefused(damaged: Iterable<Uint8Array>, catalogue: Catalogue, before: Field) {
  const copy = { cars: before.cars.slice(), states: before.states.map((state) => state?.slice()) };
  for (const bytes of damaged) {
    const outcomes = [
      attempt(() => applyTick(bytes, catalogue, before)),
      attempt(() => decodeKeyframe(bytes, catalogue)),
      attempt(() => decodeDocPatch(bytes)),
    ];
    if (outcomes.some((outcome) => 'result' in outcome)) expect.fail(`${toHex(bytes)} was accepted.`);
  }
  expect(before).toEqual(copy);
}

describe('a message that is not as it was written is refused', () => {
  it('when any byte of it is altered: head, document, car id or bits', () => {
    fc.assert(
      fc.property(worldSpecs({ maxTicks: 4 }), (spec) => {
        const world = makeWorld(spec);
        const { random, catalogue } = world;
        for (const { before, tick, keyframe, patch } of messagesOf(world)) {
          for (const message of [tick, keyframe, patch]) {
            const bytes = message.slice();
            bytes[random.int(0, bytes.length - 1)]! ^= random.int(1, 255);
            expectRefused([bytes], catalogue, before);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('when it is cut anywhere, or anything is behind it', () => {
    fc.assert(
      fc.property(worldSpecs({ maxTicks: 2, maxChannels: 10 }), (spec) => {
        const world = makeWorld(spec);
        for (const { before, tick, keyframe, patch } of messagesOf(world)) {
          for (const message of [tick, keyframe, patch]) {
            const longer = new Uint8Array(message.length + 1);
            longer.set(message);
            const cut = Array.from(message, (_, end) => message.subarray(0, end));
            expectRefused([longer, ...cut], world.catalogue, before);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('when it is any bytes behind a right head', () => {
    fc.assert(
      fc.property(worldSpecs({ maxTicks: 2 }), fc.uint8Array({ minLength: 1, maxLength: 60 }), (spec, rest) => {
        const world = makeWorld(spec);
        for (const { before, tick, keyframe } of messagesOf(world)) {
          for (const message of [tick, keyframe]) {
            const bytes = new Uint8Array(STREAM_HEAD_BYTES + rest.length);
            bytes.set(message.subarray(0, STREAM_HEAD_BYTES));
            bytes.set(rest, STREAM_HEAD_BYTES);
            expectRefused([bytes], world.catalogue, before);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('when it builds on another field', () => {
    fc.assert(
      fc.property(worldSpecs(), (spec) => {
        const world = makeWorld(spec);
        for (const { before, after, tick } of messagesOf(world)) {
          const wrong = before === EMPTY_FIELD ? after : EMPTY_FIELD;
          const outcome = attempt(() => applyTick(tick, world.catalogue, wrong));
          if ('result' in outcome) expect(presentIn(outcome.result.field)).toEqual(presentIn(after));
        }
      }),
      { numRuns: 300 },
    );
  });
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
const full = catalogue.views[0]!;
const one = (value: number) => Int32Array.of(value, 5);
const field: Field = { cars: ['24', '9'], states: [one(80), undefined] };

it('stands in bytes as the specification says', () => {
  const head = { tick: 0x01020304, closeAtMs: 0x0a0b0c0d0e0f, epoch: '0123456789abcdef', catalogueTag: 0xdeadbeef };
  const start = '04030201 0f0e0d0c0b0a 0123456789abcdef efbeadde'.replaceAll(' ', '');
  expect(toHex(encodeDocPatch(head, 7, fromHex('90')))).toMatch(new RegExp(`^0301${start}[0-9a-f]{8}0700000090$`));
  expect(toHex(encodeKeyframe(head, catalogue, field, fromHex('80'), 7))).toMatch(
    new RegExp(`^0201${start}[0-9a-f]{8}070000000180000105023234d0850102020139$`),
  );
});

describe('cars', () => {
  it('that are known and gone from the first take a slot all the same', () => {
    const before: Field = { cars: ['24'], states: [one(80)] };
    const after: Field = { cars: ['24', '9', '5'], states: [one(80), undefined, one(1)] };
    const tick = encodeTick(headOf(catalogue, 2), catalogue, before, after);
    expect(applyTick(tick, catalogue, before).field).toEqual(after);
  });

  it('in which nothing changed cost nothing and keep their state, not a copy', () => {
    const tick = encodeTick(headOf(catalogue, 2), catalogue, field, { ...field, states: [one(80), undefined] });
    expect(tick.length).toBe(STREAM_HEAD_BYTES + 4);
    expect(applyTick(tick, catalogue, field).field.states[0]).toBe(field.states[0]);
  });
});

describe('a message that breaks a rule is refused with its code', () => {
  const tickOf = (...slices: Uint8Array[]) =>
    new Uint8Array([...encodeTick(headOf(catalogue, 2), catalogue, field, field), ...slices.flatMap((s) => [...s])]);
  const v = catalogue.viewOf('v')!;
  it.each<[string, Uint8Array, string]>([
    ['type 0', fromHex('00'), 'bad_type'],
    ['type 4', fromHex('04'), 'bad_type'],
    ['version 2', fromHex('0102'), 'bad_version'],
    [
      'another catalogue',
      encodeTick({ ...headOf(catalogue, 2), catalogueTag: 1 }, catalogue, field, field),
      'wrong_catalogue',
    ],
    ['a keyframe for a tick', encodeKeyframe(headOf(catalogue, 2), catalogue, field, fromHex(''), 0), 'bad_type'],
    ['slots that fall', tickOf(goneSlice(1, '9', full), goneSlice(0, '24', full)), 'bad_slot'],
    ['a slot twice', tickOf(goneSlice(0, '24', full), fullSlice(0, '24', full, one(1))), 'bad_slot'],
    ['a slot that skips one', tickOf(fullSlice(3, '7', full, one(1))), 'bad_slot'],
    ['a slot beyond the last', tickOf(fullSlice(250, '7', full, one(1))), 'bad_slot'],
    ['another car in a taken slot', tickOf(fullSlice(0, '7', full, one(1))), 'bad_car'],
    ['another car gone from a slot', tickOf(goneSlice(0, '7', full)), 'bad_car'],
    ['a car in a second slot', tickOf(fullSlice(2, '24', full, one(1))), 'bad_car'],
    ['a slice of another view', tickOf(fullSlice(0, '24', v, one(1))), 'bad_view'],
    ['a digest slice', tickOf(digestSlice(0, '24', full, one(80))), 'bad_view'],
    ['a delta of a car that is gone', tickOf(fromHex('0100017500')), 'no_base'],
    ['a delta of a car that never was', tickOf(fromHex('0200017500')), 'no_base'],
    ['bytes behind a gone', tickOf(fromHex('000204' + '023234' + '00')), 'overlong'],
  ])('%s', (_, bytes, code) => {
    expect(codeOf(() => applyTick(bytes, catalogue, field))).toBe(code);
  });

  it('a document length beyond the message', () => {
    const keyframe = encodeKeyframe(headOf(catalogue, 2), catalogue, EMPTY_FIELD, fromHex(''), 0);
    const bytes = new Uint8Array([...keyframe.subarray(0, STREAM_HEAD_BYTES + 8), ...fromHex('ffffffff0f00')]);
    expect(codeOf(() => decodeKeyframe(bytes, catalogue))).toBe('cut');
  });
});

it('a message that could not be written does not spoil the next one', () => {
  const right = toHex(encodeDocPatch(headOf(catalogue, 2), 1, fromHex('90')));
  expect(() => encodeDocPatch({ ...headOf(catalogue, 2), epoch: undefined as never }, 1, fromHex('90'))).toThrow(
    TypeError,
  );
  expect(toHex(encodeDocPatch(headOf(catalogue, 2), 1, fromHex('90')))).toBe(right);
});

it('the largest field passes: every slot taken', () => {
  const cars = Array.from({ length: 250 }, (_, slot) => `c${slot}`);
  const states = cars.map((_, slot) => (slot % 3 ? one(slot % 100) : slot % 2 ? emptyState(catalogue) : undefined));
  const tick = encodeTick(headOf(catalogue, 1), catalogue, EMPTY_FIELD, { cars, states });
  expect(applyTick(tick, catalogue, EMPTY_FIELD).field).toEqual({ cars, states });
  expect(readStreamHead(tick).tick).toBe(1);
});
