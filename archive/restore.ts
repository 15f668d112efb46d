import type { Catalogue } from '../protocol/catalogue.ts';
import { TelemetryError } from '../protocol/errors.ts';
import { RaceCursor } from '../protocol/race-cursor.ts';
import { ArchiveError } from './archive-error.ts';
import { checksum } from './block.ts';
import { type ArchivedMessage, readTickBlock, type StoredEntry } from './tick-block.ts';

/** The messages of one block, as they were in the stream, and what is known before the first of them. */
export interface RestoredBlock {
  /** The state before the first message, as a keyframe; `undefined` when the block begins on nothing. */
  readonly base: Uint8Array | undefined;
  readonly messages: readonly ArchivedMessage[];
}

/**
 * Makes the messages of a block anew. Data may be views into `raw`.
 * @param catalogue The one that the block is in; `undefined` when it is lost: then what has to be made cannot be.
 * @throws {ArchiveError} `damaged_block`, `no_catalogue`.
 */
export function restoreBlock(raw: Uint8Array, catalogue: Catalogue | undefined): RestoredBlock {
  const { head, entries } = readTickBlock(raw);
  const cursor = new RaceCursor();
  if (catalogue) cursor.useCatalogue(catalogue);
  const base = head.base.length > 0 ? head.base : undefined;
  if (base && catalogue) cursor.take('keyframe', base);
  const messages = entries.map((entry) => {
    const message = 'made' in entry ? make(entry, cursor) : entry;
    follow(cursor, message);
    return message;
  });
  return { base, messages };
}

/** What the publisher sent that cannot be read was stored as it was, and is given back so. */
function follow(cursor: RaceCursor, { kind, data }: ArchivedMessage): void {
  try {
    cursor.take(kind, data);
  } catch (error) {
    if (!(error instanceof TelemetryError)) throw error;
  }
}

function make({ made, seq, crc }: Extract<StoredEntry, { made: string }>, cursor: RaceCursor): ArchivedMessage {
  const { catalogue } = cursor;
  if (!catalogue)
    throw new ArchiveError('no_catalogue', 'The catalogue of the block is lost, so that its keyframes cannot be made.');
  const data = made === 'catalogue' ? new TextEncoder().encode(catalogue.json) : cursor.keyframe();
  if (data && checksum(data) === crc) return { kind: made, seq, data };
  throw new ArchiveError('damaged_block', `The ${made} with sequence ${seq} cannot be made as it was.`);
}
