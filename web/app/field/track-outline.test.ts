import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Place, TrackOutline } from './track-outline.ts';

const RADIUS_M = 500;
/** A round track. */
const onCircle = (share: number): Place => ({
  x: RADIUS_M * Math.cos(2 * Math.PI * share),
  y: RADIUS_M * Math.sin(2 * Math.PI * share),
});
const seen = (shares: readonly number[]) => {
  const outline = new TrackOutline();
  for (const share of shares) outline.add(share, onCircle(share));
  return outline;
};
const range = (from: number, to: number, step: number) =>
  Array.from({ length: Math.round((to - from) / step) }, (_, n) => from + n * step);

describe('the line of a track', () => {
  it('is nothing before a car was seen, and closes when they were everywhere', () => {
    expect(new TrackOutline().lines()).toEqual([]);
    const [line, ...others] = seen(range(0, 1, 1 / 720)).lines();
    expect(others).toEqual([]);
    expect(seen(range(0, 1, 1 / 720)).isWhole).toBe(true);
    expect(line![0]).toEqual(line!.at(-1));
    for (const { x, y } of line!) expect(Math.hypot(x, y)).toBeCloseTo(RADIUS_M, 0);
  });

  it('is drawn in pieces while some of it is not known, also across the start', () => {
    const outline = seen([...range(0.9, 1, 0.005), ...range(0, 0.1, 0.005), ...range(0.4, 0.6, 0.005)]);
    const ends = outline.lines().map((line) => [line[0]!, line.at(-1)!]);
    expect(ends).toHaveLength(2);
    const across = ends.find(([from]) => from!.y < -100)!;
    expect(across[1]!.y).toBeGreaterThan(100);
    expect(outline.isWhole).toBe(false);
    expect(outline.share).toBeGreaterThan(0.2);
    expect(outline.share).toBeLessThan(0.5);
  });

  it('does not mind what is no place', () => {
    const outline = new TrackOutline();
    for (const share of [-0.1, 1.1, Number.NaN]) outline.add(share, { x: 1, y: 1 });
    outline.add(0.5, { x: Number.NaN, y: 1 });
    expect(outline.share).toBe(0);
    expect(outline.at(0.5)).toBeUndefined();
  });

  it('tells a place on it wherever cars were nearby, to a metre or two', () => {
    const outline = seen(range(0, 1, 1 / 200));
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
        const [is, should] = [outline.at(share)!, onCircle(share)];
        // A stretch is 8.7 m long; the places in it are kept as their middle.
        expect(Math.hypot(is.x - should.x, is.y - should.y)).toBeLessThan(9);
      }),
    );
    expect(seen(range(0, 0.2, 0.005)).at(0.5)).toBeUndefined();
  });
});
