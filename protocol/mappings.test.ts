import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseCatalogue } from './catalogue.ts';
import { F1_TEST, IRACING, mapValue } from './mappings.ts';

it.each([
  ['stock-car', IRACING],
  ['formula-1', F1_TEST],
])('fills only channels that %s has and that are not derived', (name, mappings) => {
  const catalogue = parseCatalogue(readFileSync(join(import.meta.dirname, `catalogues/${name}.json`), 'utf8'));
  const known = Array.from(catalogue.packedOrder, (index) => catalogue.channels[index]!.key);
  expect(Object.keys(mappings).filter((key) => !known.includes(key))).toEqual([]);
});

it('changes the unit, moves to the ends, and drops what cannot be', () => {
  expect(mapValue(IRACING.speed!, 10)).toBe(36);
  expect(mapValue(IRACING.air_press!, 96_110)).toBeCloseTo(961.1);
  expect(mapValue(IRACING.steering!, Math.PI)).toBe(180);
  expect(mapValue(IRACING.throttle!, 1.0000001)).toBe(100);
  expect(mapValue(IRACING.lap_dist!, -0.02)).toBe(0);
  expect(mapValue(F1_TEST.x!, -35)).toBe(-3.5);
  expect(mapValue(F1_TEST.throttle!, 104)).toBeNaN();
  expect(mapValue(F1_TEST.acc_x!, 1234)).toBeNaN();
  expect(mapValue(F1_TEST.brake!, true)).toBe(1);
  for (const nothing of ['None', null, undefined, Number.NaN, {}]) {
    for (const key of ['speed', 'lap_dist_pct', 'throttle']) expect(mapValue(F1_TEST[key]!, nothing)).toBeNaN();
  }
});
