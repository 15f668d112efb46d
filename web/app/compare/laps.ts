/** Where a car was, tick by tick. */
export interface Drive {
  /** Race time of each row, Unix ms, ascending. */
  readonly atMs: readonly number[];
  /** Share of the lap in each row, 0 to 1, which begins again at the line; `null` where it is not known. */
  readonly share: readonly (number | null)[];
  /** Between rows that are further apart nothing is known. */
  readonly holeMs: number;
}

/** One turn of a car from line to line. */
export interface Lap {
  /** Race time at which it began and ended, Unix ms, to a fraction: between two ticks. */
  readonly startMs: number;
  readonly endMs: number;
  /** How long it took. */
  readonly timeS: number;
  /** What is known of it, by ticks: the last one before it, those in it, and the first one behind it. */
  readonly track: readonly TrackPoint[];
  readonly holeMs: number;
}

/** A tick of a lap. */
export interface TrackPoint {
  /** Row in the series. */
  readonly row: number;
  readonly atMs: number;
  /** Share of the lap: below 0 before it, above 1 behind it; never less than in the tick before. */
  readonly share: number;
}

/** A car that stands may be measured somewhat further back. */
const NOISE = 0.005;
/** A car that has gone further than this from one tick to the next was put there. */
const MOST_STEP = 0.25;
/** A lap of which less is known is none. */
const LEAST_KNOWN = 0.8;

/**
 * Finds the full laps: from line to line, without a jump, and with at least 80 % of the way known. A lap in which the car
 * was put elsewhere, or in which it drove backwards, is none.
 */
export function splitLaps({ atMs, share, holeMs }: Drive): Lap[] {
  const laps: Lap[] = [];
  /** Since the last crossing of the line; empty while none was seen. */
  let track: TrackPoint[] = [];
  let startMs = 0;
  let last: TrackPoint | undefined;
  for (const [row, now] of share.entries()) {
    const at = atMs[row]!;
    if (now === null) continue;
    const moved = last === undefined ? Number.NaN : now - last.share;
    const isCrossing = moved < -0.5;
    const step = isCrossing ? moved + 1 : moved;
    // Also where the step is not a number: nothing was before.
    if (!(step >= -NOISE && step <= MOST_STEP)) {
      track = [];
      last = { row, atMs: at, share: now };
      continue;
    }
    const before = last!;
    const point = { row, atMs: at, share: Math.max(now, isCrossing ? 0 : before.share) };
    if (isCrossing && at - before.atMs <= holeMs) {
      const way = point.share + 1 - before.share;
      const lineMs = way > 0 ? before.atMs + ((1 - before.share) / way) * (at - before.atMs) : at;
      const lap = lapOf([...track, { ...point, share: point.share + 1 }], startMs, lineMs, holeMs);
      if (track.length > 0 && lap) laps.push(lap);
      track = [{ ...before, share: before.share - 1 }, point];
      startMs = lineMs;
    } else if (isCrossing) track = [];
    else if (track.length > 0) track.push(point);
    last = point;
  }
  return laps;
}

/** The way between two ticks is not known where these are too far apart. */
const isHole = (a: TrackPoint, b: TrackPoint, holeMs: number): boolean => b.atMs - a.atMs > holeMs;

function lapOf(track: readonly TrackPoint[], startMs: number, endMs: number, holeMs: number): Lap | undefined {
  let unknown = 0;
  for (let n = 1; n < track.length; n++) {
    if (isHole(track[n - 1]!, track[n]!, holeMs)) unknown += track[n]!.share - track[n - 1]!.share;
  }
  const lap = { startMs, endMs, timeS: (endMs - startMs) / 1000, track, holeMs };
  return 1 - unknown >= LEAST_KNOWN && endMs > startMs ? lap : undefined;
}

/** The same lap as official timing has it: its ticks come within some milliseconds, what a transponder says is exact. */
export function withTime(lap: Lap, timeS: number): Lap {
  const stretch = timeS / lap.timeS;
  const place = (atMs: number) => lap.startMs + (atMs - lap.startMs) * stretch;
  const track = lap.track.map((point) => ({ ...point, atMs: place(point.atMs) }));
  return { ...lap, timeS, endMs: place(lap.endMs), track, holeMs: lap.holeMs * stretch };
}

/** What something was at a share of a lap: linear between two ticks; `null` in holes, and outside of what is known. */
function readAt(lap: Lap, share: number, read: (point: TrackPoint) => number | null): number | null {
  const { track, holeMs } = lap;
  let low = 0;
  let high = track.length - 1;
  if (share < track[low]!.share || share > track[high]!.share) return null;
  // The last tick that is not further than that, but never the last of all.
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (track[middle]!.share <= share) low = middle;
    else high = middle;
  }
  const [a, b] = [track[low]!, track[high]!];
  const [from, to] = [read(a), read(b)];
  if (from === null || to === null || isHole(a, b, holeMs)) return null;
  const way = b.share - a.share;
  return way > 0 ? from + ((share - a.share) / way) * (to - from) : to;
}

/** Seconds from the line to a share of the lap, 0 to 1; `null` where it is not known. */
export function timeAt(lap: Lap, share: number): number | null {
  const at = readAt(lap, share, ({ atMs }) => atMs);
  return at === null ? null : (at - lap.startMs) / 1000;
}

/** A channel at a share of the lap, 0 to 1. @param column By row of the series in which the lap was found. */
export const valueAt = (lap: Lap, column: readonly (number | null)[], share: number): number | null =>
  readAt(lap, share, ({ row }) => column[row] ?? null);

/** Shares of a lap from line to line, in so many equal steps. */
export const sharesOf = (steps: number): number[] => Array.from({ length: steps + 1 }, (_, n) => n / steps);

/** Seconds that `a` is ahead of `b` at a share of the lap, when both crossed the line together; `null` where one is not known. */
export function timeGained(a: Lap, b: Lap, share: number): number | null {
  const [own, other] = [timeAt(a, share), timeAt(b, share)];
  return own === null || other === null ? null : other - own;
}
