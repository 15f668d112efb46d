import { ByteReader, ByteWriter } from './bytes.ts';
import type { Catalogue } from './catalogue.ts';
import { isSameView, type View } from './coding-plan.ts';
import { ProtocolError } from './errors.ts';
import { digestView } from './field.ts';
import {
  applySlice,
  readCarId,
  readDigest,
  readSlice,
  SLICE,
  type Slice,
  type SliceKind,
  viewOfSlice,
} from './slice.ts';

/** First byte of a binary message from edge to client. */
export const FRAME = { tick: 0x11, doc: 0x12 } as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

/** Bits of the second byte. */
export const FRAME_FLAG = {
  /** Tick: forget all cars first, what follows is everything. Doc: the payload is the whole document, not a patch. */
  snapshot: 1,
  /** The edge joined ticks because this client read too slowly. */
  conflated: 2,
  /** Part of a repair that a receipt announced. */
  repair: 4,
} as const;

/** Every so many ticks frames carry digests, so that drift at a client is found within 10 s. */
const DIGEST_EVERY_TICKS = 20;

/**
 * Whether a frame carries digests: at any rate about as often, and always where something was joined or mended.
 * @param base Tick that the frame builds on; `undefined` for a snapshot.
 */
export const hasDigests = (base: number | undefined, head: number, flags: number): boolean =>
  base === undefined ||
  (flags & (FRAME_FLAG.conflated | FRAME_FLAG.repair)) !== 0 ||
  Math.floor(base / DIGEST_EVERY_TICKS) !== Math.floor(head / DIGEST_EVERY_TICKS);

/** The fixed head of a binary frame: a load tool reads these without decoding the rest. */
export interface FrameHead {
  readonly type: FrameType;
  /** Sum of {@link FRAME_FLAG}. */
  readonly flags: number;
  readonly tick: number;
  /** Race time at which the tick closed, Unix ms. */
  readonly closeAtMs: number;
  /** Position after this frame, together with the epoch of the welcome. */
  readonly seq: number;
}

export const FRAME_HEAD_BYTES = 18;

const writer = new ByteWriter();

function writeHead(to: ByteWriter, head: Omit<FrameHead, 'type'>, type: FrameType): void {
  to.start();
  to.u8(type);
  to.u8(head.flags);
  to.u32(head.tick);
  to.u48(head.closeAtMs);
  to.u48(head.seq);
}

/** Joins slices into tick frames without a list of them and, where the frame is not kept, without a copy. */
export class TickFrameWriter {
  readonly #writer = new ByteWriter();

