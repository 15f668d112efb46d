import type { Player, RaceDocument, WatchRequest } from '../../client/mod.ts';

type Views = Pick<NonNullable<Player['catalogue']>, 'viewOf'>;

/** The view in which chosen cars come. */
export const WHOLE = 'full';
/** What the map and the order of the race need of a car; the lesser one where a catalogue does not know it. */
const FIELD_VIEWS = ['field', 'essentials'] as const;

const isNumber = (car: string): boolean => /^\d+$/.test(car);

/** By number; `02` behind `2`, and what is no number last. */
function compareCars(a: string, b: string): number {
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
  if (isNumber(a) && Number(a) !== Number(b)) return Number(a) - Number(b);
  return a.length - b.length || (a < b ? -1 : 1);
}

/** Every car that the race knows, in order of their numbers. */
export function carsOf(race: RaceDocument | undefined): string[] {
  const cars = new Set([...Object.keys(race?.roster ?? {}), ...Object.keys(race?.standings ?? {})]);
  return [...cars].sort(compareCars);
}

/**
 * What is asked of an edge: all of the chosen cars, and of the others their places on the track, where these are shown.
 * @param catalogue Whose views there are; only the chosen cars come while it is not known.
 */
export function watchList(
  chosen: readonly string[],
  race: RaceDocument | undefined,
  catalogue: Views | undefined,
  wantsField: boolean,
): WatchRequest[] {
  const view = FIELD_VIEWS.find((name) => catalogue?.viewOf(name) !== undefined);
  const others = wantsField && view ? carsOf(race).filter((car) => !chosen.includes(car)) : [];
  return [...chosen.map((car) => ({ car, view: WHOLE })), ...others.map((car) => ({ car, view: view! }))];
}
