import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteReader } from './bytes.ts';
import { compileOwnView, MAX_CHANNELS, parseCatalogue } from './catalogue.ts';
import { encodeDelta, encodeFull } from './delta.ts';
import { emptyState, MAX_CARS } from './field.ts';
import {
  applySlice,
  changeSlice,
  digestSlice,
  fullSlice,
  goneSlice,
  readCarId,
  readDigest,
  readSlice,
  SLICE,
  viewOfSlice,
} from './slice.ts';
import { codeOf, fromHex, toHex } from './testing/bytes.ts';
import { makeWorld, randomState, worldSpecs } from './testing/worlds.ts';

const channel = (key: string, max: number, coding: object = {}) => ({
  ...{ key, label: '', unit: '', resolution: 1, min: 0, max, aggregate: 'last', group: '', staleAfterMs: 500 },
  coding,
});
const catalogue = parseCatalogue({ name: '', channels: [channel('a', 100), channel('b', 1)], views: { v: ['b'] } });
const [full, v] = [catalogue.views[0]!, catalogue.viewOf('v')!];

it('stands in bytes as the specification says', () => {
  expect(toHex(fullSlice(7, '24', full, Int32Array.of(80, 1)))).toBe('07 01 05 02 3234 d0c0'.replaceAll(' ', ''));
  expect(toHex(goneSlice(249, 'A-_9', v))).toBe('f9 06 05 04 412d5f39'.replaceAll(' ', ''));
  expect(toHex(digestSlice(0, '24', v, Int32Array.of(80, 1)))).toMatch(/^000704[0-9a-f]{8}$/);
  expect(toHex(changeSlice(1, '24', full, Int32Array.of(80, 1), Int32Array.of(81, 1))!)).toBe('01000175');
});

it('is a delta, the whole state when that is smaller or nothing came before, gone, or nothing', () => {
  fc.assert(
    fc.property(worldSpecs(), (spec) => {
      const { catalogue, fields } = makeWorld(spec);
      for (let t = 1; t < fields.length; t++) {
        const { cars, states } = fields[t]!;
        for (const [slot, after] of states.entries()) {
          const before = fields[t - 1]!.states[slot];
          for (const view of catalogue.views) {
            const bytes = changeSlice(slot, cars[slot]!, view, before, after);
            const delta = before && after ? encodeDelta(view, before, after)?.length : undefined;
            const whole = after ? encodeFull(view, after).length + 1 + cars[slot]!.length : 0;
            if (!bytes) {
              expect(before === after || delta === undefined).toBe(true);
              continue;
            }
            const reader = new ByteReader(bytes);
            const slice = readSlice(reader);
            expect(reader.left).toBe(0);
            expect(slice).toMatchObject({ slot, viewId: view.id, start: 0, end: bytes.length });
            if (slice.kind === SLICE.delta) expect(delta).toBeLessThanOrEqual(whole);
            else expect(readCarId(bytes, slice).car).toBe(cars[slot]);
            if (slice.kind === SLICE.full && delta !== undefined) expect(whole).toBeLessThan(delta);
            expect(slice.kind === SLICE.gone).toBe(after === undefined);
            if (after) {
              const seen = emptyState(catalogue);
              for (const c of view.channels) seen[c] = before?.[c] ?? seen[c]!;
              const was = seen.slice();
              const state = applySlice(catalogue, view, bytes, slice, before ? seen : undefined);
              for (const c of view.channels) expect(state[c]).toBe(after[c]);
              expect(seen).toEqual(was);
            }
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});

it('carries its length also where that needs two bytes and a delta would need three', () => {
  const wide = Array.from({ length: MAX_CHANNELS }, (_, i) => channel(`c${i}`, 2 ** 29, { busy: true, k: 0 }));
  const large = parseCatalogue({ name: '', channels: wide });
  const [before, after] = [new Int32Array(MAX_CHANNELS), new Int32Array(MAX_CHANNELS).fill(2 ** 29)];
  const view = large.views[0]!;
  expect(encodeDelta(view, before, after)!.length).toBeGreaterThan(2 ** 14);
  const bytes = changeSlice(0, 'A', view, before, after)!;
  const slice = readSlice(new ByteReader(bytes));
  expect([slice.kind, slice.end]).toEqual([SLICE.full, bytes.length]);
  expect(applySlice(large, view, bytes, slice, undefined)).toEqual(after);
});

it.each([
  ['a slot beyond the last', 'fa00021234', 'bad_slot'],
  ['no tag', '01', 'cut'],
  ['no length', '0100', 'cut'],
  ['a length beyond the message', '01000312ff', 'cut'],
  ['a length of 4 GB', '0100ffffffff0f00', 'cut'],
  ['a length not written shortest', '0100820012ff', 'bad_code'],
])('%s is refused', (_, hex, code) => {
  expect(codeOf(() => readSlice(new ByteReader(fromHex(hex))))).toBe(code);
});

it.each([
  ['no id', '010100'],
  ['an empty id', '01010100'],
  ['an id of nine', '01010a09414141414141414141'],
  ['an id longer than its slice', '010103033234'],
  ['an id with other characters', '01010402322e34'],
  ['an id with a line feed behind', '0101040332340a'],
])('%s is refused as a car id', (_, hex) => {
  const bytes = fromHex(hex);
  expect(codeOf(() => readCarId(bytes, readSlice(new ByteReader(bytes))))).toBe('bad_car');
});

it('a digest has four bytes, no more and no fewer', () => {
  const digestOf = (hex: string) => () => readDigest(fromHex(hex), readSlice(new ByteReader(fromHex(hex))));
  expect(digestOf('00030478563412')()).toBe(0x12345678);
  expect(codeOf(digestOf('000303785634'))).toBe('cut');
  expect(codeOf(digestOf('0003057856341200'))).toBe('cut');
});

it('a view that the catalogue does not have is refused, and so is a delta of nothing', () => {
  const bytes = fromHex('0008021234');
  const slice = readSlice(new ByteReader(bytes));
  expect(codeOf(() => viewOfSlice(catalogue, slice))).toBe('bad_view');
  expect(codeOf(() => applySlice(catalogue, catalogue.views[0]!, bytes, slice, undefined))).toBe('no_base');
});

it('view 61 is the list of channels of the connection, and nothing without one', () => {
  const own = compileOwnView(catalogue, [catalogue.channels[0]!.key])!;
  const slice = readSlice(new ByteReader(fullSlice(0, 'A', own, emptyState(catalogue))));
  expect(slice.viewId).toBe(61);
  expect(viewOfSlice(catalogue, slice, own)).toBe(own);
  expect(codeOf(() => viewOfSlice(catalogue, slice))).toBe('bad_view');
});

it('every slot that a field can have fits', () => {
  const { random } = makeWorld({ seed: 1, channels: 1, cars: 1, ticks: 1 });
  for (let slot = 0; slot < MAX_CARS; slot++) {
    const bytes = fullSlice(slot, 'A', full, randomState(random, catalogue));
    expect(readSlice(new ByteReader(bytes)).slot).toBe(slot);
  }
});
