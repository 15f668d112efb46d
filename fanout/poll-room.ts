import type { Since } from '../protocol/control.ts';
import type { Position } from '../protocol/position.ts';
import type { EdgeLimits } from './limits.ts';
import type { Past } from './past.ts';
import type { PollAnswers, ReadyPollPlan } from './poll-answers.ts';
import { type PollPlan, planPoll } from './poll-plan.ts';
import type { Applied, RaceState } from './race-state.ts';
import type { Reply } from './reply.ts';
import type { RingEntry } from './ring.ts';
import type { Standstill } from './standstill.ts';

/**
 * Why a poll gets no answer.
 * - `not_ready`: there is nothing to serve yet. - `full`: no more requests may wait here. - `going_away`: the edge leaves.
 */
export type PollRefusal = 'not_ready' | 'full' | 'going_away';

/** What a room is told of the place it lives in. */
export interface PollRoomOptions {
  readonly limits: EdgeLimits;
  /** The state that is served and what lies before it; `undefined` while there is none. */
  readonly known: () => { readonly state: RaceState; readonly past: Past } | undefined;
  readonly standstill: Pick<Standstill, 'isQuiet' | 'isStalled' | 'stale'>;
  /** Whether the edge has room for one more request that waits. */
  readonly mayWait: () => boolean;
  /** Told of what should never happen. */
  readonly report: (code: string, detail: unknown) => void;
}

/** A request that waits. */
export interface Poll {
  readonly since: Since | undefined;
  readonly answers: PollAnswers;
  readonly give: (outcome: Reply | PollRefusal) => void;
  /** When it is answered at the latest. */
  readonly untilMs: number;
  /** The race was stale when it came: what becomes stale meanwhile is told at once. */
  readonly wasStale: boolean;
  waitsFor: Extract<PollPlan, { kind: 'wait' }>['for'] | undefined;
  /** When it has waited for that as long as it may. */
  lateAtMs: number;
}

/** Sums since the start of the edge. */
export interface PollTally {
  /** Answers by what was in them; several requests may have got the same one. */
  readonly answers: Record<ReadyPollPlan['kind'], number>;
  readonly refused: Record<PollRefusal, number>;
  bytes: number;
}

/**
 * The long polls of one race that wait for the next tick, for this edge to come up with them, or for the stream to be
 * read. Decides and answers; time comes in as an argument.
 */
export class PollRoom {
  readonly #options: PollRoomOptions;
  readonly #waiting = new Set<Poll>();
  /** Where the pass over them stands. */
  #pass: SetIterator<Poll> | undefined;
  #isLeaving = false;
  readonly tally: PollTally = {
    answers: { deltas: 0, documents: 0, nothing: 0, snapshot: 0 },
    refused: { not_ready: 0, full: 0, going_away: 0 },
    bytes: 0,
  };

