import type { Since } from '../protocol/control.ts';
import { type Awaited, type Present, planResume, type ResumePlan } from './resume-plan.ts';
import type { RingEntry } from './ring.ts';

/** What a long poll is answered with. */
export type PollPlan =
  | Extract<ResumePlan, { readonly kind: 'snapshot' }>
  /** The messages of the stream after the position, up to some tick beyond `base`. */
  | { readonly kind: 'deltas'; readonly base: RingEntry }
  /** What changed of the document since the newest tick, which is `base`. */
  | { readonly kind: 'documents'; readonly base: RingEntry }
  /** Nothing has come for as long as a request may wait. */
  | { readonly kind: 'nothing' }
  /** Not yet. */
  | { readonly kind: 'wait'; readonly for: Awaited | 'tick' };

/** The moment at which a poll is looked at. */
export interface PollMoment extends Present {
  /** No tick has come for a while: what there is of the document waits no longer for the next one. */
  readonly isQuiet: boolean;
  /** The request has waited for as long as it may. */
  readonly isOver: boolean;
}

/**
 * Decides what a long poll is answered with, or that it waits. The same decision as for every other fan who comes back
 * ({@link planResume}), who wants every tick: what has many readers is not joined for one of them.
 */
export function planPoll(since: Since | undefined, moment: PollMoment): PollPlan {
  const plan = planResume(since, 'all', moment);
  if (plan.kind === 'wait' || plan.kind === 'snapshot') return plan;
  // So many ticks have no message of their own that joins them: the whole state is as good, and smaller.
  if (plan.kind === 'composite') return { kind: 'snapshot', reason: 'too_old' };
  const { base } = plan;
  const head = moment.ring.head!;
  if (base.tick < head.tick) return { kind: 'deltas', base };
  const isNewer = (since as { readonly seq: number }).seq < (head.docs.at(-1)?.seq ?? 0);
  if (isNewer && (moment.isQuiet || moment.isOver)) return { kind: 'documents', base: head };
  return moment.isOver ? { kind: 'nothing' } : { kind: 'wait', for: 'tick' };
}
