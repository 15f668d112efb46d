import type { Stale } from '../protocol/control.ts';
import type { RaceDocument } from '../protocol/document.ts';
import type { Fan } from './fan.ts';
import type { EdgeLimits } from './limits.ts';
import type { RaceState } from './race-state.ts';

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
  /** The document shows the checkered flag, or it is known that no tick will come any more. */
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

const hasCheckeredFlag = (state: RaceState | undefined): boolean =>
  (state?.document as Partial<RaceDocument> | undefined)?.flag === 'checkered';

interface StandstillOptions {
  readonly limits: EdgeLimits;
  readonly tickMs: number;
  /** Whether NATS, or the stream in it, does not answer. */
  readonly isStreamAway: () => boolean;
  /** No tick will come any more, and none is missing. @defaultValue false */
  readonly isOver?: boolean;
}

/** How long a race has given no tick, and what its fans must be told of it. */
export class Standstill {
  readonly #fans: Iterable<Fan>;
  readonly #options: StandstillOptions;
  /** When the newest tick came here. */
  #servedAtMs = 0;
  /** When it came to the stream, as far as is known. */
  #tickAtMs = 0;
  #sweptAtMs = 0;
  #pongAtMs = 0;
  /** No tick for long, as {@link sweep} saw it last. */
  #isSilent = false;
  /** What fans were told, and whoever becomes live is to be told by {@link tell}. */
  #stale: Stale | undefined;

  /** @param fans Those of the race, as they come and go. */
  constructor(fans: Iterable<Fan>, options: StandstillOptions) {
    this.#fans = fans;
    this.#options = options;
  }

  /** A tick came, or a state that was read anew. @param tickAtMs When its tick came to the stream. */
  end(nowMs: number, tickAtMs: number): void {
    this.#servedAtMs = nowMs;
    this.#tickAtMs = Math.min(nowMs, tickAtMs);
    this.#isSilent = false;
    this.#stale = undefined;
  }

  /** What is to be said of the race; `state` as it is served. */
  judge(state: RaceState | undefined): Verdict {
    return judge({
      hasState: state !== undefined,
      isFollowing: state?.status === 'following',
      isSilent: this.#isSilent || this.#options.isOver === true,
      isStreamAway: this.#options.isStreamAway(),
      isFinished: this.#isFinished(state),
    });
  }

  /** Wall clock of the newest tick, Unix ms. */
  get sinceMs(): number {
    return this.#tickAtMs;
  }

  /**
   * Looks at the clock, and tells every live fan once when the race has become stale.
   * @returns whether nothing may wait for a tick any more, and whether a sign of life is due.
   */
  sweep(nowMs: number, state: RaceState | undefined): { readonly isQuiet: boolean; readonly isPongDue: boolean } {
    const { tickMs } = this.#options;
    const { quietMs, staleAfterMs } = this.#options.limits;
    const longMs = Math.max(staleAfterMs, STALE_TICKS * tickMs);
    // Of a process that stood still itself the ticks may wait in its socket: a look at the clock in the silence before
    // this one shows that it had time to take them.
    const hadTime = this.#sweptAtMs - this.#tickAtMs >= longMs / 2;
    this.#isSilent = hadTime && nowMs - this.#tickAtMs >= longMs;
    this.#sweptAtMs = nowMs;
    this.#announce(this.judge(state), state?.head?.tick ?? 0);
    const isPongDue = nowMs - Math.max(this.#servedAtMs, this.#pongAtMs) >= quietMs;
    if (isPongDue) this.#pongAtMs = nowMs;
    return { isQuiet: this.isQuiet(nowMs), isPongDue };
  }

  #announce({ reason }: Verdict, tick: number): void {
    const wasTold = this.#stale !== undefined;
    this.#stale = reason && { type: 'stale', tick, sinceMs: Math.round(this.#tickAtMs), reason };
    if (this.#stale && !wasTold) for (const fan of this.#fans) if (fan.stage === 'live') this.tell(fan);
  }

  /** Nothing may wait for a tick any more. */
  isQuiet(nowMs: number): boolean {
    return nowMs - this.#servedAtMs >= Math.max(QUIET_AFTER_MS, 2 * this.#options.tickMs);
  }

  /** No tick comes, and the race is not over: what is known here may be old. */
  isStalled(nowMs: number, state: RaceState): boolean {
    return this.isQuiet(nowMs) && !this.#isFinished(state);
  }

  #isFinished(state: RaceState | undefined): boolean {
    return this.#options.isOver === true || hasCheckeredFlag(state);
  }

  /** What whoever asks is to be told. */
  get stale(): Stale | undefined {
    return this.#stale;
  }

  /** Says it to one fan, if there is anything to say. */
  tell(fan: Fan): void {
    if (this.#stale) fan.say(this.#stale);
  }
}
