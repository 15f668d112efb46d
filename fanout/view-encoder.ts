import type { View } from '../protocol/coding-plan.ts';
import { changeSlice, digestSlice, fullSlice } from '../protocol/slice.ts';
import type { RingEntry } from './ring.ts';

/** Every so many ticks the slices carry a digest, so that drift at a client is found within 10 s. */
export const DIGEST_EVERY_TICKS = 20;

const keyOf = (slot: number, view: View): number => slot * 64 + view.id;

/**
 * Makes slices for fans, each at most once however many fans watch it.
 *
 * A slice over one tick is kept with the tick for as long as the ring keeps it. Slices over several ticks, whole
 * states and digests are kept while the tick they lead to is the newest.
 */
export class ViewEncoder {
  #head: RingEntry | undefined;
  /** By tick that they build on. */
  readonly #composites = new Map<number, RingEntry['slices']>();
  readonly #fulls = new Map<number, Uint8Array>();
  readonly #digests = new Map<number, Uint8Array>();
  /** How many slices were encoded. */
  encoded = 0;
  /** Time spent on encoding them, in ms. */
  spentMs = 0;

  #keepOnlyFor(head: RingEntry): void {
    if (this.#head === head) return;
    this.#head = head;
    this.#composites.clear();
    this.#fulls.clear();
    this.#digests.clear();
  }

  /** What changed of one car from `base` to `to`, an entry of the same ring that is not older. */
  change(base: RingEntry, to: RingEntry, slot: number, view: View): Uint8Array | undefined {
    const isOneTick = to.tick === base.tick + 1;
    // As the publisher encoded it: an edge never encodes `full` again.
    if (isOneTick && view.id === 0 && to.fullSlices) return to.fullSlices[slot];
    const byView = isOneTick ? to.slices : this.#compositesFrom(base, to);
    byView[view.id] ??= [];
    const bySlot = byView[view.id]!;
    const known = bySlot[slot];
    if (known !== undefined) return known ?? undefined;
    const startedAtMs = performance.now();
    const slice = changeSlice(slot, to.field.cars[slot]!, view, base.field.states[slot], to.field.states[slot]);
    this.spentMs += performance.now() - startedAtMs;
    this.encoded++;
    bySlot[slot] = slice ?? null;
    return slice;
  }

  #compositesFrom(base: RingEntry, to: RingEntry): RingEntry['slices'] {
    this.#keepOnlyFor(to);
    let slices = this.#composites.get(base.tick);
    if (!slices) {
      slices = [];
      this.#composites.set(base.tick, slices);
    }
    return slices;
  }

  /** The whole state of one car, `undefined` while it is not in the field. */
  full(entry: RingEntry, slot: number, view: View): Uint8Array | undefined {
    return this.#once(this.#fulls, entry, slot, view, (state) => fullSlice(slot, entry.field.cars[slot]!, view, state));
  }

  /** The digest of one car, `undefined` while it is not in the field. */
  digest(entry: RingEntry, slot: number, view: View): Uint8Array | undefined {
    return this.#once(this.#digests, entry, slot, view, (state) =>
      digestSlice(slot, entry.field.cars[slot]!, view, state),
    );
  }

  #once(
    cache: Map<number, Uint8Array>,
    entry: RingEntry,
    slot: number,
    view: View,
    make: (state: Int32Array) => Uint8Array,
  ): Uint8Array | undefined {
    const state = entry.field.states[slot];
    if (!state) return undefined;
    this.#keepOnlyFor(entry);
    const key = keyOf(slot, view);
    let slice = cache.get(key);
    if (!slice) {
      const startedAtMs = performance.now();
      slice = make(state);
      this.spentMs += performance.now() - startedAtMs;
      this.encoded++;
      cache.set(key, slice);
    }
    return slice;
  }
}
