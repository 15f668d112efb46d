import type { IbtFile } from './ibt-file.ts';

/** Rows of one lap, end exclusive. */
export interface LapRows {
  readonly start: number;
  readonly end: number;
}

/** At 400 km/h on a track of 500 m, a row at 60 Hz is 0.4 % of a lap. */
const MAX_STEP = 0.02;
const MAX_GAP_S = 1;
const MIN_LAP_S = 5;

/**
 * The rows that hold a moment of the car, in order of time. Left out: row 0 (which the simulator leaves half empty),
 * the empty rows of a reset, and rows that come a second time.
 */
export function findGoodRows(file: IbtFile): Uint32Array {
  const time = file.column('SessionTime');
  const lap = file.column('Lap');
  const share = file.column('LapDistPct');
  const good: number[] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (let row = 1; row < file.rowCount; row++) {
    const isEmpty = lap?.[row] === 0 && share?.[row] === 0;
    if (isEmpty || !(time![row]! > latest)) continue;
    latest = time![row]!;
    good.push(row);
  }
  return Uint32Array.from(good);
}

/**
 * The longest series of clean laps that follow each other: from line to line, on track, not through the pits, without
 * a jump. What is recorded between them is continuous, and the end of the last meets the start of the first.
 */
export function findCleanLaps(file: IbtFile): LapRows[] {
  const lap = file.column('Lap');
  const share = file.column('LapDistPct');
  const time = file.column('SessionTime');
  if (!lap || !share || !time) return [];
  const onTrack = file.column('IsOnTrack');
  const onPitRoad = file.column('OnPitRoad');
  const isDriving = (row: number) => onTrack?.[row] !== 0 && onPitRoad?.[row] !== 1;

  const laps: LapRows[] = [];
  /** Where the lap began, while it is clean. */
  let start: number | undefined;
  for (let row = 1; row < file.rowCount; row++) {
    const step = share[row]! - share[row - 1]!;
    const gap = time[row]! - time[row - 1]!;
    const isContinuous = gap >= 0 && gap < MAX_GAP_S && isDriving(row);
    const isNextLap = lap[row] === lap[row - 1]! + 1 && share[row - 1]! > 0.9 && share[row]! < 0.1;
    if (isNextLap && isContinuous) {
      if (start !== undefined && time[row]! - time[start]! > MIN_LAP_S) laps.push({ start, end: row });
      start = row;
    } else if (!isContinuous || lap[row] !== lap[row - 1] || !(Math.abs(step) < MAX_STEP)) {
      start = undefined;
    }
  }
  return longestSeries(laps);
}

function longestSeries(laps: readonly LapRows[]): LapRows[] {
  let best: LapRows[] = [];
  let series: LapRows[] = [];
  for (const lap of laps) {
    series = series.at(-1)?.end === lap.start ? [...series, lap] : [lap];
    if (series.length > best.length) best = series;
  }
  return best;
}
