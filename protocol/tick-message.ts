import { ByteReader, ByteWriter } from './bytes.ts';
import type { Catalogue } from './catalogue.ts';
import { CRC_START, crcAddBytes, crcEnd } from './crc32.ts';
import { ProtocolError } from './errors.ts';
import { crcAddField, EMPTY_FIELD, type Field, type MAX_CARS } from './field.ts';
import { applySlice, changeSlice, fullSlice, goneSlice, readCarId, readSlice, SLICE, type Slice } from './slice.ts';

/** Version of everything in this folder that travels; PROTOCOL.md is its text. */
export const PROTOCOL_VERSION = 1;

/** First byte of each message in the stream of a race. */
export const STREAM_MESSAGE = { tick: 0x01, keyframe: 0x02, doc: 0x03 } as const;
type StreamMessageType = (typeof STREAM_MESSAGE)[keyof typeof STREAM_MESSAGE];

/** What every message in the stream begins with. */
export interface StreamHead {
  /** Number of the tick, 0 to 2^32 − 1; a doc message carries the tick it belongs to. */
  readonly tick: number;
  /** Race time at which the tick closed, Unix ms, whole. */
  readonly closeAtMs: number;
  readonly epoch: string;
  /** {@link Catalogue.tag} of the catalogue that the state is in. */
  readonly catalogueTag: number;
}

export const STREAM_HEAD_BYTES = 24;
const DIGEST_BYTES = 4;
/** Where a message goes on after its head and its digest. */
const BODY = STREAM_HEAD_BYTES + DIGEST_BYTES;

const writer = new ByteWriter();

function writeHead(type: StreamMessageType, head: StreamHead): void {
  writer.start();
  writer.u8(type);
  writer.u8(PROTOCOL_VERSION);
  writer.u32(head.tick);
  writer.u48(head.closeAtMs);
  for (let i = 0; i < 16; i += 2) writer.u8(Number.parseInt(head.epoch.slice(i, i + 2), 16));
  writer.u32(head.catalogueTag);
  writer.u32(0);
}

/** The digest covers every byte of the message but its own four, and then the state that the message leads to. */
function digestMessage(bytes: Uint8Array, after: Field): number {
  const head = crcAddBytes(CRC_START, bytes, 0, STREAM_HEAD_BYTES);
  return crcEnd(crcAddField(crcAddBytes(head, bytes, BODY), after));
}

function finishMessage(after: Field): Uint8Array {
  const bytes = writer.finish();
  new DataView(bytes.buffer).setUint32(STREAM_HEAD_BYTES, digestMessage(bytes, after), true);
  return bytes;
}

function expectDigest(bytes: Uint8Array, after: Field): void {
  const said = new ByteReader(bytes, STREAM_HEAD_BYTES).u32('the digest');
  const actual = digestMessage(bytes, after);
  if (actual !== said) {
    throw new ProtocolError(
      'digest',
      `The message and the state after it have digest ${actual}, but the message says ${said}.`,
    );
  }
}

