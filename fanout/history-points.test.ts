import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thin } from './history-points.ts';

const value = fc.oneof(fc.constant(Number.NaN), fc.double({ noNaN: true, noDefaultInfinity: true }));
const series = fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 3 })).chain(([ticks, channels]) =>
  fc.record({
    atMs: fc.constant(Float64Array.from({ length: ticks }, (_, i) => 1000 + 500 * i)),
    columns: fc.array(
      fc.array(value, { minLength: ticks, maxLength: ticks }).map((values) => Float64Array.from(values)),
      { minLength: channels, maxLength: channels },
    ),
  }),
);

describe('a series for the screen', () => {
  it('has no more rows than are asked for, in order, from the first tick to the last', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 2, max: 200 }), (all, most) => {
        const { atMs, columns } = thin(all, most);
        expect(atMs.length).toBeLessThanOrEqual(Math.max(most, 0));
        expect([...atMs].sort((a, b) => a - b)).toEqual(atMs);
        expect([atMs[0], atMs.at(-1)]).toEqual([all.atMs[0], all.atMs.at(-1)]);
        expect(columns.every((column) => column.length === atMs.length)).toBe(true);
      }),
    );
  });

  it('loses no peak: every stretch has the lowest and the highest value that it had, in their order', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 2, max: 200 }), (all, most) => {
        const { columns, ticksEach } = thin(all, most);
        all.columns.forEach((column, n) => {
          for (let first = 0, row = 0; first < column.length; first += ticksEach) {
            const stretch = [...column.subarray(first, first + ticksEach)];
            // A minus zero is a zero here: which of the two is lowest, nobody asks.
            const values = stretch.filter((one) => !Number.isNaN(one)).map((one) => one + 0);
            const rows = columns[n]!.slice(row, row + Math.min(2, stretch.length)).map((one) =>
              one === null ? null : one + 0,
            );
            row += rows.length;
            const [low, high] = [Math.min(...values), Math.max(...values)];
            if (values.length === 0) expect(new Set(rows)).toEqual(new Set([null]));
            else expect([Math.min(...rows.map(Number)), Math.max(...rows.map(Number))]).toEqual([low, high]);
            const isFalling = values.indexOf(high) < values.indexOf(low);
            if (rows.length === 2 && values.length > 0) expect(rows).toEqual(isFalling ? [high, low] : [low, high]);
          }
        });
      }),
    );
  });

  it('is itself where it has no more ticks than rows', () => {
    fc.assert(
      fc.property(series, (all) => {
        const { atMs, columns, ticksEach } = thin(all, 300);
        expect([atMs, ticksEach]).toEqual([[...all.atMs], 1]);
        columns.forEach((column, n) => {
          expect(column.map((one) => one ?? Number.NaN)).toEqual([...all.columns[n]!]);
        });
      }),
    );
  });
});
