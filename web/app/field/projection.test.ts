import { expect, it } from 'vitest';
import { Projection } from './projection.ts';

const car = (values: Record<string, number>) => ({ value: (key: string) => values[key] ?? null });

it('places are metres to the east and the north of the first one', () => {
  const projection = new Projection();
  expect(projection.placeOf(car({ lat: 29.185, lon: -81.069 }))).toEqual({ x: 0, y: 0 });
  // A second of arc is 30.89 m to the north, and to the east less by the cosine of the latitude.
  const place = projection.placeOf(car({ lat: 29.185 + 1 / 3600, lon: -81.069 + 1 / 3600 }))!;
  expect(place.y).toBeCloseTo(30.89, 1);
  expect(place.x).toBeCloseTo(30.89 * Math.cos((29.185 * Math.PI) / 180), 1);
});

it('metres are taken as they are, and who says nothing is nowhere', () => {
  const projection = new Projection();
  expect(projection.placeOf(car({ x: 5, y: -3 }))).toEqual({ x: 5, y: -3 });
  expect(projection.placeOf(car({ lat: 1 }))).toBeUndefined();
  expect(projection.placeOf(car({ lat: 0, lon: 0 }))).toBeUndefined();
  expect(projection.placeOf(car({}))).toBeUndefined();
});
