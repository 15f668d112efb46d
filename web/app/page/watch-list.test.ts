import { expect, it } from 'vitest';
import type { RaceDocument } from '../../client/mod.ts';
import { carsOf, watchList } from './watch-list.ts';

const race = { roster: { '24': {}, '9': {} }, standings: { '11': {}, '9': {} } } as unknown as RaceDocument;
const viewsOf = (...names: string[]) =>
  ({ viewOf: (name: string) => (names.includes(name) ? {} : undefined) }) as Parameters<typeof watchList>[2];
const sent = (...parameters: Parameters<typeof watchList>) =>
  watchList(...parameters)
    .map(({ car, view }) => `${car}:${view}`)
    .join();

it('cars are in order of their numbers', () => {
  const roster = Object.fromEntries(['24', 'X1', '2', '110', '02', 'AB', '9'].map((car) => [car, {}]));
  expect(carsOf({ roster, standings: {} } as unknown as RaceDocument)).toEqual([
    '2',
    '02',
    '9',
    '24',
    '110',
    'AB',
    'X1',
  ]);
});

it('every car that has a line anywhere is a car of the race', () => {
  expect(carsOf(race)).toEqual(['9', '11', '24']);
  expect(carsOf(undefined)).toEqual([]);
});

it.each<[string, string, Parameters<typeof watchList>]>([
  ['only the chosen ones while nothing is known', '24:full', [['24'], undefined, undefined, true]],
  [
    'the others with what the map needs',
    '24:full,9:field,11:field',
    [['24'], race, viewsOf('essentials', 'field'), true],
  ],
  [
    'the others with the next best view',
    '24:full,9:essentials,11:essentials',
    [['24'], race, viewsOf('essentials'), true],
  ],
  ['not the others where no view is small', '24:full', [['24'], race, viewsOf('full'), true]],
  ['not the others where nobody looks at them', '9:full,24:full', [['9', '24'], race, viewsOf('field'), false]],
  ['all of them where none is chosen', '9:field,11:field,24:field', [[], race, viewsOf('field'), true]],
  ['a chosen one that is not in the race', '7:full', [['7'], undefined, viewsOf('field'), true]],
])('asks for %s', (_, expected, parameters) => {
  expect(sent(...parameters)).toBe(expected);
});
