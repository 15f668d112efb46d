import { type FileHandle, open } from 'node:fs/promises';
import { ArchiveError } from './archive-error.ts';

/** Bytes that can be read at any place. */
export interface ByteSource {
  readonly size: number;
  /** `bytes` bytes from `at` on, fewer at the end. The caller's. */
  read(at: number, bytes: number): Promise<Uint8Array>;
}

/** A file that is open for reading; see {@link openFile}. */
export interface OpenFile extends ByteSource {
  close(): Promise<void>;
}

/** @throws {ArchiveError} `no_file` when the file cannot be opened. */
export async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new ArchiveError('no_file', `The archive ${path} cannot be opened: ${reason}.`, { cause });
  });
  const { size } = await handle.stat();
  return { size, read: (at, bytes) => readAt(handle, at, bytes), close: () => handle.close() };
}

/**
 * A file that is open only while it is read, so that many can be at hand.
 * @throws {ArchiveError} `no_file`, now and at each read.
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const { size, close } = await openFile(path);
  await close();
  const read = async (at: number, bytes: number) => {
    const file = await openFile(path);
    try {
      return await file.read(at, bytes);
    } finally {
      await file.close();
    }
  };
  return { size, read };
}

async function readAt(handle: FileHandle, at: number, bytes: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(bytes);
  let length = 0;
  while (length < bytes) {
    const { bytesRead } = await handle.read(buffer, length, bytes - length, at + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/** Bytes in memory as a {@link ByteSource}. They must not change. */
export const sourceOf = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: async (at, count) => bytes.slice(at, at + count),
});
