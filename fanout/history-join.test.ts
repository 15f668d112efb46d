import { describe, expect, it } from 'vitest';
import { joinParts } from './history-join.ts';

/** A part with ticks 500 ms apart, tick 0 at 0; the value of a tick is its number. */
const part = (first: number, count: number, lost: readonly number[] = []) => {
  const ticks = Array.from({ length: count }, (_, n) => first + n);
  const columnOf = (value: (tick: number) => number) =>
    Float64Array.from(ticks, (tick) => (lost.includes(tick) ? Number.NaN : value(tick)));
  return { first, series: { atMs: columnOf((tick) => tick * 500), columns: [columnOf((tick) => tick)] } };
};
const join = (parts: Parameters<typeof joinParts>[0], fromMs = 0, toMs = 1e9) => {
  const { atMs, columns } = joinParts(parts, 1, fromMs, toMs);
  return { ticks: Array.from(atMs, (at) => at / 500), values: [...columns[0]!] };
};

describe('parts of a series', () => {
  it('follow one another without a seam', () => {
    const ticks = Array.from({ length: 60 }, (_, n) => 20 + n);
    expect(join([part(20, 20), part(40, 20), part(60, 20)])).toEqual({ ticks, values: ticks });
  });

  it('leave a gap where one is missing, at times in between', () => {
    const { ticks, values } = join([part(0, 2), part(5, 2)]);
    expect(ticks).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(values).toEqual([0, 1, Number.NaN, Number.NaN, Number.NaN, 5, 6]);
  });

  it('begin and end with what is known', () => {
    expect(join([part(0, 4, [0, 1]), part(4, 4, [6, 7])]).ticks).toEqual([2, 3, 4, 5]);
  });

  it('are cut by the times at which ticks closed, both with', () => {
    expect(join([part(0, 20), part(20, 20)], 5 * 500, 22 * 500).ticks).toEqual(
      Array.from({ length: 18 }, (_, n) => 5 + n),
    );
    expect(join([part(0, 20)], 3 * 500 + 1, 4 * 500 - 1)).toEqual({ ticks: [], values: [] });
    expect(join([part(0, 20)], 1e6, 1e7)).toEqual({ ticks: [], values: [] });
  });

  it('that overlap count once, the later one', () => {
    const later = part(2, 2);
    later.series.columns[0]!.fill(7);
    expect(join([part(0, 4), later]).values).toEqual([0, 1, 7, 7]);
  });

  it('that are none are nothing', () => {
    expect(join([])).toEqual({ ticks: [], values: [] });
  });
});
