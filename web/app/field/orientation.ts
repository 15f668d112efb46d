import type { Place } from './track-outline.ts';

/**
 * By how much to turn a track so that it lies along: the angle of its longest extent (the principal axis of its places), in radians
 * counter-clockwise from the east, from −π/2 to π/2.
 */
export function axisOf(places: readonly Place[]): number {
  const count = places.length || 1;
  const middle = places.reduce((sum, { x, y }) => ({ x: sum.x + x / count, y: sum.y + y / count }), { x: 0, y: 0 });
  let [xx, xy, yy] = [0, 0, 0];
  for (const place of places) {
    const [x, y] = [place.x - middle.x, place.y - middle.y];
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  return Math.atan2(2 * xy, xx - yy) / 2;
}

/** Turns a place clockwise around where all is measured from. @param angle In radians. */
export function turn({ x, y }: Place, angle: number): Place {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return { x: x * cos + y * sin, y: y * cos - x * sin };
}