/** The head of a stream message; `undefined` when it cannot be read. */
export function peekStreamHead(bytes: Uint8Array): StreamHead | undefined {
  try {
    return readStreamHead(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Reads the head of any stream message. @throws {ProtocolError} `cut`, `bad_type`, `bad_version`. */
export function readStreamHead(bytes: Uint8Array): StreamHead & { readonly type: StreamMessageType } {
  const reader = new ByteReader(bytes);
  const type = reader.u8('the message type') as StreamMessageType;
  if (type < STREAM_MESSAGE.tick || type > STREAM_MESSAGE.doc) {
    throw new ProtocolError('bad_type', `A stream message must be of type 1, 2 or 3, but is of type ${type}.`);
  }
  const version = reader.u8('the version');
  if (version !== PROTOCOL_VERSION) {
    throw new ProtocolError(
      'bad_version',
      `The message is in version ${version}; this program reads version ${PROTOCOL_VERSION}.`,
    );
  }
  const tick = reader.u32('the tick');
  const closeAtMs = reader.u48('the close time');
  const at = reader.take(8, 'the epoch');
  let epoch = '';
  for (let i = at; i < at + 8; i++) epoch += bytes[i]!.toString(16).padStart(2, '0');
  return { type, tick, closeAtMs, epoch, catalogueTag: reader.u32('the catalogue tag') };
}

/**
 * Encodes one tick of the whole field: what changed from `before` to `after`, and the digest of `after`.
 * The message builds on tick − 1. States must be in range; the field must have at most {@link MAX_CARS} slots.
 */
export function encodeTick(head: StreamHead, catalogue: Catalogue, before: Field, after: Field): Uint8Array {
  const full = catalogue.views[0]!;
  writeHead(STREAM_MESSAGE.tick, head);
  for (let slot = 0; slot < after.cars.length; slot++) {
    const car = after.cars[slot]!;
    const isNew = slot >= before.cars.length;
    // A car can be known and gone at once, and later slots count on its own being taken.
    const slice =
      isNew && !after.states[slot]
        ? goneSlice(slot, car, full)
        : changeSlice(slot, car, full, before.states[slot], after.states[slot]);
    if (slice) writer.bytes(slice);
  }
  return finishMessage(after);
}

/** Encodes the whole field at one tick with the document of that tick (`doc`, packed; `docRevision` counts its patches). */
export function encodeKeyframe(
  head: StreamHead,
  catalogue: Catalogue,
  field: Field,
  doc: Uint8Array,
  docRevision: number,
): Uint8Array {
  const full = catalogue.views[0]!;
  writeHead(STREAM_MESSAGE.keyframe, head);
  writer.u32(docRevision);
  writer.varint(doc.length);
  writer.bytes(doc);
  for (let slot = 0; slot < field.cars.length; slot++) {
    const state = field.states[slot];
    const car = field.cars[slot]!;
    writer.bytes(state ? fullSlice(slot, car, full, state) : goneSlice(slot, car, full));
  }
  return finishMessage(field);
}

/** Encodes a change of the document: `patch` is a packed RFC 6902 list that makes revision `docRevision`. */
export function encodeDocPatch(head: StreamHead, docRevision: number, patch: Uint8Array): Uint8Array {
  writeHead(STREAM_MESSAGE.doc, head);
  writer.u32(docRevision);
  writer.bytes(patch);
  return finishMessage(EMPTY_FIELD);
}

/** A field after a stream message, and the slices that led to it, as places in the message. */
export interface AppliedTick {
  readonly field: Field;
  readonly slices: readonly Slice[];
}

function applySlices(bytes: Uint8Array, at: number, catalogue: Catalogue, before: Field): AppliedTick {
  const reader = new ByteReader(bytes, at);
  const cars = before.cars.slice();
  const states = before.states.slice();
  const full = catalogue.views[0]!;
  const slices: Slice[] = [];
  let lastSlot = -1;
  while (reader.left > 0) {
    const slice = readSlice(reader);
    if (slice.slot <= lastSlot)
      throw new ProtocolError('bad_slot', `Slot ${slice.slot} comes after slot ${lastSlot}; slots must ascend.`);
    lastSlot = slice.slot;
    if (slice.viewId !== 0 || slice.kind === SLICE.digest) {
      throw new ProtocolError('bad_view', 'A stream message carries slices of the full view only.');
    }
    if (slice.kind === SLICE.full || slice.kind === SLICE.gone) {
      const { car, bits } = readCarId(bytes, slice);
      if (slice.slot > cars.length)
        throw new ProtocolError(
          'bad_slot',
          `Slot ${slice.slot} is new, but slot ${cars.length} would be the next one.`,
        );
      if (slice.slot < cars.length ? cars[slice.slot] !== car : cars.includes(car)) {
        throw new ProtocolError('bad_car', `Car ${car} cannot take slot ${slice.slot}.`);
      }
      if (slice.kind === SLICE.gone && bits !== slice.end)
        throw new ProtocolError('overlong', 'A gone slice carries more than a car id.');
      cars[slice.slot] = car;
    }
    states[slice.slot] =
      slice.kind === SLICE.gone ? undefined : applySlice(catalogue, full, bytes, slice, states[slice.slot]);
    slices.push(slice);
  }
  const field = { cars, states };
  expectDigest(bytes, field);
  return { field, slices };
}

function expectCatalogue(head: StreamHead, catalogue: Catalogue): void {
  if (head.catalogueTag !== catalogue.tag) {
    throw new ProtocolError(
      'wrong_catalogue',
      `The message is in catalogue ${head.catalogueTag}, but ${catalogue.tag} was given.`,
    );
  }
}

/**
 * Applies a tick message to the field of the tick before. `before` is left alone, also when this throws.
 * @throws {ProtocolError} when the bytes are not a tick on this field; `digest` when they decode to another state
 *   than the publisher's.
 */
export function applyTick(
  bytes: Uint8Array,
  catalogue: Catalogue,
  before: Field,
): AppliedTick & { readonly head: StreamHead } {
  const head = readStreamHead(bytes);
  if (head.type !== STREAM_MESSAGE.tick)
    throw new ProtocolError('bad_type', `A tick was expected, but type ${head.type} came.`);
  expectCatalogue(head, catalogue);
  return { head, ...applySlices(bytes, BODY, catalogue, before) };
}

/** What a keyframe holds. `doc` is a view into the message. */
export interface Keyframe {
  readonly head: StreamHead;
  readonly field: Field;
  readonly doc: Uint8Array;
  readonly docRevision: number;
}

/** Reads a keyframe. @throws {ProtocolError} as {@link applyTick}. */
export function decodeKeyframe(bytes: Uint8Array, catalogue: Catalogue): Keyframe {
  const head = readStreamHead(bytes);
  if (head.type !== STREAM_MESSAGE.keyframe)
    throw new ProtocolError('bad_type', `A keyframe was expected, but type ${head.type} came.`);
  expectCatalogue(head, catalogue);
  const reader = new ByteReader(bytes, BODY);
  const docRevision = reader.u32('the document revision');
  const length = reader.varint('the length of the document');
  const at = reader.take(length, 'the document');
  const { field } = applySlices(bytes, reader.at, catalogue, EMPTY_FIELD);
  return { head, field, doc: bytes.subarray(at, at + length), docRevision };
}

/** Reads a change of the document. `patch` is a view into the message. */
export function decodeDocPatch(bytes: Uint8Array): { head: StreamHead; docRevision: number; patch: Uint8Array } {
  const head = readStreamHead(bytes);
  if (head.type !== STREAM_MESSAGE.doc)
    throw new ProtocolError('bad_type', `A document patch was expected, but type ${head.type} came.`);
  const reader = new ByteReader(bytes, BODY);
  const docRevision = reader.u32('the document revision');
  expectDigest(bytes, EMPTY_FIELD);
  return { head, docRevision, patch: bytes.subarray(reader.at) };
}
