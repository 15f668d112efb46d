import type { RaceDocument } from '../../client/mod.ts';

/** A car beside another one in the order of the race. */
export interface Neighbour {
  readonly car: string;
  /** Seconds between the two at the line; `null` where they are not in the same lap, or it is not known. */
  readonly gapS: number | null;
  /** Laps between the two. */
  readonly laps: number;
}

/** Who is ahead of a car and who behind it. */
export interface Gaps {
  readonly ahead: Neighbour | undefined;
  readonly behind: Neighbour | undefined;
}

/** Reads the gaps out of the order of the race, as they were when the cars crossed the line. */
export function gapsOf({ standings }: Pick<RaceDocument, 'standings'>, car: string): Gaps {
  const order = Object.entries(standings).sort(([, a], [, b]) => a.position - b.position);
  const place = order.findIndex(([id]) => id === car);
  const between = (first: number, second: number, of: number): Neighbour | undefined => {
    const [a, b] = [order[first]?.[1], order[second]?.[1]];
    if (place < 0 || !a || !b) return undefined;
    const laps = b.lapsDown - a.lapsDown;
    const gapS = laps === 0 && a.gapS !== null && b.gapS !== null ? Math.max(0, b.gapS - a.gapS) : null;
    return { car: order[of]![0], gapS, laps };
  };
  return { ahead: between(place - 1, place, place - 1), behind: between(place, place + 1, place + 1) };
}
