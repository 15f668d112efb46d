import { CAR_ID } from '../protocol/field.ts';

const SLOTS = 512;

/**
 * Turns the bytes of car ids into strings, the same string object for the same car: later look-ups by car then
 * neither allocate nor hash. Bounded: ids that collide take turns in a slot.
 */
export class CarIds {
  #low = new Uint32Array(SLOTS);
  #high = new Uint32Array(SLOTS);
  #ids: string[] = new Array(SLOTS).fill('');

  /** @returns The id in `bytes[start, end)`, or `undefined` when a car cannot be called that. */
  read(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (end - start > 8) return undefined;
    let low = 0;
    let high = 0;
    for (let i = start; i < end; i++) {
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | bytes[i]!;
    }
    const slot = (Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> 16) & (SLOTS - 1);
    if (this.#low[slot] === low >>> 0 && this.#high[slot] === high >>> 0 && this.#ids[slot]!.length === end - start) {
      return this.#ids[slot] || undefined;
    }
    const id = String.fromCharCode(...bytes.subarray(start, end));
    if (!CAR_ID.test(id)) return undefined;
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#ids[slot] = id;
    return id;
  }
}
