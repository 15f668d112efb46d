import type { View } from '../protocol/coding-plan.ts';
import { MAX_CARS } from '../protocol/field.ts';
import { encodeTickFrame, hasDigests } from '../protocol/frames.ts';
import { type Choice, slotOf, VIEW_CODES, viewIdOf } from './choice.ts';
import type { RingEntry } from './ring.ts';
import type { ViewEncoder } from './view-encoder.ts';

const UNKNOWN = -1;

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
  #sheetBytes = 0;
  /** Always has room for the head and the whole sheet. */
  #frame = new Uint8Array(0);
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

  /**
   * @param choice Without a channel list of its own. @param base The tick before `head`.
   * @param seq The position that the frame leads to.
   * @returns A view that is good until the next call.
   */
  frame(choice: Choice, base: RingEntry, head: RingEntry, seq: number): Uint8Array {
    if (seq !== this.#seq || head !== this.#head) this.#begin(base, head, seq);
    const codes = choice.codesIn(head.field);
    for (const code of codes) if (this.#starts[code] === UNKNOWN) this.#fill(code);
    const sheet = this.#sheet;
    const frame = this.#frame;
    let length = this.#headBytes;
    for (const code of codes) {
      const end = this.#ends[code]!;
      for (let at = this.#starts[code]!; at < end; at++) frame[length++] = sheet[at]!;
    }
    let look = this.#looks[length];
    if (!look) {
      look = frame.subarray(0, length);
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
    if (this.#sheetBytes + bytes > this.#sheet.length) {
      const larger = new Uint8Array(2 * this.#sheet.length + bytes);
      larger.set(this.#sheet);
      this.#sheet = larger;
    }
    const room = this.#headBytes + this.#sheet.length;
    if (room <= this.#frame.length) return;
    const larger = new Uint8Array(room);
    larger.set(this.#frame);
    this.#frame = larger;
    this.#looks = [];
  }
}