  /** @param span How many ticks the frame covers: it builds on tick − span. 0 for a snapshot, which builds on nothing. */
  start(head: Omit<FrameHead, 'type'>, span: number): void {
    writeHead(this.#writer, head, FRAME.tick);
    this.#writer.varint(span);
  }

  /** In ascending order of slots, of each slot at most one change and then at most one digest. */
  add(slice: Uint8Array): void {
    this.#writer.bytes(slice);
  }

  /** The frame, to keep. */
  finish(): Uint8Array {
    return this.#writer.finish();
  }

  /** The frame as a view that is good until the next {@link start}. */
  look(): Uint8Array {
    return this.#writer.look();
  }
}

const joiner = new TickFrameWriter();

/** Reads the head of a binary frame. @throws {ProtocolError} `cut`, `bad_type`. */
export function readFrameHead(bytes: Uint8Array): FrameHead {
  const reader = new ByteReader(bytes);
  const type = reader.u8('the frame type') as FrameType;
  if (type !== FRAME.tick && type !== FRAME.doc) {
    throw new ProtocolError('bad_type', `A frame must be of type 0x11 or 0x12, but is of type ${type}.`);
  }
  const flags = reader.u8('the flags');
  return {
    type,
    flags,
    tick: reader.u32('the tick'),
    closeAtMs: reader.u48('the close time'),
    seq: reader.u48('the position'),
  };
}

/** One tick frame; see {@link TickFrameWriter}. */
export function encodeTickFrame(
  head: Omit<FrameHead, 'type'>,
  span: number,
  slices: readonly Uint8Array[],
): Uint8Array {
  joiner.start(head, span);
  for (const slice of slices) joiner.add(slice);
  return joiner.finish();
}

/** A frame that carries the document or a patch of it, packed. */
export function encodeDocFrame(head: Omit<FrameHead, 'type'>, payload: Uint8Array): Uint8Array {
  writeHead(writer, head, FRAME.doc);
  writer.bytes(payload);
  return writer.finish();
}

/** Payload of a doc frame, as a view into it. */
export const docPayload = (bytes: Uint8Array): Uint8Array => bytes.subarray(FRAME_HEAD_BYTES);

/** One watched car as a client holds it. `state` is by catalogue index; channels outside the view are null. */
export interface WatchedCar {
  readonly car: string;
  readonly view: View;
  readonly state: Int32Array;
}

/** What a client knows after a tick frame. Never changed in place. */
export interface ClientState {
  readonly tick: number;
  readonly closeAtMs: number;
  readonly seq: number;
  /** By slot. */
  readonly cars: ReadonlyMap<number, WatchedCar>;
}

/** What one slice of a tick frame did. */
export interface CarChange {
  readonly slot: number;
  readonly car: string;
  readonly kind: SliceKind;
}

/**
 * Applies a tick frame to what the client knows; `before` is left alone, also when this throws.
 *
 * @param before `undefined` when nothing is known yet: only a snapshot can be applied then.
 * @param own The view `own` of this connection, if it has one. Cars held in another list wait for their whole state.
 * @throws {ProtocolError} `gap` when the frame builds on another tick than `before`; `digest` when the state has
 *   drifted; others when the bytes are malformed. After any of them ask for a snapshot (`resync`).
 */
export function applyTickFrame(
  bytes: Uint8Array,
  catalogue: Catalogue,
  before: ClientState | undefined,
  own?: View,
): { head: FrameHead; span: number; state: ClientState; changes: CarChange[] } {
  const head = readFrameHead(bytes);
  if (head.type !== FRAME.tick)
    throw new ProtocolError('bad_type', `A tick frame was expected, but type ${head.type} came.`);
  const reader = new ByteReader(bytes, FRAME_HEAD_BYTES);
  const span = reader.varint('the span');
  const isSnapshot = (head.flags & FRAME_FLAG.snapshot) !== 0;
  if (isSnapshot !== (span === 0))
    throw new ProtocolError('bad_code', `A frame with span ${span} must ${span === 0 ? '' : 'not '}be a snapshot.`);
  if (!isSnapshot && before?.tick !== head.tick - span) {
    throw new ProtocolError(
      'gap',
      `The frame builds on tick ${head.tick - span}, but the client is at tick ${before?.tick ?? 'none'}.`,
    );
  }
  const cars = new Map(isSnapshot ? [] : before!.cars);
  const changes: CarChange[] = [];
  let last: Slice | undefined;
  while (reader.left > 0) {
    const slice = readSlice(reader);
    expectOrder(slice, last);
    last = slice;
    const known = cars.get(slice.slot);
    const view = viewOfSlice(catalogue, slice, own);
    if (slice.kind === SLICE.full || slice.kind === SLICE.gone) {
      const { car, bits } = readCarId(bytes, slice);
      expectOwnSlot(cars, slice.slot, car);
      if (slice.kind === SLICE.full) {
        cars.set(slice.slot, { car, view, state: applySlice(catalogue, view, bytes, slice, undefined) });
      } else {
        if (bits !== slice.end) throw new ProtocolError('overlong', 'A gone slice carries more than a car id.');
        cars.delete(slice.slot);
      }
      changes.push({ slot: slice.slot, car, kind: slice.kind });
      continue;
    }
    if (!known || !isSameView(known.view, view)) {
      throw new ProtocolError(
        'no_base',
        `A slice for slot ${slice.slot} in view ${slice.viewId} has no state to build on.`,
      );
    }
    if (slice.kind === SLICE.digest) {
      const actual = digestView(known.car, view, known.state);
      const said = readDigest(bytes, slice);
      if (actual !== said)
        throw new ProtocolError('digest', `Car ${known.car} has digest ${actual}, but the edge says ${said}.`);
      continue;
    }
    cars.set(slice.slot, { ...known, state: applySlice(catalogue, view, bytes, slice, known.state) });
    changes.push({ slot: slice.slot, car: known.car, kind: slice.kind });
  }
  return { head, span, state: { tick: head.tick, closeAtMs: head.closeAtMs, seq: head.seq, cars }, changes };
}

/** Of each slot at most one change and then at most one digest, so that a frame costs no more than its cars do. */
function expectOrder(slice: Slice, last: Slice | undefined): void {
  if (!last || slice.slot > last.slot) return;
  if (slice.slot === last.slot && slice.kind === SLICE.digest && last.kind !== SLICE.digest) return;
  throw new ProtocolError('bad_slot', `A slice for slot ${slice.slot} cannot follow one for slot ${last.slot}.`);
}

/** A slot belongs to its car for the whole epoch: anything else is an altered or a misplaced slice. */
function expectOwnSlot(cars: ReadonlyMap<number, WatchedCar>, slot: number, car: string): void {
  const known = cars.get(slot);
  let isOwn = known === undefined || known.car === car;
  if (!known) for (const other of cars.values()) if (other.car === car) isOwn = false;
  if (!isOwn) throw new ProtocolError('bad_car', `Car ${car} cannot take slot ${slot}.`);
}
