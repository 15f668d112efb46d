import type { Catalogue } from './catalogue.ts';
import { NULL_VALUE, type View } from './coding-plan.ts';
import { CRC_START, crcAdd, crcEnd } from './crc32.ts';

/** Most cars that one epoch of a race can see; slots are never given to another car. */
export const MAX_CARS = 250;

const CAR_ID = /^[A-Za-z0-9_-]{1,8}$/;

/** 1–8 of A–Z a–z 0–9 - _; "07" and "7" are two cars. */
export const isCarId = (text: string): boolean => CAR_ID.test(text);

/**
 * The quantised state of all cars at one tick. Never changed in place: a tick makes a new field that shares the
 * states of cars in which nothing changed, so old ticks stay readable at little cost.
 */
export interface Field {
  /** Car id of each slot. A slot belongs to its car for the whole epoch, also while the car is gone. */
  readonly cars: readonly string[];
  /** State of each slot by catalogue index; `undefined` while the car is gone. */
  readonly states: readonly (Int32Array | undefined)[];
}

export const EMPTY_FIELD: Field = { cars: [], states: [] };

/** A state in which every channel is null. */
export const emptyState = (catalogue: Catalogue): Int32Array =>
  new Int32Array(catalogue.channels.length).fill(NULL_VALUE);

/**
 * CRC-32 of the whole field: for each present car in order of slots, the slot and then every value, as int32
 * little-endian; null is −2^31 (PROTOCOL.md, "Digest").
 */
export function digestField(field: Field): number {
  let crc = CRC_START;
  field.states.forEach((state, slot) => {
    if (!state) return;
    crc = crcAdd(crc, slot);
    for (let c = 0; c < state.length; c++) crc = crcAdd(crc, state[c]!);
  });
  return crcEnd(crc);
}

/** CRC-32 of the channels of one view of one car, in catalogue order, as int32 little-endian. */
export function digestView(view: View, state: Int32Array): number {
  let crc = CRC_START;
  for (let i = 0; i < view.channels.length; i++) crc = crcAdd(crc, state[view.channels[i]!]!);
  return crcEnd(crc);
}
