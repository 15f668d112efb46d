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
/** So much faster than before and after no car is in a tick. */
const MOST_SPEED_UP = 1.6;
/** What is shorter than this against the step beside it is too short. */
const SHORT = 0.4;
/** What is less does not matter, and is more likely a value that came late. */
const LEAST_JUMP = 0.02;
/** So many ticks in a row may have an old value. */
const MOST_LATE = 4;
/** A lap of which less is known is none. */
const LEAST_KNOWN = 0.8;

/** From one tick at which a place is known to the next one. */
interface Step {
  readonly from: TrackPoint;
  readonly to: TrackPoint;
  /** In shares of the lap, the line or not. */
  readonly way: number;
  readonly isOverLine: boolean;
  /** Shares of the lap in a millisecond. */
  readonly speed: number;
}

function stepsOf({ atMs, share }: Drive): Step[] {
  const known = share.flatMap((at, row) => (at === null ? [] : [{ row, atMs: atMs[row]!, share: at }]));
  return known.slice(1).map((to, n) => {
    const from = known[n]!;
    const moved = to.share - from.share;
    const isOverLine = moved < -0.5;
    const way = isOverLine ? moved + 1 : moved;
    return { from, to, way, isOverLine, speed: way / Math.max(1, to.atMs - from.atMs) };
  });
}

/** Whether a car did not drive this step: it went back, or much further than it could at the speed before and after. */
function isJump(steps: readonly Step[], n: number): boolean {
  const { way, speed } = steps[n]!;
  if (way < -NOISE || way > MOST_STEP) return true;
  // Where a value came late, or early, the steps beside it are as much too short.
  const isShort = (step: Step | undefined) => step !== undefined && step.speed < SHORT * speed;
  let [first, last] = [n, n];
  while (n - first < MOST_LATE && isShort(steps[first - 1])) first--;
  while (last - n < MOST_LATE && isShort(steps[last + 1])) last++;
  const [before, after] = [steps[first - 1], steps[last + 1]];
  if (!before || !after) return false;
  const usual = Math.max(before.speed, after.speed);
  const ways = steps.slice(first, last + 1).reduce((sum, step) => sum + step.way, 0);
  const surplus = ways - usual * (steps[last]!.to.atMs - steps[first]!.from.atMs);
  return speed > MOST_SPEED_UP * usual && surplus > LEAST_JUMP;
}

/**
 * Finds the full laps: from line to line, without a jump, and with at least 80 % of the way known. A lap in which the car
 * was put elsewhere, or in which it drove backwards, is none.
 */
export function splitLaps(drive: Drive): Lap[] {
  const { holeMs } = drive;
  const laps: Lap[] = [];
  /** Since the last crossing of the line; empty while none was seen. */
  let track: TrackPoint[] = [];
  let startMs = 0;
  const steps = stepsOf(drive);
  for (const [n, step] of steps.entries()) {
    const { from, to, way, isOverLine } = step;
    if (isJump(steps, n) || (isOverLine && isHole(from, to, holeMs))) {
      track = [];
    } else if (isOverLine) {
      const lineMs = way > 0 ? from.atMs + ((1 - from.share) / way) * (to.atMs - from.atMs) : to.atMs;
      const lap = track.length > 0 && lapOf([...track, { ...to, share: to.share + 1 }], startMs, lineMs, holeMs);
      if (lap) laps.push(lap);
      track = [{ ...from, share: from.share - 1 }, to];
      startMs = lineMs;
    } else if (track.length > 0) track.push({ ...to, share: Math.max(to.share, track.at(-1)!.share) });
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
