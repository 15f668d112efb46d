import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ByteReader, ByteWriter } from '../protocol/bytes.ts';
import { CRC_START, crcAddBytes, crcEnd } from '../protocol/crc32.ts';
import { ArchiveError } from './archive-error.ts';

/** What a block of an archive file holds; FORMAT.md, "Blocks". */
export const BLOCK = { catalogue: 1, ticks: 2, index: 3 } as const;
export type BlockType = (typeof BLOCK)[keyof typeof BLOCK];

/** Where a block lies in its file and what it says of itself. */
export interface BlockHead {
  readonly type: BlockType;
  /** Length of the payload as it is stored. */
  readonly storedBytes: number;
  /** Length of the payload when it is unpacked. */
  readonly rawBytes: number;
  readonly crc: number;
}

/** `SLPB`: where the index is lost, blocks are found by it. */
export const BLOCK_MARK = Uint8Array.of(0x53, 0x4c, 0x50, 0x42);
export const BLOCK_HEAD_BYTES = 24;
/** No block unpacks to more: a number in a damaged file must not cost memory. */
const MAX_BLOCK_BYTES = 64 * 1024 * 1024;

export const checksum = (bytes: Uint8Array, start = 0, end = bytes.length): number =>
  crcEnd(crcAddBytes(CRC_START, bytes, start, end));

/** One block as it stands in the file: head and compressed payload. The bytes are the caller's. */
export function encodeBlock(type: BlockType, raw: Uint8Array): Uint8Array {
  const stored = zstdCompressSync(raw);
  const writer = new ByteWriter(BLOCK_HEAD_BYTES + stored.length);
  writer.bytes(BLOCK_MARK);
  writer.u32(type);
  writer.u32(stored.length);
  writer.u32(raw.length);
  writer.u32(checksum(stored));
  writer.u32(checksum(writer.look()));
  writer.bytes(stored);
  return writer.finish();
}

/**
 * Reads the head of a block. @param at Where it begins.
 * @returns `undefined` when no intact head stands there.
 */
export function readBlockHead(bytes: Uint8Array, at: number): BlockHead | undefined {
  if (bytes.length - at < BLOCK_HEAD_BYTES) return undefined;
  if (BLOCK_MARK.some((byte, index) => bytes[at + index] !== byte)) return undefined;
  const reader = new ByteReader(bytes, at + BLOCK_MARK.length);
  const type = reader.u32('the type of a block');
  const storedBytes = reader.u32('the length of a block');
  const rawBytes = reader.u32('the length of a block');
  const crc = reader.u32('the checksum of a block');
  if (reader.u32('the checksum of a head') !== checksum(bytes, at, at + BLOCK_HEAD_BYTES - 4)) return undefined;
  if (type < BLOCK.catalogue || type > BLOCK.index || rawBytes > MAX_BLOCK_BYTES) return undefined;
  return { type: type as BlockType, storedBytes, rawBytes, crc };
}

/**
 * Unpacks the payload of a block. The bytes are the caller's.
 * @throws {ArchiveError} `damaged_block` when it is not what was written.
 */
export function unpackBlock(head: BlockHead, stored: Uint8Array): Uint8Array {
  if (stored.length !== head.storedBytes || checksum(stored) !== head.crc) {
    throw new ArchiveError('damaged_block', 'The bytes of the block do not have its checksum.');
  }
  let raw: Uint8Array;
  try {
    raw = zstdDecompressSync(stored, { maxOutputLength: MAX_BLOCK_BYTES });
  } catch (cause) {
    throw new ArchiveError('damaged_block', `The block cannot be unpacked: ${(cause as Error).message}.`, { cause });
  }
  if (raw.length !== head.rawBytes) {
    throw new ArchiveError('damaged_block', `The block unpacks to ${raw.length} bytes, not to ${head.rawBytes}.`);
  }
  return raw;
}
