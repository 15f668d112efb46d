import type { View } from '../protocol/coding-plan.ts';
import { MAX_CARS } from '../protocol/field.ts';
import { encodeDocFrame, FRAME_FLAG, hasDigests, TickFrameWriter } from '../protocol/frames.ts';
import { goneSlice } from '../protocol/slice.ts';
import { type Choice, slotOf } from './choice.ts';
import type { RaceState } from './race-state.ts';
import type { RingEntry } from './ring.ts';
import { StepFrames } from './step-frames.ts';
import { ViewEncoder } from './view-encoder.ts';

/** Nothing to send; one list for all fans. */
export const NO_FRAMES: readonly Uint8Array[] = [];

/** Joins slices into frames that lead to the newest tick; equal frames are made once. */
export class FrameMaker {
  readonly #state: RaceState;
  readonly encoder = new ViewEncoder();
  readonly #writer = new TickFrameWriter();
  readonly #steps: StepFrames;
  /** Of the choice at hand. */
  readonly #codes = new Uint16Array(MAX_CARS);
  /** How many frames were joined. */
  made = 0;
  /** Doc frames by what they build on and their flags; valid while the state is at {@link #docsAtSeq}. */
  readonly #docs = new Map<number, readonly Uint8Array[]>();
  #docsAtSeq = -1;

  constructor(state: RaceState) {
    this.#state = state;
    this.#steps = new StepFrames(this.encoder, state.catalogue.views);
  }

  /**
   * The frame from `base` to the newest tick. Shared between fans, or good until the next call: send it at once, do
   * not change it, do not keep it.
   * @param base The tick that the fan holds; `undefined` for a snapshot.
   * @param flags Sum of FRAME_FLAG without `snapshot`.
   * @param pending Cars whose whole state is to be sent because the fan does not hold them yet.
   */
  frame(choice: Choice, base: RingEntry | undefined, flags: number, pending?: ReadonlySet<string>): Uint8Array {
    const head = this.#state.head!;
    const isShared = choice.fans > 1 && !pending;
    if (!isShared) {
      this.made++;
      const isStep = base !== undefined && head.tick - base.tick === 1 && flags === 0 && !pending && !choice.list;
      if (isStep) return this.#stepOf(choice, base);
      return this.#join(choice, head, base, flags, pending).look();
    }
    choice.frames ??= new Map();
    if (choice.framesAtSeq !== this.#state.seq) {
      choice.framesAtSeq = this.#state.seq;
      choice.frames.clear();
    }
    const key = (base ? base.tick + 1 : 0) * 8 + flags;
    const known = choice.frames.get(key);
    if (known) return known;
    this.made++;
    const frame = this.#join(choice, head, base, flags, undefined).finish();
    choice.frames.set(key, frame);
    return frame;
  }

  /** Frames from `base`, the tick before the newest one, without flags. */
  step(base: RingEntry): StepFrames {
    return this.#steps.to(base, this.#state.head!, this.#state.seq);
  }

  #stepOf(choice: Choice, base: RingEntry): Uint8Array {
    const codes = choice.codesIn(this.#state.head!.field);
    this.#codes.set(codes);
    return this.step(base).join(this.#codes, 0, codes.length);
  }

  #join(
    choice: Choice,
    head: RingEntry,
    base: RingEntry | undefined,
    flags: number,
    pending: ReadonlySet<string> | undefined,
  ): TickFrameWriter {
    const writer = this.#writer;
    const span = base ? head.tick - base.tick : 0;
    const hasDigest = hasDigests(base?.tick, head.tick, flags);
    const { tick, closeAtMs } = head;
    writer.start({ flags: base ? flags : flags | FRAME_FLAG.snapshot, tick, closeAtMs, seq: this.#state.seq }, span);
    for (const code of choice.codesIn(head.field)) {
      const slot = slotOf(code);
      const view = choice.viewAt(code);
      const slice = this.#slice(base, head, slot, view, pending);
      if (slice) writer.add(slice);
      const digest = hasDigest ? this.encoder.digest(head, slot, view) : undefined;
      if (digest) writer.add(digest);
    }
    return writer;
  }

  #slice(
    base: RingEntry | undefined,
    head: RingEntry,
    slot: number,
    view: View,
    pending: ReadonlySet<string> | undefined,
  ): Uint8Array | undefined {
    if (!base) return this.encoder.full(head, slot, view);
    const car = head.field.cars[slot]!;
    if (!pending?.has(car)) return this.encoder.change(base, head, slot, view);
    // A car that left before it came in the new view is still held in the old one.
    return this.encoder.full(head, slot, view) ?? goneSlice(slot, car, view);
  }

  /** The whole document at the newest position, in a list of one. */
  document(flags: number): readonly Uint8Array[] {
    return this.#docsOnce(undefined, 0, flags);
  }

  /**
   * What changed of the document after `seq`: nothing, each patch, or the whole of it where a patch is missing or all
   * of them are larger. Shared between fans.
   * @param base The tick that belongs to `seq`; of one before the ring no patches are known.
   */
  documentSince(base: RingEntry, seq: number, flags: number): readonly Uint8Array[] {
    return seq === this.#state.seq ? NO_FRAMES : this.#docsOnce(base, seq, flags);
  }

  #docsOnce(base: RingEntry | undefined, seq: number, flags: number): readonly Uint8Array[] {
    if (this.#docsAtSeq !== this.#state.seq) {
      this.#docsAtSeq = this.#state.seq;
      this.#docs.clear();
    }
    const key = (base ? seq + 1 : 0) * 8 + flags;
    let frames = this.#docs.get(key);
    if (!frames) {
      frames = (base && this.#patches(base, seq, flags)) ?? [this.#wholeDocument(flags)];
      this.#docs.set(key, frames);
    }
    return frames;
  }

  #patches(base: RingEntry, afterSeq: number, flags: number): readonly Uint8Array[] | undefined {
    const { ring, packedDocument } = this.#state;
    const frames: Uint8Array[] = [];
    let bytes = 0;
    if (ring.byTick(base.tick) !== base) return undefined;
    for (let tick = base.tick; tick <= this.#state.head!.tick; tick++) {
      const entry = ring.byTick(tick)!;
      for (const { seq, patch } of entry.docs) {
        if (seq <= afterSeq) continue;
        bytes += patch?.length ?? Number.POSITIVE_INFINITY;
        if (bytes > packedDocument.length) return undefined;
        frames.push(docPatchFrame(entry, seq, patch!, flags));
      }
    }
    return frames;
  }

  #wholeDocument(flags: number): Uint8Array {
    const { seq, packedDocument } = this.#state;
    const { tick, closeAtMs } = this.#state.head!;
    return encodeDocFrame({ flags: flags | FRAME_FLAG.snapshot, tick, closeAtMs, seq }, packedDocument);
  }
}

/** A change of the document that came after `entry`. */
const docPatchFrame = (entry: RingEntry, seq: number, patch: Uint8Array, flags: number): Uint8Array =>
  encodeDocFrame({ flags, tick: entry.tick, closeAtMs: entry.closeAtMs, seq }, patch);
