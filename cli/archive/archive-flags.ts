import { ArchiveError } from '../../archive/archive-error.ts';
import { ArchiveReader } from '../../archive/archive-reader.ts';
import { openFile } from '../../archive/byte-source.ts';

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
