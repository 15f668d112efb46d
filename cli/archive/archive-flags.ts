import { ArchiveError } from '../../archive/archive-error.ts';
import { ArchiveReader } from '../../archive/archive-reader.ts';
import { openFile } from '../../archive/byte-source.ts';
import { PLACE } from '../../archive/place.ts';
import type { Flags } from '../flags.ts';

/** Length of a tick; an archive says only when its ticks closed. */
export const TICK_MS = 500;

/** What part of an archive is meant. */
export const STRETCH_FLAGS = {
  from: { kind: 'text', allowed: PLACE, help: 'Where the part begins. Default: the first tick.' },
  to: { kind: 'text', allowed: PLACE, help: 'Last tick of the part. Default: the end.' },
  epoch: { kind: 'text', help: 'Which life of the stream, where the file has several. Default: the longest.' },
} as const satisfies Flags;

export const FILE_NAME = {
  accepts: (text: string) => text.length > 0 && text.length <= 4096,
  rule: 'the path of a file',
};

/** Aborts when somebody ends the program: what is half written is removed then. */
export function stopOnSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () =>
      stopping.abort(new ArchiveError('stopped', `Stopped by ${signal}; nothing half done was left.`)),
    );
  }
  return stopping.signal;
}

/** Opens an archive for as long as `use` takes. */
export async function withArchive<T>(
  path: string,
  use: (reader: ArchiveReader, size: number) => Promise<T>,
): Promise<T> {
  const file = await openFile(path);
  try {
    return await use(await ArchiveReader.open(file), file.size);
  } finally {
    await file.close();
  }
}
