import { createReadStream } from 'node:fs';
import { SourceError } from '../protocol/errors.ts';

/** The bytes of a file, piece by piece. @throws {SourceError} `no_recording` when it cannot be read. */
export async function* bytesOfFile(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${message})`;
    throw new SourceError('no_recording', `The recording ${path} ${why}: give the path of a file.`, { cause });
  }
}
