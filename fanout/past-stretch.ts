import type { Catalogue } from '../protocol/catalogue.ts';
import { RaceState } from './race-state.ts';
import type { RingEntry } from './ring.ts';

/** A message as the stream stores it. */
export interface StoredMessage {
  readonly seq: number;
  readonly data: Uint8Array;
}

/** What a stretch of the stream tells. */
export interface Decoded {
  /** In order: the last tick before the stretch, if it is known, and those that lie in it. */
  readonly ticks: readonly RingEntry[];
  /** Whether the last tick before the stretch is known: without it the first positions in the stretch are not. */
  readonly hasBase: boolean;
}

const NOTHING: Decoded = { ticks: [], hasBase: false };

/**
 * Reads a stretch of the stream.
 *
 * @param messages In order; they begin some way before the stretch, so that there is a keyframe to begin from. Copied.
 * @param first Sequence at which the stretch begins.
 * @returns only ticks of this epoch and catalogue.
 */
export function decodeStretch(
  messages: readonly StoredMessage[],
  first: number,
  epoch: string,
  catalogue: Catalogue,
): Decoded {
  const state = new RaceState(catalogue, Number.POSITIVE_INFINITY);
  for (const { seq, data } of messages) state.apply(seq, data.slice());
  const { oldest } = state.ring;
  if (!oldest || state.epoch !== epoch) return NOTHING;
  const base = state.ring.atSeq(first - 1);
  return { ticks: [base ?? oldest, ...state.ring.after((base ?? oldest).tick)], hasBase: base !== undefined };
}
