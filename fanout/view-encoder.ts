import { OWN_VIEW } from '../protocol/catalogue.ts';
import type { View } from '../protocol/coding-plan.ts';
import { MAX_CARS } from '../protocol/field.ts';
import { changeSlice, digestSlice, fullSlice } from '../protocol/slice.ts';
import type { RingEntry } from './ring.ts';

/** Above every view id of a catalogue, for the lists of channels that fans made. */
const FIRST_OWN_CODE = 64;

type Slices = RingEntry['slices'];

/**
 * Makes slices for fans, each at most once however many fans watch it.
 *
 * A slice over one tick in a view of the catalogue is kept with the tick for as long as the ring keeps it. Slices over
 * several ticks, whole states, digests and everything in the lists of channels that fans made, of which there may be
 * thousands, are kept while the newest tick is the newest.
 */
export class ViewEncoder {
  #head: RingEntry | undefined;
  /** By tick that they build on. */
  readonly #composites = new Map<number, Slices>();
  readonly #fulls = new Map<number, Uint8Array>();
  readonly #digests = new Map<number, Uint8Array>();
  /** Slices in lists of channels: by the ticks that they lead from and to, then as {@link #keyOf} says. */
  readonly #own = new Map<number, Map<number, Uint8Array | null>>();
  /** All lists have one view id: here each has a number of its own. */
  readonly #ownCodes = new WeakMap<View, number>();
  #nextOwnCode = FIRST_OWN_CODE;
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
    this.#own.clear();
  }

  #keyOf(slot: number, view: View): number {
    if (view.id !== OWN_VIEW.id) return view.id * MAX_CARS + slot;
    let code = this.#ownCodes.get(view);
    if (code === undefined) {
      code = this.#nextOwnCode++;
      this.#ownCodes.set(view, code);
    }
    return code * MAX_CARS + slot;
  }

  /** What changed of one car from `base` to `to`, an entry of the same ring that is not older. */
  change(base: RingEntry, to: RingEntry, slot: number, view: View): Uint8Array | undefined {
    const isOneTick = to.tick === base.tick + 1;
    // As the publisher encoded it: an edge never encodes `full` again.
    if (isOneTick && view.id === 0 && to.fullSlices) return to.fullSlices[slot];
    if (view.id === OWN_VIEW.id) return this.#ownChange(base, to, slot, view);
    const byView = isOneTick ? to.slices : this.#compositesFrom(base, to);
    byView[view.id] ??= [];
    const bySlot = byView[view.id]!;
    const known = bySlot[slot];
    if (known !== undefined) return known ?? undefined;
    const slice = this.#encode(base, to, slot, view);
    bySlot[slot] = slice ?? null;
    return slice;
  }

  #encode(base: RingEntry, to: RingEntry, slot: number, view: View): Uint8Array | undefined {
    const startedAtMs = performance.now();
    const slice = changeSlice(slot, to.field.cars[slot]!, view, base.field.states[slot], to.field.states[slot]);
    this.spentMs += performance.now() - startedAtMs;
    this.encoded++;
    return slice;
  }

  #ownChange(base: RingEntry, to: RingEntry, slot: number, view: View): Uint8Array | undefined {
    // A fan that comes back asks for older ticks: what is kept for the newest one stays.
    if (!this.#head || to.tick > this.#head.tick) this.#keepOnlyFor(to);
    const ticks = base.tick * 2 ** 16 + (to.tick - base.tick);
    let byKey = this.#own.get(ticks);
    if (!byKey) {
      byKey = new Map();
      this.#own.set(ticks, byKey);
    }
    const key = this.#keyOf(slot, view);
    const known = byKey.get(key);
    if (known !== undefined) return known ?? undefined;
    const slice = this.#encode(base, to, slot, view);
    byKey.set(key, slice ?? null);
    return slice;
  }

  #compositesFrom(base: RingEntry, to: RingEntry): Slices {
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
    const key = this.#keyOf(slot, view);
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
