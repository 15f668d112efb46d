import { encodeDocFrame, encodeTickFrame, FRAME_FLAG } from '../protocol/frames.ts';
import { goneSlice } from '../protocol/slice.ts';
import type { Choice, WatchedSlot } from './choice.ts';
import type { RaceState } from './race-state.ts';
import type { RingEntry } from './ring.ts';
import { DIGEST_EVERY_TICKS, ViewEncoder } from './view-encoder.ts';

/** What a tick frame is to lead from, and how it is marked. */
export interface FrameWish {
  /** The tick that the fan holds; `undefined` for a snapshot. */
  readonly base: RingEntry | undefined;
  /** Cars whose whole state is to be sent because the fan does not hold them yet. */
  readonly pending?: ReadonlySet<string> | undefined;
  /** Sum of FRAME_FLAG without `snapshot`. */
  readonly flags: number;
}

/** Joins slices into frames that lead to the newest tick; equal frames are made once. */
export class FrameMaker {
  readonly #state: RaceState;
  readonly encoder = new ViewEncoder();
  /** How many frames were joined. */
  made = 0;
  #docFrames: { seq: number; byFlags: Map<number, Uint8Array> } = { seq: -1, byFlags: new Map() };

  constructor(state: RaceState) {
    this.#state = state;
  }

  /** The frame from `wish.base` to the newest tick. Shared between fans: send it, do not change it. */
  frame(choice: Choice, wish: FrameWish): Uint8Array {
    const head = this.#state.head!;
    // Nobody to share it with.
    if (choice.fans === 1 || (wish.pending && wish.pending.size > 0)) return this.#join(choice, wish, head);
    if (choice.framesAtSeq !== this.#state.seq) {
      choice.framesAtSeq = this.#state.seq;
      choice.frames.clear();
    }
    const key = (wish.base ? wish.base.tick + 1 : 0) * 8 + wish.flags;
    const known = choice.frames.get(key);
    if (known) return known;
    const frame = this.#join(choice, wish, head);
    choice.frames.set(key, frame);
    return frame;
  }

  #join(choice: Choice, { base, pending, flags }: FrameWish, head: RingEntry): Uint8Array {
    const span = base ? head.tick - base.tick : 0;
    const hasDigest = head.tick % DIGEST_EVERY_TICKS === 0 || span > 1;
    const slices: Uint8Array[] = [];
    for (const { slot, car, view } of choice.slotsIn(head.field)) {
      const slice = this.#slice(base, head, { slot, car, view }, pending?.has(car) ?? false);
      if (slice) slices.push(slice);
      const digest = hasDigest ? this.encoder.digest(head, slot, view) : undefined;
      if (digest) slices.push(digest);
    }
    this.made++;
    return encodeTickFrame(
      {
        flags: base ? flags : flags | FRAME_FLAG.snapshot,
        tick: head.tick,
        closeAtMs: head.closeAtMs,
        seq: this.#state.seq,
      },
      span,
      slices,
    );
  }

  #slice(base: RingEntry | undefined, head: RingEntry, { slot, car, view }: WatchedSlot, isPending: boolean) {
    if (!base) return this.encoder.full(head, slot, view);
    if (!isPending) return this.encoder.change(base, head, slot, view);
    // A car that left before it came in the new view is still held in the old one.
    return this.encoder.full(head, slot, view) ?? goneSlice(slot, car, view);
  }

  /** One missed tick on its own, as it was; the newest one carries digests of what the whole repair led to. */
  missed(choice: Choice, base: RingEntry, entry: RingEntry): Uint8Array {
    const slices: Uint8Array[] = [];
    const { head } = this.#state;
    for (const { slot, view } of choice.slotsIn(head!.field)) {
      if (slot >= entry.field.cars.length) continue;
      const slice = this.encoder.change(base, entry, slot, view);
      if (slice) slices.push(slice);
      const digest = entry === head ? this.encoder.digest(entry, slot, view) : undefined;
      if (digest) slices.push(digest);
    }
    const { tick, closeAtMs, seq } = entry;
    return encodeTickFrame({ flags: FRAME_FLAG.repair, tick, closeAtMs, seq }, 1, slices);
  }

  /** The whole document at the newest position. */
  document(flags: number): Uint8Array {
    const { seq, packedDocument } = this.#state;
    const { tick, closeAtMs } = this.#state.head!;
    if (this.#docFrames.seq !== seq) this.#docFrames = { seq, byFlags: new Map() };
    let frame = this.#docFrames.byFlags.get(flags);
    if (!frame) {
      frame = encodeDocFrame({ flags: flags | FRAME_FLAG.snapshot, tick, closeAtMs, seq }, packedDocument);
      this.#docFrames.byFlags.set(flags, frame);
    }
    return frame;
  }
}

/** A change of the document that came after `entry`. */
export const docPatchFrame = (entry: RingEntry, seq: number, patch: Uint8Array, flags: number): Uint8Array =>
  encodeDocFrame({ flags, tick: entry.tick, closeAtMs: entry.closeAtMs, seq }, patch);
