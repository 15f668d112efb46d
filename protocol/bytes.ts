import { ProtocolError } from './errors.ts';

const cut = (what: string) => new ProtocolError('cut', `The message ends in the middle of ${what}.`);

/** Up to here a loop copies faster than a call of `set`. */
const SHORT_RUN = 32;

/** Builds a message of little-endian numbers and byte runs in a buffer that grows. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  /** Views of the first bytes by their number: made once, so that a message that is not kept costs no memory. */
  #views: Uint8Array[] = [];
  length = 0;

  constructor(initialBytes = 8192) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Begins a message; forgets one that was left unfinished, as when its values could not be written. */
  start(): void {
    this.length = 0;
  }

  #reserve(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
      this.#views = [];
    }
    return at;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
  }

  u48(value: number): void {
    const at = this.#reserve(6);
    this.#view.setUint32(at, value % 2 ** 32, true);
    this.#view.setUint16(at + 4, Math.floor(value / 2 ** 32), true);
  }

  /** Unsigned LEB128; 0 to 2^32 − 1. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.u8((rest & 127) | 128);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  bytes(run: Uint8Array): void {
    const { length } = run;
    const at = this.#reserve(length);
    if (length > SHORT_RUN) {
      this.#bytes.set(run, at);
      return;
    }
    const bytes = this.#bytes;
    for (let index = 0; index < length; index++) bytes[at + index] = run[index]!;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  /** What was written, as a view that is good until the next {@link start}. */
  look(): Uint8Array {
    const { length } = this;
    this.#views[length] ??= this.#bytes.subarray(0, length);
    return this.#views[length];
  }
}

/** Reads little-endian numbers; every read beyond the end throws a {@link ProtocolError} `cut`. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** Moves over `count` bytes and returns where they began. */
  take(count: number, what: string): number {
    const at = this.at;
    if (count > this.bytes.length - at) throw cut(what);
    this.at = at + count;
    return at;
  }

  u8(what: string): number {
    return this.bytes[this.take(1, what)]!;
  }

  u32(what: string): number {
    return this.#view.getUint32(this.take(4, what), true);
  }

  u48(what: string): number {
    const at = this.take(6, what);
    return this.#view.getUint32(at, true) + this.#view.getUint16(at + 4, true) * 2 ** 32;
  }

  varint(what: string): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8(what);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (value > 0xffffffff || (byte === 0 && shift > 0)) break;
        return value;
      }
    }
    throw new ProtocolError('bad_code', `${what} is not written as the shortest number of at most 32 bits.`);
  }
}
