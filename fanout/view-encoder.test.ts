import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileOwnView } from '../protocol/catalogue.ts';
import type { Field } from '../protocol/field.ts';
import { FRAME_FLAG, hasDigests } from '../protocol/frames.ts';
import { changeSlice, digestSlice, fullSlice } from '../protocol/slice.ts';
import { makeWorld, worldSpecs } from '../protocol/testing/worlds.ts';
import type { RingEntry } from './ring.ts';
import { ViewEncoder } from './view-encoder.ts';

it.each<[number | undefined, number, number, boolean]>([
  [undefined, 7, FRAME_FLAG.repair, true],
  [18, 19, 0, false],
  [19, 20, 0, true],
  [20, 21, 0, false],
  [10, 19, 0, false],
  [10, 20, 0, true],
  [15, 25, 0, true],
  [20, 30, 0, false],
  [20, 60, 0, true],
  [20, 30, FRAME_FLAG.conflated, true],
  [20, 30, FRAME_FLAG.repair, true],
  [20, 21, FRAME_FLAG.conflated, true],
])('a frame from tick %s to %d with flags %d carries digests: %s', (base, head, flags, isSo) => {
  expect(hasDigests(base, head, flags)).toBe(isSo);
});

it('drift is found within 20 ticks and a frame at any rate, and at a lower one there are no more digests', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(1000), (stride, from) => {
      const ticks = Array.from({ length: 200 }, (_, n) => from + n * stride);
      const marked = ticks.slice(1).filter((tick) => hasDigests(tick - stride, tick, 0));
      for (const [n, tick] of marked.entries())
        if (n > 0) expect(tick - marked[n - 1]!).toBeLessThan(Math.max(20, stride) + stride);
      expect(marked.length).toBeLessThanOrEqual(Math.ceil((199 * stride) / 20) + 1);
    }),
  );
});

const entriesOf = (fields: readonly Field[]): RingEntry[] =>
  fields.map((field, tick) => ({
    tick,
    seq: tick + 1,
    closeAtMs: 0,
    field,
    message: new Uint8Array(),
    fullSlices: undefined,
    docs: [],
    slices: [],
  }));

it('every slice is that of its ticks, car and view, in whatever order views and lists of channels are asked for', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 6 }), (spec) => {
      const { catalogue, fields, random } = makeWorld(spec);
      const keys = catalogue.channels.map(({ key }) => key);
      const list = () => compileOwnView(catalogue, [random.pick(keys), ...keys.filter(() => random.chance(0.3))])!;
      const views = [...catalogue.views, list(), list(), list()];
      const entries = entriesOf(fields);
      const encoder = new ViewEncoder();
      for (const head of entries.slice(1)) {
        for (let n = 0; n < 30; n++) {
          const view = random.pick(views);
          const base = entries[random.int(0, head.tick - 1)]!;
          const to = random.chance(0.5) ? head : entries[base.tick + 1]!;
          const slot = random.int(0, to.field.cars.length - 1);
          const [car, state] = [to.field.cars[slot]!, to.field.states[slot]];
          if (!car) continue;
          const change = changeSlice(slot, car, view, base.field.states[slot], state);
          expect(encoder.change(base, to, slot, view)).toEqual(change);
          if (!state || to !== head) continue;
          expect(encoder.full(head, slot, view)).toEqual(fullSlice(slot, car, view, state));
          expect(encoder.digest(head, slot, view)).toEqual(digestSlice(slot, car, view, state));
        }
      }
    }),
  );
});

it('slices in a list of channels are made once while a tick is the newest, and kept no longer', () => {
  const { catalogue, fields } = makeWorld({ seed: 5, channels: 8, cars: 1, ticks: 4 });
  const [, first, second, third] = entriesOf(fields);
  const own = compileOwnView(catalogue, ['c0', 'c3'])!;
  const encoder = new ViewEncoder();
  const encodedBy = (base: RingEntry, to: RingEntry) => {
    const before = encoder.encoded;
    encoder.change(base, to, 0, own);
    return encoder.encoded - before;
  };
  expect([encodedBy(first!, second!), encodedBy(first!, second!)]).toEqual([1, 0]);
  expect([encodedBy(second!, third!), encodedBy(first!, second!), encodedBy(second!, third!)]).toEqual([1, 1, 0]);
});
