/** A value at a time. */
export interface Point {
  readonly atMin: number;
  readonly value: number;
}

/** Change in a minute, by least squares; NaN of points that are all at one time. */
export function slopePerMin(points: readonly Point[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const atMin = mean(points.map((point) => point.atMin));
  const value = mean(points.map((point) => point.value));
  let together = 0;
  let alone = 0;
  for (const point of points) {
    together += (point.atMin - atMin) * (point.value - value);
    alone += (point.atMin - atMin) ** 2;
  }
  return together / alone;
}

/** So much more is no growth: a list that has a few rows more than a minute ago will have fewer again. */
const SOME = 1.02;

/**
 * Whether counts go up and do not come down again: the least of the second half is well above the greatest of the first. What
 * goes up and down with what is on show, such as rows of a list, does not grow.
 */
export function hasGrown(counts: readonly number[]): boolean {
  const half = counts.length >> 1;
  return half > 0 && Math.min(...counts.slice(half)) > SOME * Math.max(...counts.slice(0, half));
}

/** Share of the frames of a 60 Hz display that were not drawn, by the time between those that were. */
export function droppedShare(gapsMs: readonly number[]): number {
  const frames = gapsMs.map((gapMs) => Math.max(1, Math.round((gapMs * 60) / 1000)));
  const all = frames.reduce((sum, count) => sum + count, 0);
  return all === 0 ? Number.NaN : 1 - frames.length / all;
}
