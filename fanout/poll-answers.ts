import { createHash } from 'node:crypto';
import type { Since, Stale } from '../protocol/control.ts';
import { encodePollAnswer, type PollHead, type StreamRecord } from '../protocol/poll-answer.ts';
import { formatPosition, type Position } from '../protocol/position.ts';
import { encodeKeyframe } from '../protocol/tick-message.ts';
import type { PollPlan } from './poll-plan.ts';
import type { RaceState } from './race-state.ts';
import type { Reply } from './reply.ts';
import { ReplyCache } from './reply-cache.ts';
import type { RingEntry } from './ring.ts';

/** An answer ends with the last tick of a minute, so that there is one after which it can never become longer. */
const BLOCK_TICKS = 120;
/** An answer with more than one tick has no more bytes than this. */
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

/** What a run of ticks gives whoever is at its beginning. */
interface Stretch {
  readonly records: readonly StreamRecord[];
  readonly ticks: number;
  /** It ends here, however many ticks follow. */
  readonly isClosed: boolean;
}

/** @param entries In order; the first is the base. @param afterSeq What is not above it has been read. */
export function stretchOf(entries: readonly RingEntry[], afterSeq: number): Stretch {
  const records: StreamRecord[] = [];
  let ticks = 0;
  let bytes = 0;
  for (const [place, entry] of entries.entries()) {
    if (place === 0) continue;
    const { seq, message } = entry;
    const next = [...docsAfter(entries[place - 1]!, afterSeq), { seq, message }];
    for (const { message } of next) bytes += message.length;
    if (ticks > 0 && bytes > MAX_BYTES) return { records, ticks, isClosed: true };
    records.push(...next);
    ticks++;
    if ((entry.tick + 1) % BLOCK_TICKS === 0) return { records, ticks, isClosed: true };
  }
  return { records, ticks, isClosed: false };
}

const docsAfter = ({ docs }: RingEntry, afterSeq: number): readonly StreamRecord[] =>
  docs.filter(({ seq }) => seq > afterSeq).map(({ seq, message }) => ({ seq, message }));

/** Makes the answers to long polls, each once for all who ask the same at the same tick. */
export class PollAnswers {
  readonly #race: string;
  readonly #tickMs: number;
  readonly #replies = new ReplyCache();
  /** How many were made, and not shared. */
  made = 0;

  constructor(race: string, tickMs: number) {
    this.#race = race;
    this.#tickMs = tickMs;
  }

  /** @param entries For `deltas`: from the base on, in order, at least one more. */
  answer(plan: ReadyPollPlan, since: Since | undefined, now: Now, entries: readonly RingEntry[]): Reply {
    const at = plan.kind === 'snapshot' ? plan.reason : formatPosition(since as Position);
    const { state, stale } = now;
    return this.#replies.get(`${state.epoch}:${state.seq}:${stale?.reason}`, `${plan.kind} ${at}`, () => {
      this.made++;
      if (plan.kind === 'snapshot') return this.#snapshot(now, plan.reason);
      return this.#deltas(plan.kind, since as Position, now, entries);
    });
  }

  #deltas(
    kind: Exclude<ReadyPollPlan['kind'], 'snapshot'>,
    since: Position,
    now: Now,
    entries: readonly RingEntry[],
  ): Reply {
    const isTicks = kind === 'deltas';
    const { records, ticks, isClosed } = isTicks
      ? stretchOf(entries, since.seq)
      : { records: kind === 'documents' ? docsAfter(entries[0]!, since.seq) : [], ticks: 0, isClosed: false };
    const { epoch } = now.state;
    const to = { epoch, seq: records.at(-1)?.seq ?? since.seq };
    const head = {
      ...this.#head(isTicks ? { state: now.state } : now, to),
      kind: 'deltas',
      from: formatPosition(since),
      ticks,
    } as const;
    return reply(encodePollAnswer(head, records), isClosed ? 'closed' : isTicks ? 'open' : 'moment');
  }

  /** The newest state as a keyframe would have it. */
  #snapshot(now: Now, reason: PollHead['reason']): Reply {
    const { state } = now;
    const { epoch, seq, catalogue, packedDocument, docRevision } = state;
    const { tick, closeAtMs, field } = state.head!;
    const at = { tick, closeAtMs, epoch, catalogueTag: catalogue.tag };
    const message = encodeKeyframe(at, catalogue, field, packedDocument, docRevision);
    const head = { ...this.#head(now, { epoch, seq }), kind: 'snapshot', reason, ticks: 0 } as const;
    return reply(encodePollAnswer(head, [{ seq, message }]), 'moment');
  }

  #head({ state: { epoch, catalogue }, stale }: Now, to: Position) {
    const { type: _, ...notice } = stale ?? {};
    return {
      ...{ race: this.#race, epoch, catalogue: catalogue.hash, tickMs: this.#tickMs, to: formatPosition(to) },
      ...(stale && { stale: notice as Omit<Stale, 'type'> }),
    };
  }
}

function reply(body: Uint8Array, age: keyof typeof MAX_AGE_S): Reply {
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Cache-Control': `public, max-age=${MAX_AGE_S[age]}${age === 'closed' ? ', immutable' : ''}`,
    ETag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
  };
  return { status: 200, headers, body };
}
