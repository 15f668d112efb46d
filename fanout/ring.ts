import type { Field } from '../protocol/field.ts';

/** A change of the document as it lies in the stream. */
interface DocPatch {
  readonly seq: number;
  /** Packed RFC 6902 list; `undefined` where a keyframe replaced the document as a whole. */
  readonly patch: Uint8Array | undefined;
  /** The message of the stream that did it. */
  readonly message: Uint8Array;
}

/** One tick as the edge remembers it. */
export interface RingEntry {
  readonly tick: number;
  /** Stream sequence of the message that made this state. */
  readonly seq: number;
  /** That message, as it lies in the stream: a tick, or the keyframe from which the state began. */
  readonly message: Uint8Array;
  readonly closeAtMs: number;
  readonly field: Field;
  /**
   * By slot, the slices of the full view as the publisher encoded them, building on tick − 1; `undefined` for the
   * whole when the state came from a keyframe and builds on nothing.
   */
  readonly fullSlices: readonly (Uint8Array | undefined)[] | undefined;
  /** Changes of the document that were stored after this tick and before the next. */
  readonly docs: DocPatch[];
  /** Slices of other views by view id and slot, made when first asked for; null where nothing changed. */
  readonly slices: (Uint8Array | null | undefined)[][];
}

/** The last ticks of one race, without holes, in one epoch. */
export class Ring {
  readonly #capacity: number;
  #entries: RingEntry[] = [];

  /** @param capacity How many ticks are kept. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#entries.length;
  }

  get head(): RingEntry | undefined {
    return this.#entries.at(-1);
  }

  get oldest(): RingEntry | undefined {
    return this.#entries[0];
  }

  clear(): void {
    this.#entries = [];
  }

  /** Adds the next tick; the oldest falls out when the ring is full. The tick must be that of the head + 1. */
  push(entry: RingEntry): void {
    const { head } = this;
    if (head && entry.tick !== head.tick + 1) throw new RangeError(`Tick ${entry.tick} cannot follow ${head.tick}.`);
    this.#entries.push(entry);
    if (this.#entries.length > this.#capacity) this.#entries.shift();
  }

  byTick(tick: number): RingEntry | undefined {
    const { oldest } = this;
    return oldest && tick >= oldest.tick ? this.#entries[tick - oldest.tick] : undefined;
  }

  /**
   * The state at a position: the last tick whose message is at or before `seq`.
   * @param seq Sequence of any message, not only of a tick.
   * @returns `undefined` when that tick is older than the ring.
   */
  atSeq(seq: number): RingEntry | undefined {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.seq <= seq) low = middle + 1;
      else high = middle;
    }
    return this.#entries[low - 1];
  }

  /** The ticks after `tick` in order; `tick` must be in the ring. */
  after(tick: number): readonly RingEntry[] {
    const { oldest } = this;
    return oldest ? this.#entries.slice(tick + 1 - oldest.tick) : [];
  }
}
