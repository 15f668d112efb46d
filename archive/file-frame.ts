import { ByteReader, ByteWriter } from '../protocol/bytes.ts';
import { ArchiveError } from './archive-error.ts';
import { checksum } from './block.ts';

/** The first bytes of every archive. */
export const FILE_START = new TextEncoder().encode('SLIPARCH');
const END = new TextEncoder().encode('SLIPDONE');
const VERSION = 1;

export const FILE_START_BYTES = 12;
export const FILE_END_BYTES = 18;

/** What a file begins with. */
export function encodeFileStart(): Uint8Array {
  const writer = new ByteWriter(FILE_START_BYTES);
  writer.bytes(FILE_START);
  writer.u32(VERSION);
  return writer.finish();
}

/** @throws {ArchiveError} `no_archive`, `bad_version`. */
export function expectFileStart(bytes: Uint8Array): void {
  if (bytes.length < FILE_START_BYTES || FILE_START.some((byte, index) => bytes[index] !== byte)) {
    throw new ArchiveError('no_archive', 'The file is no archive of a race: it does not begin with SLIPARCH.');
  }
  const version = new ByteReader(bytes, FILE_START.length).u32('the version');
  if (version !== VERSION) {
    throw new ArchiveError(
      'bad_version',
      `The archive is of version ${version}; this program reads version ${VERSION}.`,
    );
  }
}

/** What a file ends with: where its index is. */
export function encodeFileEnd(indexAt: number): Uint8Array {
  const writer = new ByteWriter(FILE_END_BYTES);
  writer.u48(indexAt);
  writer.u32(checksum(writer.look()));
  writer.bytes(END);
  return writer.finish();
}

/** @returns Where the index begins, `undefined` when the end of the file is not there. */
export function readFileEnd(bytes: Uint8Array): number | undefined {
  if (bytes.length !== FILE_END_BYTES || END.some((byte, index) => bytes[10 + index] !== byte)) return undefined;
  const reader = new ByteReader(bytes);
  const indexAt = reader.u48('where the index is');
  return reader.u32('a checksum') === checksum(bytes, 0, 6) ? indexAt : undefined;
}
