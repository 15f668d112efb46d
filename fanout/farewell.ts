import type { Fan } from './fan.ts';
import { type EdgeLimits, reconnectWindowMs } from './limits.ts';

/** When the fans of an edge that leaves are to come back elsewhere. */
export interface Departure {
  /** Wall clock, Unix ms. */
  readonly beganAtMs: number;
  /** Before this is over nobody leaves: a load balancer must first see that the edge is not ready any more. */
  readonly leadMs: number;
  /** Over this their moments are spread. */
  readonly windowMs: number;
}

/** Fans leave as they come back after a loss, in a window that grows with their number, but at most `maxWindowMs`. */
export const planDeparture = (
  fans: number,
  limits: EdgeLimits,
  { leadMs, maxWindowMs }: { readonly leadMs: number; readonly maxWindowMs: number },
  nowMs: number,
): Departure => ({ beganAtMs: nowMs, leadMs, windowMs: Math.min(maxWindowMs, reconnectWindowMs(fans, limits)) });

/**
 * The moment at which one fan leaves.
 * @param random Uniform in [0, 1).
 * @returns whole ms from now, uniform over what is left of the window; 0 when it is over.
 */
export function slotMs({ beganAtMs, leadMs, windowMs }: Departure, nowMs: number, random: number): number {
  const passedMs = nowMs - beganAtMs;
  const fromMs = Math.max(0, leadMs - passedMs);
  const toMs = Math.max(0, leadMs + windowMs - passedMs);
  return Math.round(fromMs + random * (toMs - fromMs));
}

/** Tells every fan of a race once when to leave; until then each gets what it always got. */
export class Farewell {
  readonly #departure: Departure;
  readonly #random: () => number;
  readonly #untold: Fan[];

  /** @param fans Those that are live; whoever becomes live later is to be told by {@link bye}. */
  constructor(fans: Iterable<Fan>, departure: Departure, random: () => number) {
    this.#departure = departure;
    this.#random = random;
    this.#untold = Array.from(fans).filter(({ stage }) => stage === 'live');
  }

  /** Tells `count` fans, and those after them with the next call. @returns whether there are more. */
  tell(nowMs: number, count: number): boolean {
    for (const fan of this.#untold.splice(-count)) if (fan.stage === 'live') this.bye(fan, nowMs);
    return this.#untold.length > 0;
  }

  bye(fan: Fan, nowMs: number): void {
    const reconnectInMs = slotMs(this.#departure, nowMs, this.#random());
    fan.say({ type: 'bye', reason: 'going_away', reconnectInMs });
  }
}
