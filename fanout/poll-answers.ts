import { createHash } from 'node:crypto';
import type { Since, Stale } from '../protocol/control.ts';
import type { PollHead } from '../protocol/poll-answer.ts';
import { formatPosition, type Position } from '../protocol/position.ts';
import type { PollForm } from './poll-forms.ts';
import type { PollPlan } from './poll-plan.ts';
import type { RaceState } from './race-state.ts';
import type { Reply } from './reply.ts';
import { ReplyCache } from './reply-cache.ts';
import type { RingEntry } from './ring.ts';

/** An answer with more than one tick has no more bytes than this, as the stream has them. */
const MAX_BYTES = 1024 * 1024;

/**
 * How long a cache may give an answer to others, in seconds.
 *
 * Every answer is the beginning of what follows its position, so one from a cache is never wrong: at worst it is shorter
 * than it could be, and the reader asks on from where it ends.
 * - `closed`: it ends where every answer to this position ends. It stays as it is for as long as anybody replays.
 * - `open`: it would be longer now. Whoever comes to it late is as many requests behind as there are ticks in this time.
 * - `moment`: a snapshot, or that nothing has come. For as long as a crowd that asks at once needs to be one request; one
 *   second is the shortest that caches know.
 */
const MAX_AGE_S = { closed: 3600, open: 10, moment: 1 } as const;

/** The race as it stands at the edge; `stale` while no tick comes. */
interface Now {
  readonly state: RaceState;
  readonly stale?: Stale | undefined;
}

/** A plan that is an answer. */
export type ReadyPollPlan = Exclude<PollPlan, { readonly kind: 'wait' }>;

/**
 * How many ticks of a run one answer has.
 *
 * @param entries In order; the first is the base. @param blockTicks An answer ends with the last tick of so many, so that
 *   there is an end after which it can never become longer.
 * @returns `isClosed` when it ends there, however many ticks follow.
 */
export function ticksInAnswer(
  entries: readonly RingEntry[],
  blockTicks: number,
): { readonly ticks: number; readonly isClosed: boolean } {
  let bytes = 0;
  for (let place = 1; place < entries.length; place++) {
    const { tick, message } = entries[place]!;
    bytes += message.length;
    for (const { message } of entries[place - 1]!.docs) bytes += message.length;
    if (place > 1 && bytes > MAX_BYTES) return { ticks: place - 1, isClosed: true };
    if ((tick + 1) % blockTicks === 0) return { ticks: place, isClosed: true };
  }
  return { ticks: entries.length - 1, isClosed: false };
}

/** Makes the answers to long polls in one form, each once for all who ask the same at the same tick. */
export class PollAnswers {
  readonly #race: string;
  readonly #tickMs: number;
  readonly #form: PollForm;
  readonly #replies = new ReplyCache();
  /** How many were made, and not shared. */
  made = 0;

  constructor(race: string, tickMs: number, form: PollForm) {
    this.#race = race;
    this.#tickMs = tickMs;
    this.#form = form;
  }

  /** Whether whoever has everything waits for the next tick. */
  get waits(): boolean {
    return this.#form.waits;
  }

  /** @param entries For `deltas`: from the base on, in order, at least one more. */
  answer(plan: ReadyPollPlan, since: Since | undefined, now: Now, entries: readonly RingEntry[]): Reply {
    const at = plan.kind === 'snapshot' ? plan.reason : formatPosition(since as Position);
    const { state, stale } = now;
    return this.#replies.get(`${state.epoch}:${state.seq}:${stale?.reason}`, `${plan.kind} ${at}`, () => {
      this.made++;
      if (plan.kind === 'snapshot') return this.#snapshot(now, plan.reason);
      if (plan.kind === 'deltas') return this.#deltas(since as Position, state, entries);
      const docSeq = plan.kind === 'documents' ? plan.base.docs.at(-1)!.seq : undefined;
      return this.#standing(since as Position, now, docSeq);
    });
  }

  #deltas(since: Position, state: RaceState, entries: readonly RingEntry[]): Reply {
    const { ticks, isClosed } = ticksInAnswer(entries, this.#form.blockTicks);
    const run = entries.slice(0, ticks + 1);
    const to = { epoch: state.epoch, seq: run.at(-1)!.seq };
    // Stale or not, it is the same answer: it has ticks.
    const head = { ...this.#head({ state }, to), kind: 'deltas', from: formatPosition(since), ticks } as const;
    return this.#reply(this.#form.deltas(head, state, run, since.seq, to.seq), isClosed ? 'closed' : 'open');
  }

  /** What there is to say while no tick comes. @param docSeq Up to here the document has changed. */
  #standing(since: Position, now: Now, docSeq = since.seq): Reply {
    const { state } = now;
    const to = { epoch: state.epoch, seq: docSeq };
    const head = { ...this.#head(now, to), kind: 'deltas', from: formatPosition(since), ticks: 0 } as const;
    return this.#reply(this.#form.deltas(head, state, [state.head!], since.seq, docSeq), 'moment');
  }

  #snapshot(now: Now, reason: PollHead['reason']): Reply {
    const head = { ...this.#head(now, now.state), kind: 'snapshot', reason, ticks: 0 } as const;
    return this.#reply(this.#form.snapshot(head, now.state), 'moment');
  }

  #head({ state: { epoch, catalogue }, stale }: Now, to: Position) {
    const { type: _, ...notice } = stale ?? {};
    return {
      ...{ race: this.#race, epoch, catalogue: catalogue.hash, tickMs: this.#tickMs, to: formatPosition(to) },
      ...(stale && { stale: notice as Omit<Stale, 'type'> }),
    };
  }

  #reply(body: Uint8Array, age: keyof typeof MAX_AGE_S): Reply {
    const headers = {
      'Content-Type': this.#form.contentType,
      'Cache-Control': `public, max-age=${MAX_AGE_S[age]}${age === 'closed' ? ', immutable' : ''}`,
      ETag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    };
    return { status: 200, headers, body };
  }
}
