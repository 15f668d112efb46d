import { ByteReader, ByteWriter } from '../protocol/bytes.ts';
import { CRC_START, crcAddBytes, crcEnd } from '../protocol/crc32.ts';
import { pack } from '../protocol/pack.ts';
import { unpack } from '../protocol/unpack.ts';
import type { Outgoing } from './outgoing.ts';

/** What a segment of a spool begins with. It says enough to go on with the race from this segment alone. */
export interface SegmentHead {
  readonly race: string;
  readonly epoch: string;
  /** Hash of the catalogue that the messages are in. */
  readonly catalogue: string;
  /** Number of the first message; the first one of a spool is 0. */
  readonly first: number;
  /** What was settled when the segment was begun. */
  readonly settled: Settled;
  /** Keyframe that the first message builds on; `undefined` when the epoch begins with it. */
  readonly base: Uint8Array | undefined;
}

/** What is known to be in the stream: every message below `upTo`; and the newest sequence of each subject then. */
export interface Settled {
  readonly upTo: number;
  readonly lastSeqs: ReadonlyMap<string, number>;
}

export type SpoolRecord =
  | { readonly kind: 'head'; readonly head: SegmentHead }
  | { readonly kind: 'message'; readonly message: Outgoing }
  | { readonly kind: 'settled'; readonly settled: Settled };

/** Version of the files; another one is not read. */
const VERSION = 1;
const TYPE = { head: 1, message: 2, settled: 3 } as const;

/** Length and checksum stand before every record, as u32 little-endian; the length counts what follows them. */
const FRAME_BYTES = 8;
/** NATS takes no message larger than 64 MB. */
const MAX_BODY_BYTES = 80 * 2 ** 20;
const MAX_NAME = 255;

const writer = new ByteWriter();
const text = new TextEncoder();

/** The bytes of a record. @throws {RangeError} when a subject or an id is longer than 255 bytes. */
export function encodeRecord(record: SpoolRecord): Uint8Array {
  writer.start();
  writer.u32(0);
  writer.u32(0);
  writer.u8(TYPE[record.kind]);
  if (record.kind === 'message') {
    writeName(record.message.subject);
    writeName(record.message.id);
    writer.bytes(record.message.data);
  } else if (record.kind === 'head') {
    writer.bytes(pack({ version: VERSION, ...record.head, settled: plain(record.head.settled) }));
  } else {
    writer.bytes(pack(plain(record.settled)));
  }
  const bytes = writer.finish();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - FRAME_BYTES, true);
  view.setUint32(4, crcEnd(crcAddBytes(CRC_START, bytes, FRAME_BYTES)), true);
  return bytes;
}

const plain = ({ upTo, lastSeqs }: Settled) => ({ upTo, lastSeqs: [...lastSeqs] });

function writeName(name: string): void {
  const bytes = text.encode(name);
  if (bytes.length > MAX_NAME) throw new RangeError(`${name} has ${bytes.length} bytes, the limit is ${MAX_NAME}.`);
  writer.u8(bytes.length);
  writer.bytes(bytes);
}

/** The records of a file, as far as it can be believed. */
export interface ReadSegment {
  readonly records: readonly SpoolRecord[];
  /** Where the believed part ends. What follows was cut off in the middle of a write, or is damaged. */
  readonly goodBytes: number;
}

/**
 * Reads records up to the first one that is cut, fails its checksum or is none of ours. Never throws.
 * @param bytes Messages in the result are views into it.
 */
export function readRecords(bytes: Uint8Array): ReadSegment {
  const records: SpoolRecord[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (bytes.length - at > FRAME_BYTES) {
    const length = view.getUint32(at, true);
    const from = at + FRAME_BYTES;
    // A length of 0 with a checksum of 0 is what a file system leaves of what it had not yet written.
    if (length === 0 || length > MAX_BODY_BYTES || length > bytes.length - from) break;
    const body = bytes.subarray(from, from + length);
    if (crcEnd(crcAddBytes(CRC_START, body)) !== view.getUint32(at + 4, true)) break;
    const record = decodeBody(body);
    if (!record) break;
    records.push(record);
    at = from + length;
  }
  return { records, goodBytes: at };
}

function decodeBody(body: Uint8Array): SpoolRecord | undefined {
  try {
    if (body[0] === TYPE.message) return { kind: 'message', message: decodeMessage(body) };
    const value = unpack(body.subarray(1)) as Record<string, unknown>;
    if (body[0] === TYPE.head) return decodeHead(value);
    const settled = body[0] === TYPE.settled ? decodeSettled(value) : undefined;
    return settled && { kind: 'settled', settled };
  } catch {
    // The checksum was right, so that these are bytes of somebody else: as good as none.
    return undefined;
  }
}

function decodeMessage(body: Uint8Array): Outgoing {
  const reader = new ByteReader(body, 1);
  const name = () => {
    const length = reader.u8('a length');
    const from = reader.take(length, 'a name');
    return new TextDecoder().decode(body.subarray(from, from + length));
  };
  return { subject: name(), id: name(), data: body.subarray(reader.at) };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function decodeHead(value: Record<string, unknown>): SpoolRecord | undefined {
  const { version, race, epoch, catalogue, first, base } = value;
  const settled = decodeSettled(value.settled);
  if (version !== VERSION || !isCount(first) || !settled) return undefined;
  if (typeof race !== 'string' || typeof epoch !== 'string' || typeof catalogue !== 'string') return undefined;
  if (base !== undefined && !(base instanceof Uint8Array)) return undefined;
  // A Buffer of msgpackr would not equal the bytes that it was made of.
  return { kind: 'head', head: { race, epoch, catalogue, first, settled, base: base && new Uint8Array(base) } };
}

function decodeSettled(value: unknown): Settled | undefined {
  const { upTo, lastSeqs } = value as Record<string, unknown>;
  if (!isCount(upTo) || !Array.isArray(lastSeqs)) return undefined;
  const isSeq = (entry: unknown): entry is [string, number] =>
    Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && isCount(entry[1]);
  return lastSeqs.every(isSeq) ? { upTo, lastSeqs: new Map(lastSeqs) } : undefined;
}
