import { LeakyBucket } from './leaky-bucket.ts';
import { type EdgeLimits, reconnectWindowMs } from './limits.ts';

/** Why a handshake was answered with no WebSocket, or a request with no stream. */
export type Refusal = 'going_away' | 'full' | 'rate' | 'origin';

/** What is known of a handshake and of the edge at that moment. */
export interface Knock {
  readonly isStopping: boolean;
  /** Connections of fans that are open. */
  readonly fans: number;
  readonly maxFans: number;
  /** Whether the limit of handshakes per second leaves room for one more. */
  readonly hasTurn: boolean;
  /** Asked last and only when all else allows it: it reads a header. */
  readonly isOriginAllowed: () => boolean;
}

/** Decides on one handshake; the first reason counts. */
export function admit({ isStopping, fans, maxFans, hasTurn, isOriginAllowed }: Knock): Refusal | undefined {
  if (isStopping) return 'going_away';
  if (fans >= maxFans) return 'full';
  if (!hasTurn) return 'rate';
  return isOriginAllowed() ? undefined : 'origin';
}

/** After a refusal for want of room the edge is called crowded for so long. */
const CROWDED_MS = 2000;

/**
 * When a refused client may come back, for the header `Retry-After`.
 *
 * @param random Uniform in [0, 1): those refused in one burst are told different seconds, or they would come back as one.
 * @returns Whole seconds from 1 to one more than the window.
 */
export const retryAfterS = (windowMs: number, random: number): number => 1 + Math.floor(random * (1 + windowMs / 1000));

/** Keeps count of fans and handshakes, and refuses before any work is done for a handshake. */
export class Admission {
  readonly limits: EdgeLimits;
  readonly #handshakes: LeakyBucket;
  /** Those who were refused and will be back: they leave it as fast as they could be let in. */
  readonly #waiting: LeakyBucket;
  readonly refused: Record<Refusal, number> = { going_away: 0, full: 0, rate: 0, origin: 0 };
  isStopping = false;
  #crowdedAtMs = Number.NEGATIVE_INFINITY;
  /** WebSockets and streams that are open, also those that have not said what they want. */
  fans = 0;

  constructor(limits: EdgeLimits) {
    this.limits = limits;
    this.#handshakes = new LeakyBucket(limits.maxHandshakes);
    this.#waiting = new LeakyBucket(limits.maxHandshakes);
  }

  /** @returns why this handshake is refused; `undefined` lets it in, and takes its turn. */
  knock(nowMs: number, isOriginAllowed: () => boolean): Refusal | undefined {
    const { maxFans, maxHandshakes } = this.limits;
    const hasTurn = this.#handshakes.levelAt(nowMs) + 1 <= maxHandshakes;
    const refusal = admit({ isStopping: this.isStopping, fans: this.fans, maxFans, hasTurn, isOriginAllowed });
    if (!refusal) this.#handshakes.pour(nowMs);
    else {
      this.refused[refusal]++;
      if (refusal === 'full' || refusal === 'rate') this.#crowdedAtMs = nowMs;
      this.#waiting.pour(nowMs);
    }
    return refusal;
  }

  /**
   * Why a handshake would be refused now, or may have been a moment ago: a browser is not told why its own failed, and must
   * not take a crowd for a proxy that lets no WebSocket through. Takes no turn and counts nothing.
   */
  outlook(nowMs: number): Refusal | undefined {
    if (this.isStopping) return 'going_away';
    if (this.fans >= this.limits.maxFans) return 'full';
    return nowMs - this.#crowdedAtMs < CROWDED_MS ? 'rate' : undefined;
  }

  /** The window grows with the crowd: the fans that are here and those that were refused a moment ago. */
  retryAfterS(nowMs: number, random: number): number {
    return retryAfterS(reconnectWindowMs(this.fans + this.#waiting.levelAt(nowMs), this.limits), random);
  }
}
