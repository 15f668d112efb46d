import type { Catalogue } from './catalogue.ts';
import { NULL_VALUE, type View } from './coding-plan.ts';
import { CRC_START, crcAdd, crcAddByte, crcEnd } from './crc32.ts';

/** Most cars that one epoch of a race can see; slots are never given to another car. */
export const MAX_CARS = 250;

/** The ids a car may have; they stand in NATS subjects, in URLs and in eight bytes of a packed frame. */
export const CAR_ID = /^[A-Za-z0-9_-]{1,8}$/;

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

const crcAddId = (crc: number, car: string): number => {
  let c = crc;
  for (let i = 0; i < car.length; i++) c = crcAddByte(c, car.charCodeAt(i));
  return c;
};

/**
 * Adds the whole field to a running checksum: for each present car in order of slots, the slot as int32 little-endian,
 * the bytes of the id, and every value as int32 little-endian; null is −2^31 (PROTOCOL.md, "Digest").
 */
export function crcAddField(crc: number, field: Field): number {
  let c = crc;
  field.states.forEach((state, slot) => {
    if (!state) return;
    c = crcAddId(crcAdd(c, slot), field.cars[slot]!);
    for (let i = 0; i < state.length; i++) c = crcAdd(c, state[i]!);
  });
  return c;
}

/** CRC-32 of the whole field: two fields with the same digest have the same cars with the same values. */
export const digestField = (field: Field): number => crcEnd(crcAddField(CRC_START, field));

/** CRC-32 of one car in one view: the bytes of its id, then the channels of the view in catalogue order as int32 little-endian. */
export function digestView(car: string, view: View, state: Int32Array): number {
  let crc = crcAddId(CRC_START, car);
  for (let i = 0; i < view.channels.length; i++) crc = crcAdd(crc, state[view.channels[i]!]!);
  return crcEnd(crc);
}
