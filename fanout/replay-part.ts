import { BundleWriter } from '../protocol/bundle.ts';
import { FRAME_FLAG, TickFrameWriter } from '../protocol/frames.ts';
import { digestSlice, fullSlice, goneSlice } from '../protocol/slice.ts';
import { type Choice, slotOf } from './choice.ts';
import type { RingEntry } from './ring.ts';
import type { ViewEncoder } from './view-encoder.ts';

/** A run of missed ticks in one message. */
export interface ReplayPart {
  /** Shared between fans. */
  readonly bundle: Uint8Array;
  /** Bytes of the tick frames alone. */
  readonly frameBytes: number;
  readonly ticks: number;
  /** The tick that it leads to. */
  readonly to: RingEntry;
  /** It would be the same at any later time. */
  readonly isFinal: boolean;
}

/** A part ends where digests are due anyway, so that those who came at different ticks soon share theirs. */
const PART_EVERY_TICKS = 20;
/** It ends there once it is so large: what waits in the socket of a fan stays small. */
const ENOUGH_BYTES = 32 * 1024;
const MAX_CACHED_BYTES = 32 * 1024 * 1024;

/** Makes parts, those that several fans want once. */
export class ReplayParts {
  readonly #encoder: ViewEncoder;
  readonly #bundle = new BundleWriter();
  readonly #frame = new TickFrameWriter();
  readonly #cache = new Map<string, ReplayPart>();
  #cachedBytes = 0;

  constructor(encoder: ViewEncoder) {
    this.#encoder = encoder;
  }

  /**
   * The next ticks that a fan missed.
   * @param entries From the tick that the fan holds on, at least one more. @param head The newest tick.
   * @param pending Cars whose whole state goes into the first frame because the fan does not hold them yet.
   */
  part(choice: Choice, entries: readonly RingEntry[], head: RingEntry, pending?: ReadonlySet<string>): ReplayPart {
    if (choice.fans < 2 || pending) return this.#make(choice, entries, head, pending);
    const key = `${entries[0]!.tick}:${choice.key}`;
    const known = this.#cache.get(key);
    if (known && (known.isFinal || known.to.tick === head.tick)) return known;
    const part = this.#make(choice, entries, head, undefined);
    this.#keep(key, part, known);
    return part;
  }

  #keep(key: string, part: ReplayPart, before: ReplayPart | undefined): void {
    this.#cache.delete(key);
    this.#cache.set(key, part);
    this.#cachedBytes += part.bundle.length - (before?.bundle.length ?? 0);
    for (const [oldest, { bundle }] of this.#cache) {
      if (this.#cachedBytes <= MAX_CACHED_BYTES) return;
      this.#cache.delete(oldest);
      this.#cachedBytes -= bundle.length;
    }
  }

  #make(
    choice: Choice,
    entries: readonly RingEntry[],
    head: RingEntry,
    pending: ReadonlySet<string> | undefined,
  ): ReplayPart {
    const codes = choice.codesIn(head.field);
    const bundle = this.#bundle;
    bundle.start();
    let before = entries[0]!;
    for (let place = 1; place < entries.length; place++) {
      const entry = entries[place]!;
      const isFull = bundle.frameBytes >= ENOUGH_BYTES && entry.tick % PART_EVERY_TICKS === 0;
      const isLast = isFull || place === entries.length - 1;
      bundle.add(this.#frameOf(choice, codes, before, entry, isLast, place === 1 ? pending : undefined));
      before = entry;
      if (isFull) break;
    }
    const ticks = before.tick - entries[0]!.tick;
    return {
      bundle: bundle.finish(),
      frameBytes: bundle.frameBytes,
      ticks,
      to: before,
      isFinal: before.tick !== head.tick,
    };
  }

  /** One missed tick on its own, as it was; the last of a part carries digests of what all of it led to. */
  #frameOf(
    choice: Choice,
    codes: readonly number[],
    before: RingEntry,
    entry: RingEntry,
    hasDigests: boolean,
    pending: ReadonlySet<string> | undefined,
  ): Uint8Array {
    const writer = this.#frame;
    const { tick, closeAtMs, seq, field } = entry;
    writer.start({ flags: FRAME_FLAG.repair, tick, closeAtMs, seq }, 1);
    for (const code of codes) {
      const slot = slotOf(code);
      const car = field.cars[slot];
      if (car === undefined) continue;
      const view = choice.viewAt(code);
      const state = field.states[slot];
      const slice = pending?.has(car)
        ? state
          ? fullSlice(slot, car, view, state)
          : goneSlice(slot, car, view)
        : this.#encoder.change(before, entry, slot, view);
      if (slice) writer.add(slice);
      if (hasDigests && state) writer.add(digestSlice(slot, car, view, state));
    }
    return writer.look();
  }
}
