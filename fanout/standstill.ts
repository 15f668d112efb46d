import type { Stale } from '../protocol/control.ts';
import type { Fan } from './fan.ts';
import type { EdgeLimits } from './limits.ts';

/** After so long without a tick, and two ticks at least, nothing waits for the next one any more. */
const QUIET_AFTER_MS = 1000;
/** Silent for fewer ticks than this, a race is not stale: its ticks may be longer than usual. */
const STALE_TICKS = 4;

/**
 * - `waiting`: the stream has no keyframe yet.
 * - `live`: ticks come.
 * - `lost`: a tick did not fit; the last good state stands still until the next keyframe.
 * - `stale`: no tick has come for a while.
 * - `finished`: the same, after the checkered flag: nothing is missing.
 */
export type RaceStatus = 'waiting' | 'live' | 'lost' | 'stale' | 'finished';

/** What an edge sees of a race. */
export interface Signs {
  /** Something can be served. */
  readonly hasState: boolean;
  /** What is served is that of the publisher. */
  readonly isFollowing: boolean;
  /** No tick for long. */
  readonly isSilent: boolean;
  /** NATS, or the stream in it, does not answer. */
  readonly isStreamAway: boolean;
  /** The document shows the checkered flag. */
  readonly isFinished: boolean;
}

/** What they mean; `reason` while fans are to be told that the race is stale. */
export interface Verdict {
  readonly status: RaceStatus;
  readonly reason?: Stale['reason'];
}

/** What to call what is seen. A race that is over is never stale, whoever is away: nobody misses anything. */
export function judge({ hasState, isFollowing, isSilent, isStreamAway, isFinished }: Signs): Verdict {
  if (!hasState) return { status: 'waiting' };
  const status = isFollowing ? 'stale' : 'lost';
  if (!isSilent) return { status: isFollowing ? 'live' : 'lost' };
  if (isFollowing && isFinished) return { status: 'finished' };
  if (isStreamAway) return { status, reason: 'nats_away' };
  return { status, reason: isFollowing ? 'no_ticks' : 'unreadable' };
}

/** How long a race has given no tick, and what its fans must be told of it. */
export class Standstill {
  readonly #fans: Iterable<Fan>;
  readonly #limits: EdgeLimits;
  readonly #tickMs: number;
  /** When the newest tick came here. */
  #servedAtMs = 0;
  /** When it came to the stream, as far as is known. */
  #tickAtMs = 0;
  #sweptAtMs = 0;
  #pongAtMs = 0;
  /** No tick for long, as {@link sweep} saw it last. */
  isSilent = false;
  /** What fans were told, and whoever becomes live is to be told by {@link tell}. */
  stale: Stale | undefined;

  /** @param fans Those of the race, as they come and go. */
  constructor(fans: Iterable<Fan>, limits: EdgeLimits, tickMs: number) {
    this.#fans = fans;
    this.#limits = limits;
    this.#tickMs = tickMs;
  }

  /** A tick came, or a state that was read anew. @param tickAtMs When its tick came to the stream. */
  end(nowMs: number, tickAtMs: number): void {
    this.#servedAtMs = nowMs;
    this.#tickAtMs = Math.min(nowMs, tickAtMs);
    this.isSilent = false;
    this.stale = undefined;
  }

  /** Wall clock of the newest tick, Unix ms. */
  get sinceMs(): number {
    return this.#tickAtMs;
  }

  /** Looks at the clock. @returns whether nothing may wait for a tick any more, and whether a sign of life is due. */
  sweep(nowMs: number): { readonly isQuiet: boolean; readonly isPongDue: boolean } {
    const { quietMs, staleAfterMs } = this.#limits;
    const longMs = Math.max(staleAfterMs, STALE_TICKS * this.#tickMs);
    // Of a process that stood still itself the ticks may wait in its socket: a look at the clock in the silence before
    // this one shows that it had time to take them.
    const hadTime = this.#sweptAtMs - this.#tickAtMs >= longMs / 2;
    this.isSilent = hadTime && nowMs - this.#tickAtMs >= longMs;
    this.#sweptAtMs = nowMs;
    const isPongDue = nowMs - Math.max(this.#servedAtMs, this.#pongAtMs) >= quietMs;
    if (isPongDue) this.#pongAtMs = nowMs;
    return { isQuiet: nowMs - this.#servedAtMs >= Math.max(QUIET_AFTER_MS, 2 * this.#tickMs), isPongDue };
  }

  /** Tells every live fan once that the race is stale, when it has become so. @param tick The newest one. */
  announce({ reason }: Verdict, tick: number): void {
    const wasTold = this.stale !== undefined;
    this.stale = reason && { type: 'stale', tick, sinceMs: Math.round(this.#tickAtMs), reason };
    if (this.stale && !wasTold) for (const fan of this.#fans) if (fan.stage === 'live') this.tell(fan);
  }

  /** Says it to one fan, if there is anything to say. */
  tell(fan: Fan): void {
    if (this.stale) fan.say(this.stale);
  }
}
