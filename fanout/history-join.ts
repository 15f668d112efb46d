import type { Series } from './history-points.ts';

/** A part of a series: the rows of its ticks, from `first` on without holes. */
export interface Part {
  readonly first: number;
  readonly series: Series;
}

/**
 * Joins parts into one series with a row for every tick, from the first to the last that is known. Ticks between them that
 * are not have no values, at times between those of their neighbours: a chart shows a gap. Rows whose tick closed outside
 * `fromMs` to `toMs` are left out.
 * @param parts In order of ticks; of a tick that stands in two of them the later one counts.
 */
export function joinParts(parts: readonly Part[], channels: number, fromMs: number, toMs: number): Series {
  const first = parts[0]?.first ?? 0;
  const end = parts.reduce((most, { first, series }) => Math.max(most, first + series.atMs.length), first);
  const atMs = new Float64Array(end - first).fill(Number.NaN);
  const columns = Array.from({ length: channels }, () => new Float64Array(end - first).fill(Number.NaN));
  for (const part of parts) {
    atMs.set(part.series.atMs, part.first - first);
    for (const [n, column] of columns.entries()) column.set(part.series.columns[n]!, part.first - first);
  }
  fillTimes(atMs);
  // What is not between two known ticks has no time, and lies in no range.
  const isIn = (at: number) => at >= fromMs && at <= toMs;
  const from = atMs.findIndex(isIn);
  const to = from < 0 ? 0 : atMs.findLastIndex(isIn) + 1;
  const cut = (values: Float64Array) => values.slice(Math.max(from, 0), to);
  return { atMs: cut(atMs), columns: columns.map(cut) };
}

/** Gives ticks of which no time is known times between those of their neighbours. */
function fillTimes(atMs: Float64Array): void {
  let known = -1;
  for (let i = 0; i < atMs.length; i++) {
    if (Number.isNaN(atMs[i]!)) continue;
    if (known >= 0) {
      const step = (atMs[i]! - atMs[known]!) / (i - known);
      for (let k = known + 1; k < i; k++) atMs[k] = Math.round(atMs[known]! + step * (k - known));
    }
    known = i;
  }
}
