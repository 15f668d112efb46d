/** Values of channels tick by tick; NaN where there is none. */
export interface Series {
  /** When the ticks closed, Unix ms, ascending. */
  readonly atMs: Float64Array;
  /** One for each channel, as long as the times. */
  readonly columns: readonly Float64Array[];
}

/** The same with fewer rows, as it is sent. */
export interface Points {
  readonly atMs: readonly number[];
  readonly columns: readonly (readonly (number | null)[])[];
  /** How many ticks a row or, where there are fewer rows than ticks, a pair of rows stands for. */
  readonly ticksEach: number;
}

const sent = (value: number): number | null => (Number.isNaN(value) ? null : value);

/**
 * Makes at most `most` rows of a series, for a screen that has no more. While it has no more ticks they are its rows. Else
 * the ticks are divided into stretches of equal length, the last one shorter, and each becomes two rows, at its first and
 * its last tick: of each channel the lowest and the highest value in it, in the order in which they were. So no peak is
 * lost. A channel that has no value in all of a stretch has none in its rows.
 * @param most 2 and more.
 */
export function thin({ atMs, columns }: Series, most: number): Points {
  const count = atMs.length;
  if (count <= most) {
    return { atMs: [...atMs], columns: columns.map((column) => Array.from(column, sent)), ticksEach: 1 };
  }
  const ticksEach = Math.ceil(count / Math.floor(most / 2));
  const times: number[] = [];
  const rows: (number | null)[][] = columns.map(() => []);
  for (let first = 0; first < count; first += ticksEach) {
    const end = Math.min(first + ticksEach, count);
    times.push(atMs[first]!);
    // A stretch of one tick is one row.
    if (end - first > 1) times.push(atMs[end - 1]!);
    columns.forEach((column, n) => {
      const [a, b] = extremes(column, first, end);
      rows[n]!.push(sent(a));
      if (end - first > 1) rows[n]!.push(sent(b));
    });
  }
  return { atMs: times, columns: rows, ticksEach };
}

/** Lowest and highest value of a stretch, in the order in which they were; NaN twice when it has none. */
function extremes(column: Float64Array, first: number, end: number): [number, number] {
  let lowest = -1;
  let highest = -1;
  for (let i = first; i < end; i++) {
    const value = column[i]!;
    if (Number.isNaN(value)) continue;
    if (lowest < 0 || value < column[lowest]!) lowest = i;
    if (highest < 0 || value > column[highest]!) highest = i;
  }
  if (lowest < 0) return [Number.NaN, Number.NaN];
  return lowest <= highest ? [column[lowest]!, column[highest]!] : [column[highest]!, column[lowest]!];
}
