import { BUNDLE } from '../../protocol/bundle.ts';
import { FRAME } from '../../protocol/frames.ts';

/** Type, flags and tick of a frame. */
const HEAD_BYTES = 6;
/** Longest that is looked at as one: the head of a WebSocket frame, or a length and the head of a tick frame. */
const LOOK_BYTES = 16;
const NO_BYTES = new Uint8Array(0);

/**
 * Checks the tick numbers in what a server sends over a WebSocket, and passes over everything else without a copy:
 * what reads must be cheaper than what is measured.
 */
export class TickScanner {
  tick: number;
  /** Ticks that were left out, or came twice. */
  wrong = 0;
  messageBytes = 0;
  /** Bytes of the present message that have not been looked at, and bytes to pass over before the next look. */
  #left = 0;
  #skip = 0;
  #isBundle = false;
  #isNew = false;
  /** Begin of something that is not here as a whole. */
  #rest: Uint8Array = NO_BYTES;

  /** @param tick The tick that is held. */
  constructor(tick: number) {
    this.tick = tick;
  }

  /** @param chunk Not kept. */
  take(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
      this.#rest = NO_BYTES;
    }
    let at = 0;
    while (at < bytes.length) {
      const passed = Math.min(this.#skip, bytes.length - at);
      at += passed;
      this.#skip -= passed;
      this.#left -= passed;
      if (this.#skip > 0 || at === bytes.length) return;
      const used = this.#left > 0 ? this.#look(bytes, at) : this.#begin(bytes, at);
      if (used < 0) {
        this.#rest = bytes.slice(at);
        return;
      }
      at += used;
    }
  }

  /** Head of a WebSocket frame (RFC 6455, section 5.2). @returns how many bytes it took, −1 when it is not all here. */
  #begin(bytes: Uint8Array, at: number): number {
    const short = bytes.length - at < 2 ? 128 : bytes[at + 1]! & 127;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (short === 128 || bytes.length - at < head) return -1;
    let length = short;
    if (short >= 126) {
      length = 0;
      for (let index = 2; index < head; index++) length = length * 256 + bytes[at + index]!;
    }
    this.#left = length;
    this.messageBytes += length;
    this.#isNew = true;
    this.#isBundle = false;
    // Only binary messages carry ticks.
    if ((bytes[at]! & 15) !== 2) this.#skip = length;
    return head;
  }

  /** A message of its own, or the next frame of a bundle. @returns as {@link #begin}. */
  #look(bytes: Uint8Array, at: number): number {
    if (this.#isNew && bytes[at] === BUNDLE) {
      this.#isNew = false;
      this.#isBundle = true;
      this.#left--;
      return 1;
    }
    if (bytes.length - at < Math.min(LOOK_BYTES, this.#left)) return -1;
    let prefix = 0;
    let length = this.#left;
    if (this.#isBundle) {
      length = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at + prefix++]!;
        length += (byte & 127) << shift;
        if (byte < 128) break;
      }
    }
    this.#isNew = false;
    if (bytes[at + prefix] === FRAME.tick) this.#check(bytes, at + prefix);
    this.#left -= prefix;
    this.#skip = length;
    return prefix;
  }

  #check(bytes: Uint8Array, at: number): void {
    if (bytes.length - at < HEAD_BYTES) throw new Error('A tick frame is shorter than its head.');
    const tick = bytes[at + 2]! | (bytes[at + 3]! << 8) | (bytes[at + 4]! << 16) | (bytes[at + 5]! << 24);
    if (tick !== this.tick + 1) this.wrong++;
    this.tick = tick;
  }
}
