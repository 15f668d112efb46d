import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeTickFrame, hasDigests } from '../protocol/frames.ts';
import { makeWorld, worldSpecs } from '../protocol/testing/worlds.ts';
import { ChoiceBook, slotOf } from './choice.ts';
import type { RingEntry } from './ring.ts';
import { StepFrames } from './step-frames.ts';
import { ViewEncoder } from './view-encoder.ts';

it('a step frame is byte for byte the frame that the protocol joins from the same slices', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 24 }), (spec) => {
      const { catalogue, fields, random } = makeWorld(spec);
      const entries = fields.map(
        (field, tick): RingEntry => ({
          ...{ tick, seq: tick + 1, closeAtMs: 1000 + tick, field },
          ...{ message: new Uint8Array(), fullSlices: undefined, docs: [], slices: [] },
        }),
      );
      const encoder = new ViewEncoder();
      const steps = new StepFrames(encoder, catalogue.views);
      const book = new ChoiceBook(catalogue);
      for (const head of entries.slice(1)) {
        const base = entries[head.tick - 1]!;
        const { cars } = head.field;
        for (let n = 0; n < 4; n++) {
          const watch = cars
            .filter(() => random.chance(0.5))
            .map((car) => ({ car, view: random.pick(catalogue.views).name }));
          const choice = book.take({ watch }, head.field);
          const slices = choice.codesIn(head.field).flatMap((code) => {
            const [slot, view] = [slotOf(code), choice.viewAt(code)];
            const digest = hasDigests(base.tick, head.tick, 0) ? encoder.digest(head, slot, view) : undefined;
            return [encoder.change(base, head, slot, view), digest].filter((slice) => slice !== undefined);
          });
          const { tick, closeAtMs, seq } = head;
          // Somewhere in the middle, as the codes of one fan among others.
          const codes = Uint16Array.from([7, 7, ...choice.codesIn(head.field), 7]);
          expect(steps.to(base, head, seq).join(codes, 2, codes.length - 1)).toEqual(
            encodeTickFrame({ flags: 0, tick, closeAtMs, seq }, 1, slices),
          );
        }
      }
    }),
    { numRuns: 60 },
  );
});
