import { peekStreamHead, type StreamHead } from '../protocol/tick-message.ts';
import { readTickBlock, type StoredEntry } from './tick-block.ts';

/** Where a keyframe is, and what it is of. */
export interface KeyframePlace {
  readonly seq: number;
  readonly head: StreamHead;
}

/**
 * The keyframes of a block of ticks, without making those that are not stored: they have the head of the tick before them. One
 * that cannot be read is left out.
 * @throws {ArchiveError} `damaged_block`.
 */
export function keyframePlaces(raw: Uint8Array): KeyframePlace[] {
  const { head, entries } = readTickBlock(raw);
  const places: KeyframePlace[] = [];
  let last = head.base.length > 0 ? peekStreamHead(head.base) : undefined;
  for (const entry of entries) {
    const kind = kindOf(entry);
    if (kind !== 'tick' && kind !== 'keyframe') continue;
    const own = 'made' in entry ? last : peekStreamHead(entry.data);
    if (!own) continue;
    last = own;
    if (kind === 'keyframe') places.push({ seq: entry.seq, head: own });
  }
  return places;
}

const kindOf = (entry: StoredEntry): string => ('made' in entry ? entry.made : entry.kind);