  constructor(options: PollRoomOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Answers at once, or as soon as there is something.
   * @param answers Makes them, in the form that is asked for. @param give Called once, maybe before this returns; not after {@link forget}.
   */
  ask(since: Since | undefined, answers: PollAnswers, give: Poll['give'], nowMs: number): Poll {
    const untilMs = nowMs + this.#options.limits.pollHoldMs;
    const wasStale = this.#options.standstill.stale !== undefined;
    const poll: Poll = { since, answers, give, untilMs, wasStale, waitsFor: undefined, lateAtMs: untilMs };
    if (!this.#options.known()) this.#refuse(poll, 'not_ready');
    else if (!this.#serve(poll, nowMs)) {
      if (this.#isLeaving) this.#refuse(poll, 'going_away');
      else if (!this.#options.mayWait()) this.#refuse(poll, 'full');
      else this.#waiting.add(poll);
    }
    return poll;
  }

  /** Whoever asked is gone. Safe to call twice, and of one that has its answer. */
  forget(poll: Poll): void {
    this.#waiting.delete(poll);
  }

  #refuse(poll: Poll, refusal: PollRefusal): void {
    this.forget(poll);
    this.tally.refused[refusal]++;
    poll.give(refusal);
  }

  /** @returns whether it has its answer. */
  #serve(poll: Poll, nowMs: number): boolean {
    let reply: Reply | 'not_ready' | undefined;
    try {
      reply = this.#answer(poll, nowMs);
    } catch (error) {
      // An error of ours stays with the request that met it: the others are answered, and this one may ask again.
      this.#options.report('internal', error);
      this.#refuse(poll, 'not_ready');
      return true;
    }
    if (!reply) return false;
    if (reply === 'not_ready') {
      this.#refuse(poll, reply);
      return true;
    }
    this.forget(poll);
    this.tally.bytes += reply.body.length;
    poll.give(reply);
    return true;
  }

  /** @returns `not_ready`: another edge may know more. */
  #answer(poll: Poll, nowMs: number): Reply | 'not_ready' | undefined {
    const { known, standstill } = this.#options;
    const { state, past } = known()!;
    const late = nowMs >= poll.lateAtMs && poll.waitsFor !== 'tick' ? poll.waitsFor : undefined;
    const { epoch, seq, ring } = state;
    const plan = planPoll(poll.since, {
      ...{ epoch, seq, ring, late, older: (position) => past.at(position) },
      isQuiet: standstill.isQuiet(nowMs),
      isStalled: standstill.isStalled(nowMs, state),
      isOver: !poll.answers.waits || nowMs >= poll.untilMs || (!poll.wasStale && standstill.stale !== undefined),
    });
    if (plan.kind === 'wait' && plan.for === late) return 'not_ready';
    if (plan.kind === 'wait') return this.#wait(poll, plan.for, nowMs);
    if (plan.kind !== 'deltas') return this.#make(plan, poll, state, plan.kind === 'documents' ? [plan.base] : []);
    const entries = past.from(plan.base.tick, (poll.since as Position).seq);
    if (entries === 'gone') return this.#make({ kind: 'snapshot', reason: 'too_old' }, poll, state, []);
    if (entries !== 'unread') return this.#make(plan, poll, state, entries);
    if (late === 'stream') return this.#make({ kind: 'snapshot', reason: 'unread' }, poll, state, []);
    return this.#wait(poll, 'stream', nowMs);
  }

  #make(plan: ReadyPollPlan, { since, answers }: Poll, state: RaceState, entries: readonly RingEntry[]): Reply {
    this.tally.answers[plan.kind]++;
    return answers.answer(plan, since, { state, stale: this.#options.standstill.stale }, entries);
  }

  /** Each thing that is waited for has its own time. */
  #wait(poll: Poll, what: NonNullable<Poll['waitsFor']>, nowMs: number): undefined {
    if (poll.waitsFor === what) return;
    const { aheadTimeoutMs, readTimeoutMs } = this.#options.limits;
    poll.waitsFor = what;
    poll.lateAtMs = what === 'tick' ? poll.untilMs : nowMs + (what === 'edge' ? aheadTimeoutMs : readTimeoutMs);
  }

  /** Takes what a message of the stream did. @returns whether {@link serve} must be called. */
  advance(applied: Applied): boolean {
    const isTick = applied.kind === 'tick' || applied.kind === 'begin';
    return (isTick || (applied.kind !== 'lost' && this.#isAwaited('edge'))) && this.#begin();
  }

  /** More of the stream is known. @returns as {@link advance}. */
  hasRead(): boolean {
    return this.#isAwaited('stream') && this.#begin();
  }

  /** Does what is due by the clock; to be called about once a second. @returns as {@link advance}. */
  sweep(): boolean {
    return this.#begin();
  }

  #isAwaited(what: Poll['waitsFor']): boolean {
    for (const poll of this.#waiting) if (poll.waitsFor === what) return true;
    return false;
  }

  /** Whoever was answered is out of the set: a pass that begins anew goes on where the last one was. */
  #begin(): boolean {
    this.#pass = this.#waiting.values();
    return this.#waiting.size > 0;
  }

  /** Looks at `count` of those who wait, and at those after them with the next call. @returns whether there are more. */
  serve(nowMs: number, count: number): boolean {
    this.#pass ??= this.#waiting.values();
    for (let n = 0; n < count; n++) {
      const { value: poll, done } = this.#pass.next();
      if (done) {
        this.#pass = undefined;
        return false;
      }
      this.#serve(poll, nowMs);
    }
    return true;
  }

  /** From now on nobody waits here: `count` are sent elsewhere, and those after them with the next call. @returns whether there are more. */
  dismiss(count: number): boolean {
    this.#isLeaving = true;
    let sent = 0;
    for (const poll of this.#waiting) {
      if (sent++ === count) return true;
      this.#refuse(poll, 'going_away');
    }
    return false;
  }
}
