import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Axis, linearAxis, logAxis, niceStep, percentileAxis } from './axis.ts';

const labels = ({ ticks }: Axis) => ticks.map(({ label }) => label);
const positive = fc.double({ min: 1e-6, max: 1e9, noNaN: true });

describe('niceStep', () => {
  it.each([
    [1, 1],
    [1.01, 2],
    [4.9, 5],
    [5.1, 10],
    [0.003, 0.005],
    [0.2, 0.2],
    [700, 1000],
  ])('of %d is %d', (value, step) => {
    expect(niceStep(value)).toBe(step);
  });
});

describe('linearAxis', () => {
  it.each([
    [0.84, ['0', '0.2', '0.4', '0.6', '0.8', '1']],
    [56_000, ['0', '20,000', '40,000', '60,000']],
    [1, ['0', '0.2', '0.4', '0.6', '0.8', '1']],
    [0, ['0', '0.2']],
  ])('up to %d has the ticks %j', (max, ticks) => {
    expect(labels(linearAxis(max))).toEqual(ticks);
  });

  it('holds 0 to max between its begin and end, in proportion, with its ticks', () => {
    fc.assert(
      fc.property(positive, (max) => {
        const axis = linearAxis(max);
        expect(axis.place(0)).toBe(0);
        expect(axis.place(max)).toBeGreaterThan(0.4);
        expect(axis.place(max)).toBeLessThanOrEqual(1 + 1e-9);
        expect(axis.place(max / 2)).toBeCloseTo(axis.place(max) / 2, 9);
        expect(axis.place(axis.ticks.at(-1)!.value)).toBeCloseTo(1, 9);
        expect(axis.ticks.length).toBeLessThanOrEqual(7);
      }),
    );
  });
});

describe('logAxis', () => {
  it.each([
    [
      [3, 40],
      ['2', '5', '10', '20', '50'],
    ],
    [
      [2, 1600],
      ['2', '5', '10', '20', '50', '100', '200', '500', '1,000', '2,000'],
    ],
    [
      [0.2, 9000],
      ['1', '10', '100', '1,000', '10,000'],
    ],
    [[10], ['10', '20']],
    [
      [0, Number.NaN],
      ['1', '2', '5', '10'],
    ],
  ])('around %j has the ticks %j', (values, ticks) => {
    expect(labels(logAxis(values))).toEqual(ticks);
  });

  it('holds all its values between begin and end, each decade as long', () => {
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1, maxLength: 9 }), (values) => {
        const axis = logAxis(values);
        for (const value of values) {
          expect(axis.place(value)).toBeGreaterThanOrEqual(0);
          expect(axis.place(value)).toBeLessThanOrEqual(1 + 1e-9);
        }
        const max = Math.max(...values);
        expect(axis.place(max * 100) - axis.place(max * 10)).toBeCloseTo(axis.place(max * 10) - axis.place(max), 6);
      }),
    );
  });

  it('puts what has no logarithm at the begin, and gives no place to what is no number', () => {
    expect(logAxis([1, 10]).place(0)).toBe(0);
    expect(logAxis([1, 10]).place(Number.NaN)).toBeNaN();
  });
});

describe('percentileAxis', () => {
  it('gives each nine the same room, and the end to the maximum', () => {
    const { place } = percentileAxis();
    expect([0, 90, 99, 99.9, 99.99, 100].map((value) => Number(place(value).toFixed(9)))).toEqual([
      0, 0.2, 0.4, 0.6, 0.8, 1,
    ]);
  });
});
