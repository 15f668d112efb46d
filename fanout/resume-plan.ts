import type { History } from '../protocol/control.ts';
import type { Position } from '../protocol/position.ts';
import type { Ring, RingEntry } from './ring.ts';

/** How a fan is brought to the newest tick. */
export type ResumePlan =
  | { readonly kind: 'deltas'; readonly base: RingEntry; readonly ticks: readonly RingEntry[] }
  | { readonly kind: 'composite'; readonly base: RingEntry }
  | { readonly kind: 'snapshot'; readonly reason: 'first' | 'other_epoch' | 'too_old' | 'ahead' };

/** What is known of the race at the moment of the decision. */
export interface Present {
  readonly epoch: string;
  /** Sequence of the last message that the state contains. */
  readonly seq: number;
  readonly ring: Ring;
}

/** Deltas up to this many bytes are sent as asked, however small the composite would be. */
const MAX_CHEAP_DELTAS_BYTES = 64 * 1024;
/** A composite this many times smaller than the deltas replaces them. */
const SMALLER_BY_FAR = 8;

/**
 * Decides how a returning fan catches up.
 *
 * Pure: sends nothing. The caller must already have attached the fan, or a tick between the decision and the attach
 * is lost.
 *
 * @param since Last position that the fan applied; `undefined` on a first join.
 * @returns `deltas` or `composite` only when the ring still holds the tick of `since`: never a part of what was
 *   missed. At the newest tick already: `deltas` with no ticks.
 */
export function planResume(since: Position | undefined, history: History, present: Present): ResumePlan {
  if (!since) return { kind: 'snapshot', reason: 'first' };
  if (since.epoch !== present.epoch) return { kind: 'snapshot', reason: 'other_epoch' };
  if (since.seq > present.seq) return { kind: 'snapshot', reason: 'ahead' };
  const base = present.ring.atSeq(since.seq);
  if (!base) return { kind: 'snapshot', reason: 'too_old' };
  if (base === present.ring.head) return { kind: 'deltas', base, ticks: [] };
  if (history === 'latest') return { kind: 'composite', base };
  return { kind: 'deltas', base, ticks: present.ring.after(base.tick) };
}

/**
 * Whether one composite is sent although every tick was asked for. A chart without holes is worth some bytes, so
 * that the few hundred KiB of a fan who watches the whole field are cut, and those of a few cars are not.
 */
export const isSmallerByFar = (compositeBytes: number, deltasBytes: number): boolean =>
  deltasBytes > MAX_CHEAP_DELTAS_BYTES && deltasBytes > SMALLER_BY_FAR * compositeBytes;
