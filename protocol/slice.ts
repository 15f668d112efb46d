import type { ByteReader } from './bytes.ts';
import { type Catalogue, OWN_VIEW } from './catalogue.ts';
import type { View } from './coding-plan.ts';
import { applyDelta, decodeFull, encodeDelta, encodeFull } from './delta.ts';
import { ProtocolError } from './errors.ts';
import { digestView, emptyState, isCarId, MAX_CARS } from './field.ts';

/** What a slice says of one car in one view; the low two bits of its tag. */
export const SLICE = { delta: 0, full: 1, gone: 2, digest: 3 } as const;
export type SliceKind = (typeof SLICE)[keyof typeof SLICE];

/** A slice found in a message: `bytes.subarray(start, end)` is the whole of it, the payload begins at `payload`. */
export interface Slice {
  readonly slot: number;
  readonly viewId: number;
  readonly kind: SliceKind;
  readonly start: number;
  readonly payload: number;
  readonly end: number;
}

function join(slot: number, viewId: number, kind: SliceKind, id: string, payload: Uint8Array): Uint8Array {
  const idLength = id === '' ? 0 : id.length + 1;
  const length = idLength + payload.length;
  const head = length < 128 ? 3 : length < 16_384 ? 4 : 5;
  const bytes = new Uint8Array(head + length);
  bytes[0] = slot;
  bytes[1] = (viewId << 2) | kind;
  for (let i = 2, rest = length; i < head; i++, rest >>>= 7) bytes[i] = i < head - 1 ? (rest & 127) | 128 : rest;
  if (idLength > 0) {
    bytes[head] = id.length;
    for (let i = 0; i < id.length; i++) bytes[head + 1 + i] = id.charCodeAt(i);
  }
  bytes.set(payload, head + idLength);
  return bytes;
}

const NOTHING = new Uint8Array(0);

/** The whole state of one car in one view, with its id: readable without anything that came before. */
export const fullSlice = (slot: number, car: string, view: View, state: Int32Array): Uint8Array =>
  join(slot, view.id, SLICE.full, car, encodeFull(view, state));

/** Says that the car has left the field; its slot stays its own. */
export const goneSlice = (slot: number, car: string, view: View): Uint8Array =>
  join(slot, view.id, SLICE.gone, car, NOTHING);

/** The checksum that the id and the state of one car in one view must have after this message. */
export function digestSlice(slot: number, car: string, view: View, state: Int32Array): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, digestView(car, view, state), true);
  return join(slot, view.id, SLICE.digest, '', payload);
}

/**
 * The change of one car in one view: a delta, the whole state when that is smaller or there was none, `gone`, or
 * `undefined` when nothing changed. The bytes are the caller's.
 */
export function changeSlice(
  slot: number,
  car: string,
  view: View,
  before: Int32Array | undefined,
  after: Int32Array | undefined,
): Uint8Array | undefined {
  if (after === before) return undefined;
  if (!after) return goneSlice(slot, car, view);
  if (!before) return fullSlice(slot, car, view, after);
  const delta = encodeDelta(view, before, after);
  if (!delta) return undefined;
  const slice = join(slot, view.id, SLICE.delta, '', delta);
  if (delta.length < view.fullBytesAtLeast) return slice;
  const full = fullSlice(slot, car, view, after);
  return full.length < slice.length ? full : slice;
}

/** Reads the head of the next slice and moves behind it. */
export function readSlice(reader: ByteReader): Slice {
  const start = reader.at;
  const slot = reader.u8('a slot');
  if (slot >= MAX_CARS)
    throw new ProtocolError('bad_slot', `A slice names slot ${slot}; the last one is ${MAX_CARS - 1}.`);
  const tag = reader.u8('a slice tag');
  const length = reader.varint('the length of a slice');
  const payload = reader.take(length, 'a slice');
  return { slot, viewId: tag >>> 2, kind: (tag & 3) as SliceKind, start, payload, end: payload + length };
}

/** The car id at the head of a `full` or `gone` slice and where the bits behind it begin. */
export function readCarId(bytes: Uint8Array, slice: Slice): { car: string; bits: number } {
  const length = slice.payload < slice.end ? bytes[slice.payload]! : 0;
  const bits = slice.payload + 1 + length;
  let car = '';
  for (let i = slice.payload + 1; i < bits && i < slice.end; i++) car += String.fromCharCode(bytes[i]!);
  if (bits > slice.end || !isCarId(car)) {
    throw new ProtocolError('bad_car', 'A slice must carry a car id of 1 to 8 letters, digits, - or _.');
  }
  return { car, bits };
}

/** The checksum in a `digest` slice. */
export function readDigest(bytes: Uint8Array, slice: Slice): number {
  if (slice.end - slice.payload !== 4) throw new ProtocolError('cut', 'A digest must have 4 bytes.');
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(slice.payload, true);
}

/**
 * View of a slice; refuses ids that the catalogue does not have.
 * @param own The view `own` of this connection, if it has one.
 */
export function viewOfSlice(catalogue: Catalogue, { viewId }: Slice, own?: View): View {
  const view = viewId === OWN_VIEW.id ? own : catalogue.views[viewId];
  if (!view)
    throw new ProtocolError('bad_view', `A slice names view ${viewId}; the catalogue has ${catalogue.views.length}.`);
  return view;
}

/**
 * The state after a `delta` or `full` slice, as a new array; `before` is left alone.
 * @throws {ProtocolError} when the bytes do not fit, or a delta has nothing to build on.
 */
export function applySlice(
  catalogue: Catalogue,
  view: View,
  bytes: Uint8Array,
  slice: Slice,
  before: Int32Array | undefined,
): Int32Array {
  if (slice.kind === SLICE.full) {
    const state = emptyState(catalogue);
    decodeFull(view, state, bytes, readCarId(bytes, slice).bits, slice.end);
    return state;
  }
  if (!before) throw new ProtocolError('no_base', `A delta for slot ${slice.slot} has no state to build on.`);
  const state = before.slice();
  applyDelta(view, state, bytes, slice.payload, slice.end);
  return state;
}
