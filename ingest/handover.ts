import { NULL_VALUE } from '../protocol/coding-plan.ts';
import { MAX_CONTROL_MESSAGES, type RaceFacts, type RosterEntry } from '../protocol/document.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';

/** Value of a channel of which nothing was heard in a tick. No step is so low. */
export const UNHEARD = NULL_VALUE + 1;

/** Ticks that are remembered: as long as the lease of one that died and a cluster without a leader may keep them back. */
export const RECENT_TICKS = 60;

/** What was heard in one tick, whether it was published here or not. */
export interface HeardTick {
  /** Race time, Unix ms. */
  readonly closeAtMs: number;
  /** Cars that were heard, in any slots; {@link UNHEARD} where a channel was not. */
  readonly news: Field;
  readonly facts: RaceFacts | undefined;
}

/**
 * A field, and what was heard after it. Slots are those of `before`; cars that are not in it come behind, as long as there
 * is room.
 */
export function overlay(before: Field, news: Field): Field {
  const cars = before.cars.slice();
  const states = before.states.slice();
  const slots = new Map(cars.map((car, slot) => [car, slot]));
  news.states.forEach((heard, place) => {
    const car = news.cars[place]!;
    const known = slots.get(car);
    if (!heard || (known === undefined && cars.length >= MAX_CARS)) return;
    const slot = known ?? cars.push(car) - 1;
    const state = states[slot];
    states[slot] = heard.map((value, channel) => (value === UNHEARD ? (state?.[channel] ?? NULL_VALUE) : value));
  });
  return { cars, states };
}

/** A field, and the cars that it does not have as another one knows them. */
export function withMissing(field: Field, other: Field): Field {
  const known = new Set(field.cars);
  return overlay(field, {
    cars: other.cars,
    states: other.states.map((state, n) => (known.has(other.cars[n]!) ? undefined : state)),
  });
}

/** What two messages said of a race, as one: later facts win, and what race control said is all there. */
export function joinFacts(earlier: RaceFacts, later: RaceFacts): RaceFacts {
  const roster = new Map<string, RosterEntry>();
  for (const entry of [...(earlier.roster ?? []), ...(later.roster ?? [])]) {
    if (roster.size < MAX_CARS || roster.has(entry.car))
      roster.set(entry.car, { ...roster.get(entry.car), ...said(entry) });
  }
  const control = [...(earlier.control ?? []), ...(later.control ?? [])].slice(-MAX_CONTROL_MESSAGES);
  return {
    ...earlier,
    ...said(later),
    ...(roster.size > 0 && { roster: [...roster.values()] }),
    ...(control.length > 0 && { control }),
  };
}

const said = <T extends object>(facts: T): T =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as T;
