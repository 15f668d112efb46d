import type { RaceDocument } from '../../client/mod.ts';

/** As people type: without accents, in small letters. */
const plain = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/**
 * The cars whose number begins so, or whose driver, team or make has all the words; favorites first, else in order of their numbers.
 * @param cars In order of their numbers.
 */
export function findDrivers(
  cars: readonly string[],
  roster: RaceDocument['roster'],
  favourites: readonly string[],
  search: string,
): string[] {
  const words = plain(search).replaceAll('#', '').split(/\s+/).filter(Boolean);
  const isFound = (car: string) => {
    const { driver, team, make } = roster[car] ?? {};
    const text = plain([driver, team, make].filter(Boolean).join(' '));
    return words.every((word) => text.includes(word) || plain(car).startsWith(word));
  };
  const rank = (car: string) => (favourites.includes(car) ? favourites.indexOf(car) : favourites.length);
  return cars.filter(isFound).sort((a, b) => rank(a) - rank(b));
}
