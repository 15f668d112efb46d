import { TelemetryError } from '../protocol/errors.ts';
import { RaceCursor } from '../protocol/race-cursor.ts';
import type { ArchiveReader } from './archive-reader.ts';
import type { BlockEntry } from './contents.ts';

/** What was found in an archive when all of it was read. */
export interface ArchiveReport {
  /** Ticks that can be read and whose digest is that of the publisher. */
  ticks: number;
  messages: number;
  /** What is damaged or missing, each one sentence. Empty for a sound archive. */
  readonly problems: string[];
}

const nameTicks = ({ ticks, epoch }: BlockEntry): string =>
  ticks ? `ticks ${ticks[0]}–${ticks[1]} of epoch ${epoch}` : 'a block without ticks';

/**
 * Reads everything, applies every tick and compares every digest.
 * @param onProgress Told after each block how many are done.
 */
export async function verifyArchive(
  reader: ArchiveReader,
  onProgress: (done: number, of: number) => void,
): Promise<ArchiveReport> {
  const report: ArchiveReport = { ticks: 0, messages: 0, problems: [...reader.contents.problems] };
  const { blocks } = reader;
  let last: BlockEntry | undefined;
  for (const [index, block] of blocks.entries()) {
    const missing = findMissing(last, block);
    if (missing) report.problems.push(missing);
    last = block;
    try {
      await verifyBlock(reader, block, report);
    } catch (error) {
      if (!(error instanceof TelemetryError)) throw error;
      report.problems.push(`Missing are ${nameTicks(block)}: ${error.message}`);
    }
    onProgress(index + 1, blocks.length);
  }
  return report;
}

/** Blocks that are not listed leave a hole in the ticks. */
function findMissing(last: BlockEntry | undefined, { ticks, epoch }: BlockEntry): string | undefined {
  if (!ticks || !last?.ticks || last.epoch !== epoch || ticks[0] <= last.ticks[1] + 1) return undefined;
  return `Missing are ticks ${last.ticks[1] + 1}–${ticks[0] - 1} of epoch ${epoch}.`;
}

async function verifyBlock(reader: ArchiveReader, block: BlockEntry, report: ArchiveReport): Promise<void> {
  const { base, messages } = await reader.block(block);
  const cursor = new RaceCursor();
  if (block.catalogueTag !== 0) cursor.useCatalogue(await reader.catalogue(block.catalogueTag));
  if (base) cursor.take('keyframe', base);
  for (const { kind, seq, data } of messages) {
    report.messages++;
    try {
      if (cursor.take(kind, data) === 'tick') report.ticks++;
    } catch (error) {
      if (!(error instanceof TelemetryError)) throw error;
      // What the stream held unreadable was told when it was exported.
      if (!report.problems.some((problem) => problem.startsWith(`Sequence ${seq}:`)))
        report.problems.push(`Sequence ${seq}: ${error.message}`);
    }
  }
}
