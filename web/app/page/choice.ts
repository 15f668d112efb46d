/** Most drivers that a fan follows at once. */
export const MOST_CHOSEN = 4;

/** The drivers of a fan, in the fan's order, and the one whose car fills the page. Never changed in place. */
export interface Choice {
  readonly cars: readonly string[];
  /** One of the cars; `undefined` when there is none. */
  readonly focus: string | undefined;
}

export const NO_CHOICE: Choice = { cars: [], focus: undefined };

/** At most {@link MOST_CHOSEN} cars, each once. @param focus The first one where it is none of them. */
export function choiceOf(cars: readonly string[], focus?: string): Choice {
  const kept = [...new Set(cars)].slice(0, MOST_CHOSEN);
  return { cars: kept, focus: focus !== undefined && kept.includes(focus) ? focus : kept[0] };
}

/** The car fills the page: a chosen one comes forward, another one takes the place of the one before. */
export function show({ cars, focus }: Choice, car: string): Choice {
  if (cars.includes(car)) return { cars, focus: car };
  if (cars.length === 0) return choiceOf([car]);
  return choiceOf(
    cars.map((one) => (one === focus ? car : one)),
    car,
  );
}

/** Whether one more can be added. */
export const hasRoom = ({ cars }: Choice): boolean => cars.length < MOST_CHOSEN;

/** Adds a car behind the others, where there is room. */
export function add(choice: Choice, car: string): Choice {
  return hasRoom(choice) ? choiceOf([...choice.cars, car], choice.focus) : choice;
}

/** Takes one out; the next one fills the page then. */
export function remove({ cars, focus }: Choice, car: string): Choice {
  return follow(
    { cars, focus },
    cars.filter((one) => one !== car),
  );
}

/** Moves a car by so many places, as far as there are any. */
export function move({ cars, focus }: Choice, car: string, by: number): Choice {
  const from = cars.indexOf(car);
  if (from < 0) return { cars, focus };
  const others = cars.filter((one) => one !== car);
  const to = Math.min(others.length, Math.max(0, from + by));
  return { cars: [...others.slice(0, to), car, ...others.slice(to)], focus };
}

/** Other cars were chosen elsewhere: what fills the page stays, or is the one that took its place. */
export function follow(before: Choice, cars: readonly string[]): Choice {
  const place = before.focus === undefined ? 0 : before.cars.indexOf(before.focus);
  const next = choiceOf(cars, before.focus);
  if (before.focus !== undefined && next.cars.includes(before.focus)) return next;
  return choiceOf(next.cars, next.cars[Math.min(place, next.cars.length - 1)]);
}

export const isSame = (a: Choice, b: Choice): boolean =>
  a.focus === b.focus && a.cars.length === b.cars.length && a.cars.every((car, n) => car === b.cars[n]);
