import type { RaceStream, StreamMessage } from '../broker/race-stream.ts';
import { readRange, type SeqRange } from '../broker/read-range.ts';
import type { Contents } from './contents.ts';
import { writeArchiveFile } from './file-writer.ts';

export interface ExportOptions {
  readonly onProgress?: (done: number, of: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Writes what a stream holds into one file; see {@link writeArchiveFile}.
 * @param range Read to its end; what comes later is not in the file.
 */
export async function exportRace(
  stream: RaceStream,
  range: SeqRange,
  path: string,
  { onProgress, signal }: ExportOptions = {},
): Promise<Contents> {
  const prefix = stream.subjects.all.length - 1;
  const of = range.lastSeq - range.firstSeq + 1;
  // A stream may have forgotten its beginning; the catalogue that its ticks are in may have been said there.
  const catalogue = await stream.last(stream.subjects.catalogue);
  return writeArchiveFile(path, stream.race, async (take) => {
    const give = ({ subject, seq, data }: StreamMessage) => take({ kind: subject.slice(prefix), seq, data });
    if (catalogue && catalogue.seq < range.firstSeq) give(catalogue);
    await readRange(
      stream,
      range,
      (message) => {
        give(message);
        onProgress?.(message.seq - range.firstSeq + 1, of);
      },
      signal,
    );
  });
}
