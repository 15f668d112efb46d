import type { Catalogue } from '../protocol/catalogue.ts';

const LONGEST_KEY = 32;

/** Finds channels by the bytes of their keys, so that reading a named frame makes no strings. Derived ones are not found. */
export class ChannelKeys {
  #bytes: Uint8Array;
  /** Where the key of each catalogue index begins in #bytes; one more entry than channels. */
  #starts: Uint32Array;
  /** Open addressing; holds index + 1, 0 is free. */
  #slots: Uint16Array;

  constructor(catalogue: Catalogue) {
    const { channels, packedOrder } = catalogue;
    this.#bytes = new TextEncoder().encode(channels.map(({ key }) => key).join(''));
    this.#starts = new Uint32Array(channels.length + 1);
    channels.forEach(({ key }, index) => {
      this.#starts[index + 1] = this.#starts[index]! + key.length;
    });
    this.#slots = new Uint16Array(2 ** Math.ceil(Math.log2(4 * channels.length)));
    for (const index of packedOrder) {
      let slot = this.#hash(this.#bytes, this.#starts[index]!, this.#starts[index + 1]!);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = index + 1;
    }
  }

  /** @returns The catalogue index of the key in `bytes[start, end)`, or −1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > LONGEST_KEY) return -1;
    let slot = this.#hash(bytes, start, end);
    for (;;) {
      const index = this.#slots[slot]! - 1;
      if (index < 0 || this.isAt(index, bytes, start, end)) return index;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
  }

  /** Whether the key of channel `index` stands in `bytes[start, end)`. */
  isAt(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[index]!;
    if (this.#starts[index + 1]! - from !== end - start) return false;
    // Keys of one group differ at their ends.
    for (let i = end - 1, j = from + (end - start) - 1; i >= start; i--, j--) {
      if (bytes[i] !== this.#bytes[j]) return false;
    }
    return true;
  }

  #hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1);
  }
}
