import { setImmediate as nextTurn } from 'node:timers/promises';
import { ArchiveError } from '../archive/archive-error.ts';
import type { ArchiveReader } from '../archive/archive-reader.ts';
import type { BlockEntry } from '../archive/contents.ts';
import type { RestoredBlock } from '../archive/restore.ts';
import type { StreamRecord } from '../protocol/poll-answer.ts';
import type { SegmentSource } from './segments.ts';

/** Minutes of a race that are kept as they were in the stream: half a megabyte each in a field of 40 cars. */
const MAX_BLOCKS = 4;

/**
 * Segments out of an archive file. What is damaged is not there.
 * @param onDamage Told of each block that cannot be read, once.
 */
export function archiveSegments(reader: ArchiveReader, onDamage: (error: ArchiveError) => void): SegmentSource {
  /** The one that was used last comes last. */
  const restored = new Map<number, Promise<RestoredBlock>>();
  const restore = (block: BlockEntry): Promise<RestoredBlock> => {
    const known = restored.get(block.at) ?? reader.block(block);
    known.catch(() => restored.delete(block.at));
    restored.delete(block.at);
    restored.set(block.at, known);
    if (restored.size > MAX_BLOCKS) restored.delete(restored.keys().next().value!);
    return known;
  };
  let isScanned = false;
  return {
    async keyframes(afterSeq, take) {
      if (isScanned) return;
      for (const block of reader.blocks) {
        try {
          for (const { seq, head } of await reader.keyframes(block)) if (seq > afterSeq) take(seq, head);
        } catch (error) {
          if (!(error instanceof ArchiveError)) throw error;
          onDamage(error);
        }
        await nextTurn();
      }
      isScanned = true;
    },
    async messages(first, last) {
      const records: StreamRecord[] = [];
      for (const block of reader.blocks) {
        const { seqs } = block;
        if (!seqs || seqs[1] < first || seqs[0] > last) continue;
        for (const { seq, data } of (await restore(block)).messages)
          if (seq >= first && seq <= last) records.push({ seq, message: data });
        await nextTurn();
      }
      return records;
    },
    async catalogues() {
      const tags = new Set(reader.blocks.map(({ catalogueTag }) => catalogueTag));
      return Promise.all([...tags].filter((tag) => tag !== 0).map((tag) => reader.catalogue(tag)));
    },
  };
}
