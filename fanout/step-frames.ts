import type { View } from '../protocol/coding-plan.ts';
import { MAX_CARS } from '../protocol/field.ts';
import { encodeTickFrame, hasDigests } from '../protocol/frames.ts';
import { slotOf, VIEW_CODES, viewIdOf } from './choice.ts';
import type { RingEntry } from './ring.ts';
import type { ViewEncoder } from './view-encoder.ts';

const UNKNOWN = -1;
/** Bytes that are copied at once. */
const WORD = 4;

/**
 * Joins the frames that nearly every fan gets: over exactly one tick, with no flags, in views of the catalogue. Their
 * head stands ready and their slices lie side by side, so that a frame that nobody shares costs a short loop over bytes
 * and leaves nothing behind.
 */
export class StepFrames {
  readonly #encoder: ViewEncoder;
  readonly #views: readonly View[];
  /** By code of slot and view, where its slice lies in the sheet, with the digest behind it. */
  readonly #starts = new Int32Array(MAX_CARS * VIEW_CODES);
  readonly #ends = new Int32Array(MAX_CARS * VIEW_CODES);
  #sheet = new Uint8Array(8192);
  #sheetView = new DataView(this.#sheet.buffer);
  #sheetBytes = 0;
  /** Always has room for the head and the whole sheet. */
  #frame = new Uint8Array(0);
  #frameView = new DataView(this.#frame.buffer);
  #headBytes = 0;
  /** Views of the first bytes of the frame, by their number. */
  #looks: Uint8Array[] = [];
  #base: RingEntry | undefined;
  #head: RingEntry | undefined;
  #seq = -1;

  constructor(encoder: ViewEncoder, views: readonly View[]) {
    this.#encoder = encoder;
    this.#views = views;
  }

  /** @param base The tick before `head`. @param seq The position that the frames lead to. @returns this. */
  to(base: RingEntry, head: RingEntry, seq: number): this {
    if (seq !== this.#seq || head !== this.#head) this.#begin(base, head, seq);
    return this;
  }

  /**
   * The frame of the codes from place `from` to place `to`, in order of slots, in views of the catalogue.
   * @returns A view that is good until the next call.
   */
  join(codes: Uint16Array, from: number, to: number): Uint8Array {
    const starts = this.#starts;
    const ends = this.#ends;
    for (let place = from; place < to; place++) if (starts[codes[place]!] === UNKNOWN) this.#fill(codes[place]!);
    const sheet = this.#sheetView;
    const frame = this.#frameView;
    let length = this.#headBytes;
    for (let place = from; place < to; place++) {
      const code = codes[place]!;
      const start = starts[code]!;
      const end = ends[code]!;
      // Words, and so up to three bytes too many: the next slice lies on them, or nobody looks at them.
      for (let at = start, into = length; at < end; at += WORD, into += WORD)
        frame.setUint32(into, sheet.getUint32(at, true), true);
      length += end - start;
    }
    let look = this.#looks[length];
    if (!look) {
      look = this.#frame.subarray(0, length);
      this.#looks[length] = look;
    }
    return look;
  }

  #begin(base: RingEntry, head: RingEntry, seq: number): void {
    this.#base = base;
    this.#head = head;
    this.#seq = seq;
    this.#starts.fill(UNKNOWN);
    this.#sheetBytes = 0;
    const bytes = encodeTickFrame({ flags: 0, tick: head.tick, closeAtMs: head.closeAtMs, seq }, 1, []);
    this.#headBytes = bytes.length;
    this.#reserve(0);
    this.#frame.set(bytes);
  }

  #fill(code: number): void {
    const [base, head] = [this.#base!, this.#head!];
    const [slot, view] = [slotOf(code), this.#views[viewIdOf(code)]!];
    this.#starts[code] = this.#sheetBytes;
    this.#append(this.#encoder.change(base, head, slot, view));
    if (hasDigests(base.tick, head.tick, 0)) this.#append(this.#encoder.digest(head, slot, view));
    this.#ends[code] = this.#sheetBytes;
  }

  #append(slice: Uint8Array | undefined): void {
    if (!slice) return;
    this.#reserve(slice.length);
    this.#sheet.set(slice, this.#sheetBytes);
    this.#sheetBytes += slice.length;
  }

  #reserve(bytes: number): void {
    if (this.#sheetBytes + bytes + WORD > this.#sheet.length) {
      const larger = new Uint8Array(2 * this.#sheet.length + bytes);
      larger.set(this.#sheet);
      this.#sheet = larger;
      this.#sheetView = new DataView(larger.buffer);
    }
    const room = this.#headBytes + this.#sheet.length;
    if (room <= this.#frame.length) return;
    const larger = new Uint8Array(room);
    larger.set(this.#frame);
    this.#frame = larger;
    this.#frameView = new DataView(larger.buffer);
    this.#looks = [];
  }
}
