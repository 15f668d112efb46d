/** How far one who plays the past has come, as far as it decides whether that is the race itself. */
export interface Chase {
  readonly mode: 'live' | 'delayed' | 'past';
  readonly isPaused: boolean;
  readonly speed: number;
  /** What is shown and what is live are of one life of the race. */
  readonly isSameEpoch: boolean;
  /** Ticks between what is shown and what is live. */
  readonly missingTicks: number;
  /** TV delay. */
  readonly delayMs: number;
  /** Race time between what is shown and the newest that may be shown with that delay. */
  readonly behindMs: number;
  readonly tickMs: number;
}

/**
 * What to become: whoever has come as near to the race as one can, and does not stand or go slower than it, is live from now on, or
 * at the delay. Without a delay no tick may lie between: then nothing is skipped and nothing is shown twice.
 */
export function joinOf(chase: Chase): 'live' | 'delayed' | undefined {
  const { mode, isPaused, speed, isSameEpoch, missingTicks, delayMs, behindMs, tickMs } = chase;
  if (mode !== 'past' || isPaused || speed < 1 || !isSameEpoch) return undefined;
  if (delayMs > 0) return behindMs <= tickMs ? 'delayed' : undefined;
  return missingTicks === 0 || missingTicks === 1 ? 'live' : undefined;
}
