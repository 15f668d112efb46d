import { ArchiveError } from '../archive/archive-error.ts';
import type { ArchiveReader } from '../archive/archive-reader.ts';
import type { RestoredBlock } from '../archive/restore.ts';
import { archiveSegments } from './archive-segments.ts';
import { readInPieces } from './past-reader.ts';
import type { Feed, RaceOrigin } from './race-origin.ts';
import { RaceState } from './race-state.ts';

/** Blocks of a minute whose ticks are at hand, as they are of a race that is followed. */
const END_BLOCKS = 3;
const KINDS: readonly string[] = ['tick', 'keyframe', 'doc'];

/** Nothing comes, so nothing is held back. */
const NOTHING_COMES: Feed = { hold: () => {}, release: () => {}, waiting: 0, stop: async () => {} };

/** A race that is over, out of its archive. */
export interface ArchivedRace extends RaceOrigin {
  /** How it ended. */
  readonly state: RaceState;
}

/**
 * Reads how a race ended; the rest is read when it is asked for.
 * @param onDamage Told of each block that cannot be read.
 * @throws {ArchiveError} `no_ticks` when nothing of it can be shown.
 */
export async function archiveOrigin(
  reader: ArchiveReader,
  onDamage: (error: ArchiveError) => void,
): Promise<ArchivedRace> {
  const state = await readEnd(reader, onDamage);
  const segments = archiveSegments(reader, onDamage);
  const read = async (first: number, last: number) =>
    (await segments.messages(first, last)).map(({ seq, message }) => ({ seq, data: message }));
  return {
    state,
    follow: ({ onAdvance }) => {
      queueMicrotask(() => onAdvance(state, { kind: 'begin', isNewEpoch: true }, state.head!.closeAtMs));
      return NOTHING_COMES;
    },
    readStream: (onProblem) => readInPieces(read, onProblem),
    segments,
    isAway: () => false,
    isOver: true,
  };
}

async function readEnd(reader: ArchiveReader, onDamage: (error: ArchiveError) => void): Promise<RaceState> {
  const blocks = reader.blocks.filter(({ ticks }) => ticks !== undefined);
  for (let end = blocks.length; end > 0; end--) {
    const { epoch, catalogueTag } = blocks[end - 1]!;
    const own = blocks.slice(Math.max(0, end - END_BLOCKS), end);
    const first = own.findIndex((block) => block.epoch === epoch && block.catalogueTag === catalogueTag);
    try {
      const state = new RaceState(await reader.catalogue(catalogueTag));
      for (const block of own.slice(first)) applyBlock(state, block.seqs![0], await reader.block(block));
      if (state.head && state.status === 'following') return state;
    } catch (error) {
      // What comes before it may be whole.
      if (!(error instanceof ArchiveError)) throw error;
      onDamage(error);
    }
  }
  throw new ArchiveError('no_ticks', 'No tick of the archive can be read.');
}

function applyBlock(state: RaceState, firstSeq: number, { base, messages }: RestoredBlock): void {
  if (base && !state.head) state.apply(firstSeq - 1, base);
  for (const { kind, seq, data } of messages) if (KINDS.includes(kind)) state.apply(seq, data);
}
