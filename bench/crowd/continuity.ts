/** What a tick frame was for a fan that held a tick. */
export interface Continuity {
  /** Ticks between what the fan held and what the frame builds on, or what a snapshot came with. */
  readonly lost: number;
  /** Ticks in it that the fan had already; of a snapshot, those that will come again behind it. */
  readonly doubled: number;
}

/**
 * Compares a tick frame with the tick that the fan held, in the same epoch.
 * @param span Ticks that the frame covers: it builds on tick − span. 0 for a snapshot, which builds on nothing.
 */
export function continueFrom(held: number, tick: number, span: number, isSnapshot: boolean): Continuity {
  if (isSnapshot) return { lost: Math.max(0, tick - held - 1), doubled: Math.max(0, held - tick) };
  const base = tick - span;
  return { lost: Math.max(0, base - held), doubled: Math.max(0, Math.min(held, tick) - base) };
}
