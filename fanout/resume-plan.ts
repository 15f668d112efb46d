import type { History, Since } from '../protocol/control.ts';
import type { Ring, RingEntry } from './ring.ts';

/** How a fan is brought to the newest tick. */
export type ResumePlan =
  /** Every tick after `base` by itself; none when `base` is the newest. */
  | { readonly kind: 'deltas'; readonly base: RingEntry }
  /** One change from `base` to the newest tick. */
  | { readonly kind: 'composite'; readonly base: RingEntry }
  | { readonly kind: 'snapshot'; readonly reason: SnapshotReason }
  /** Cannot be decided yet: the edge is behind the fan, or has to read the stream. Ask again with what is new. */
  | { readonly kind: 'wait'; readonly for: Awaited };

/** What a decision may wait for: that the edge comes up with the fan, or that the stream is read. */
export type Awaited = 'edge' | 'stream';

type SnapshotReason = 'first' | 'other_epoch' | 'too_old' | 'ahead' | 'unread' | 'garbled';

/** What is known of the race at the moment of the decision. */
export interface Present {
  readonly epoch: string;
  /** Sequence of the last message that the state contains. */
  readonly seq: number;
  readonly ring: Ring;
  /**
   * The state at a position before the ring, as the stream has it; `gone` when it does not have it in this epoch,
   * `unread` when nobody has looked yet.
   */
  readonly older: (seq: number) => RingEntry | 'unread' | 'gone';
  /** What the fan has waited for as long as it may, if it has. */
  readonly late: Awaited | undefined;
  /** No tick comes here, and the race is not over: who is ahead of this edge may be right, and find others who know more. */
  readonly isStalled: boolean;
}

/** Further back than an hour at 2 Hz nobody gets tick by tick: that is what the archive is for. */
const MAX_REPLAY_TICKS = 7200;

/**
 * Decides how a returning fan catches up.
 *
 * Pure: sends nothing. The caller must already have attached the fan, or a tick between the decision and the attach
 * is lost.
 *
 * @param since Last position that the fan applied; `undefined` on a first join.
 * @returns `deltas` or `composite` only when the state at `since` is known: never a part of what was missed. At the
 *   newest tick already: `deltas` from it.
 */
export function planResume(since: Since | undefined, history: History, present: Present): ResumePlan {
  if (!since) return { kind: 'snapshot', reason: 'first' };
  if (since === 'garbled') return { kind: 'snapshot', reason: 'garbled' };
  if (since.epoch !== present.epoch) return { kind: 'snapshot', reason: 'other_epoch' };
  // A fan is never taken back in time by an edge that may only be behind.
  if (since.seq > present.seq) return present.isStalled ? FOR_EDGE : orWait('ahead', 'edge', present);
  const { head } = present.ring;
  const found = present.ring.atSeq(since.seq) ?? present.older(since.seq);
  if (found === 'gone' || !head) return { kind: 'snapshot', reason: 'too_old' };
  if (found === 'unread') return orWait('unread', 'stream', present);
  // The stream may have been read before the document changed again in this tick: the ring knows that, too.
  const base = present.ring.byTick(found.tick) ?? found;
  const missed = head.tick - base.tick;
  const isWhole = missed === 0 || (history === 'all' && missed <= MAX_REPLAY_TICKS);
  return { kind: isWhole ? 'deltas' : 'composite', base };
}

const FOR_EDGE: ResumePlan = { kind: 'wait', for: 'edge' };

const orWait = (reason: SnapshotReason, what: Awaited, { late }: Present): ResumePlan =>
  late === what ? { kind: 'snapshot', reason } : { kind: 'wait', for: what };
