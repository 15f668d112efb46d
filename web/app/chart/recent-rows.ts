import type { CarHistory } from '../../client/mod.ts';

/** Values of some channels over a time, for a chart. */
export interface ChartRows {
  /** Seconds before the newest, 0 and less, ascending. */
  readonly x: readonly number[];
  /** One for each channel, as long as `x`; `null` where there is no value. */
  readonly columns: readonly (readonly (number | null)[])[];
}

interface Row {
  readonly atMs: number;
  readonly values: readonly (number | null)[];
}

/** Race time for which a chart goes on between two rows: somewhat more than the slowest rate has between its ticks. */
const MAX_STEP_MS = 6000;
/** Ticks of ten minutes are 1200. */
const MAX_ROWS = 4000;

/** What some channels of a car were of late: read from its history once, and from then on tick by tick. */
export class RecentRows {
  readonly #keys: readonly string[];
  readonly #spanMs: number;
  #rows: Row[] = [];

  /** @param spanMs What is older than this is forgotten. */
  constructor(keys: readonly string[], spanMs: number) {
    this.#keys = keys;
    this.#spanMs = spanMs;
  }

  /** A tick. What was held of its time and of later is forgotten: somebody has gone back. @param values In the order of the keys. */
  push(atMs: number, values: readonly (number | null)[]): void {
    const after = this.#rows.findLastIndex((row) => row.atMs < atMs) + 1;
    this.#rows.length = after;
    this.#rows.push({ atMs, values });
    const first = this.#rows.findIndex((row) => row.atMs >= atMs - this.#spanMs);
    this.#rows.splice(0, Math.max(first, this.#rows.length - MAX_ROWS));
  }

  /** What was up to a time; ticks behind it stay. */
  load({ atMs, channels }: CarHistory, toMs: number): void {
    const columns = this.#keys.map((key) => channels.get(key));
    const past = atMs.map((at, n) => ({ atMs: at, values: columns.map((column) => column?.[n] ?? null) }));
    const since = this.#rows.filter((row) => row.atMs > toMs);
    this.#rows = [...past, ...since].slice(-MAX_ROWS);
  }

  /** As a chart shows it; where nothing is known for a while there is a hole in every line. */
  rows(): ChartRows {
    const lastMs = this.#rows.at(-1)?.atMs ?? 0;
    const shown = this.#rows.flatMap((row, n) => {
      const before = this.#rows[n - 1];
      const isHole = before !== undefined && row.atMs - before.atMs > MAX_STEP_MS;
      return isHole ? [{ atMs: before.atMs + 1, values: this.#keys.map(() => null) }, row] : [row];
    });
    return {
      x: shown.map(({ atMs }) => (atMs - lastMs) / 1000),
      columns: this.#keys.map((_, n) => shown.map(({ values }) => values[n]!)),
    };
  }
}
