import fc from 'fast-check';
import { expect, it } from 'vitest';
import { axisOf, turn } from './orientation.ts';

/** An oval, twice as long as wide, that lies at an angle. */
const oval = (angle: number) =>
  Array.from({ length: 90 }, (_, n) => {
    const at = (2 * Math.PI * n) / 90;
    return turn({ x: 200 * Math.cos(at) + 50, y: 100 * Math.sin(at) - 30 }, -angle);
  });
const extent = (values: number[]) => Math.max(...values) - Math.min(...values);

it('a track lies along, whichever way it lay before, and keeps its size', () => {
  fc.assert(
    fc.property(fc.double({ min: -Math.PI, max: Math.PI, noNaN: true }), (angle) => {
      const track = oval(angle);
      const axis = axisOf(track);
      expect(Math.abs(axis)).toBeLessThanOrEqual(Math.PI / 2 + 1e-9);
      const turned = track.map((place) => turn(place, axis));
      expect(extent(turned.map(({ x }) => x))).toBeCloseTo(400, 3);
      expect(extent(turned.map(({ y }) => y))).toBeLessThan(201);
    }),
  );
});

it('nothing, and what is round, is turned somehow', () => {
  expect(axisOf([])).toBe(0);
  expect(Number.isFinite(axisOf([{ x: 3, y: 4 }]))).toBe(true);
});
