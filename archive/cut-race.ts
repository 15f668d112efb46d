import { RaceCursor } from '../protocol/race-cursor.ts';
import { readStreamHead } from '../protocol/tick-message.ts';
import type { ArchiveReader } from './archive-reader.ts';
import type { Contents } from './contents.ts';
import { writeArchiveFile } from './file-writer.ts';
import type { Stretch } from './stretch.ts';
import type { ArchivedMessage } from './tick-block.ts';

/**
 * Writes a part of an archive into a file of its own, with the sequences that it had. It begins with the catalogue and
 * with a keyframe of the tick before.
 * @throws {ArchiveError} `damaged_block` when the part is not intact.
 */
export async function cutRace(
  reader: ArchiveReader,
  stretch: Stretch,
  path: string,
  onProgress: (done: number, of: number) => void,
): Promise<Contents> {
  const blocks = reader.blocks.filter(
    ({ epoch, ticks }) => epoch === stretch.epoch && ticks && ticks[0] <= stretch.to && ticks[1] >= stretch.from,
  );
  return writeArchiveFile(path, reader.contents.race, async (take) => {
    let isIn = false;
    for (const [index, block] of blocks.entries()) {
      const { base, messages } = await reader.block(block);
      const cursor = new RaceCursor();
      cursor.useCatalogue(await reader.catalogue(block.catalogueTag));
      if (base) cursor.take('keyframe', base);
      for (const message of messages) {
        const tick = tickOf(message);
        if (tick !== undefined && tick > stretch.to) break;
        if (!isIn && tick === stretch.from && message.kind === 'tick') {
          for (const first of begin(cursor, message.seq)) take(first);
          isIn = true;
        }
        if (isIn) take(message);
        else cursor.take(message.kind, message.data);
      }
      onProgress(index + 1, blocks.length);
    }
  });
}

/** What must be known before a message that does not begin a race; it takes the place of what came before. */
function begin(cursor: RaceCursor, seq: number): ArchivedMessage[] {
  const keyframe = cursor.keyframe();
  const catalogue = {
    kind: 'catalogue',
    seq: seq - (keyframe ? 2 : 1),
    data: new TextEncoder().encode(cursor.catalogue!.json),
  };
  return keyframe ? [catalogue, { kind: 'keyframe', seq: seq - 1, data: keyframe }] : [catalogue];
}

const tickOf = ({ kind, data }: ArchivedMessage): number | undefined =>
  kind === 'tick' || kind === 'doc' || kind === 'keyframe' ? readStreamHead(data).tick : undefined;
