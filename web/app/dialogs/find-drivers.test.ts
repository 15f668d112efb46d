import { expect, it } from 'vitest';
import { findDrivers } from './find-drivers.ts';

const ROSTER = {
  '1': { car: '1', driver: 'Ross Chastain', team: 'Trackhouse', make: 'Chevrolet' },
  '24': { car: '24', driver: 'William Byron', team: 'Hendrick', make: 'Chevrolet' },
  '5': { car: '5', driver: 'Kyle Larson', team: 'Hendrick', make: 'Chevrolet' },
  '99': { car: '99', driver: 'Daniel Suárez', team: 'Trackhouse', make: 'Chevrolet' },
};
const CARS = ['1', '5', '24', '99', '101'];

it.each([
  ['', [], CARS],
  ['larson', [], ['5']],
  ['LAR', [], ['5']],
  ['suarez', [], ['99']],
  ['Suárez', [], ['99']],
  ['#24', [], ['24']],
  // A number is looked for from its first digit: who types 4 does not mean 24.
  ['4', [], []],
  ['1', [], ['1', '101']],
  ['hendrick', [], ['5', '24']],
  ['hendrick byr', [], ['24']],
  ['  ', [], CARS],
  ['nobody', [], []],
  ['', ['99', '24'], ['99', '24', '1', '5', '101']],
  ['hendrick', ['24'], ['24', '5']],
  ['', ['77'], CARS],
])('%j with favorites %j finds %j', (search, favourites, expected) => {
  expect(findDrivers(CARS, ROSTER, favourites, search)).toEqual(expected);
});
