import fc from 'fast-check';
import { expect, it } from 'vitest';
import { composeDeltas } from './composite.ts';
import { applyDelta, encodeDelta } from './delta.ts';
import { makeWorld, randomNextState, randomState, worldSpecs } from './testing/worlds.ts';

it('the composite of any run of deltas does the same in one step, in every view', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 1 }), fc.integer({ min: 0, max: 8 }), (spec, count) => {
      const { catalogue, random } = makeWorld(spec);
      for (const view of catalogue.views) {
        const base = randomState(random, catalogue);
        const deltas: Uint8Array[] = [];
        let state = base;
        for (let n = 0; n < count; n++) {
          const next = n === count - 1 && random.chance(0.2) ? base : randomNextState(random, catalogue, state);
          const delta = encodeDelta(view, state, next)?.slice();
          if (delta) deltas.push(delta);
          state = next;
        }
        const was = base.slice();
        const composite = composeDeltas(view, base, deltas);
        expect(base).toEqual(was);
        const direct = encodeDelta(view, base, state)?.slice();
        expect(composite).toEqual(direct);
        if (!composite) continue;
        const once = base.slice();
        applyDelta(view, once, composite);
        for (const c of view.channels) expect(once[c]).toBe(state[c]);
        // A composite is a delta like any other: runs may be split anywhere.
        const split = random.int(0, deltas.length);
        const half = composeDeltas(view, base, deltas.slice(0, split));
        expect(composeDeltas(view, base, [...(half ? [half] : []), ...deltas.slice(split)])).toEqual(composite);
      }
    }),
    { numRuns: 1000 },
  );
});
