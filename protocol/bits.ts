import { ProtocolError } from './errors.ts';

/**
 * Writes bits, most significant first, into a buffer that grows.
 *
 * One writer serves a whole process: `start()` begins a message, `finish()` returns a view that the next `start()`
 * overwrites.
 */
export class BitWriter {
  #bytes: Uint8Array;
  #length = 0;
  /** Bits not yet written out, right-aligned; at most 7 between calls. */
  #pending = 0;
  #pendingBits = 0;

  constructor(initialBytes = 4096) {
    this.#bytes = new Uint8Array(initialBytes);
  }

  start(): void {
    this.#length = 0;
    this.#pending = 0;
    this.#pendingBits = 0;
  }

  /** Appends the low `count` bits of `value`; 0–24. */
  write(value: number, count: number): void {
    let pending = (this.#pending << count) | value;
    let bits = this.#pendingBits + count;
    while (bits >= 8) {
      bits -= 8;
      if (this.#length === this.#bytes.length) this.#grow();
      this.#bytes[this.#length++] = pending >>> bits;
    }
    pending &= (1 << bits) - 1;
    this.#pending = pending;
    this.#pendingBits = bits;
  }

  /** Appends the low `count` bits of an unsigned `value`; 0–32. */
  writeWide(value: number, count: number): void {
    if (count > 16) {
      this.write(value >>> 16, count - 16);
      this.write(value & 0xffff, 16);
    } else {
      this.write(value, count);
    }
  }

  /**
   * Appends `value` (0–2^31) as an exponential-Golomb code of order `k`: with v = (value >> k) + 1 of n bits,
   * n − 1 zeros, v in n bits, then the low k bits of value.
   * Source of the code: J. Teuhola, "A compression method for clustered bit-vectors", 1978.
   */
  writeGolomb(value: number, k: number): void {
    const v = (value >>> k) + 1;
    const zeros = 31 - Math.clz32(v);
    const bits = 2 * zeros + 1 + k;
    if (bits <= 24) {
      this.write((v << k) | (value & ((1 << k) - 1)), bits);
    } else {
      this.writeWide(0, zeros);
      this.writeWide(v, zeros + 1);
      this.write(value & ((1 << k) - 1), k);
    }
  }

  /** Pads the last byte with zero bits; the result is valid until the next `start()`. */
  finish(): Uint8Array {
    if (this.#pendingBits > 0) this.write(0, 8 - this.#pendingBits);
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Zero bytes kept behind the copied message, so that the reader may look ahead without a check. */
const LOOKAHEAD_BYTES = 8;

const cut = () => new ProtocolError('cut', 'The message ends in the middle of a value.');

/**
 * Reads what {@link BitWriter} wrote. Reading past the end throws instead of inventing bits.
 *
 * The message is copied into a padded buffer first: every read is then one unchecked 5-byte load, which is twice as
 * fast as collecting single bytes.
 */
export class BitReader {
  #bytes = new Uint8Array(4096 + LOOKAHEAD_BYTES);
  /** Position and end in bits. */
  #at = 0;
  #end = 0;

  /** Reads `bytes` from `start` (inclusive) to `end` (exclusive). The message is copied. */
  start(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const length = end - start;
    if (this.#bytes.length < length + LOOKAHEAD_BYTES) this.#bytes = new Uint8Array(2 * length + LOOKAHEAD_BYTES);
    const copy = this.#bytes;
    if (length < 256) for (let i = 0; i < length; i++) copy[i] = bytes[start + i]!;
    else copy.set(bytes.subarray(start, end));
    copy.fill(0, length, length + LOOKAHEAD_BYTES);
    this.#at = 0;
    this.#end = length * 8;
  }

  /** The 32 bits at the position, left-aligned, zeros behind the end. */
  #peek(): number {
    const bytes = this.#bytes;
    const i = this.#at >>> 3;
    const shift = this.#at & 7;
    const first = (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!;
    return (first << shift) | (bytes[i + 4]! >>> (8 - shift));
  }

  #skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#end) throw cut();
  }

  /** The next `count` bits as an unsigned number; 0–32. */
  read(count: number): number {
    if (count === 0) return 0;
    const bits = this.#peek() >>> (32 - count);
    this.#skip(count);
    return bits;
  }

  /** The next exponential-Golomb code of order `k` (0–24); 0 to below 2^56. */
  readGolomb(k: number): number {
    const window = this.#peek();
    const zeros = Math.clz32(window);
    const bits = 2 * zeros + 1 + k;
    if (bits <= 32) {
      this.#skip(bits);
      // With v in front of the low bits, the code is (v << k) + low = value + (1 << k).
      return (window >>> (32 - bits)) - (1 << k);
    }
    if (zeros > 31)
      throw this.#at + 32 > this.#end
        ? cut()
        : new ProtocolError('bad_code', 'A number in the message is longer than 32 bits.');
    this.#skip(zeros);
    const v = this.read(zeros + 1);
    return (v - 1) * 2 ** k + this.read(k);
  }

  /** Throws unless all that is left is the zero padding of the last byte. */
  finish(): void {
    const left = this.#end - this.#at;
    if (left > 7 || this.read(left) !== 0) {
      throw new ProtocolError('overlong', `The message carries ${left} bits more than it should.`);
    }
  }
}
