import { NULL_VALUE } from '../protocol/coding-plan.ts';
import type { RaceFacts, RosterEntry } from '../protocol/document.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';

/** Value of a channel of which nothing was heard yet: what another ingest has published of it stands. No step is so low. */
export const UNHEARD = NULL_VALUE + 1;

/** Ticks that are remembered: as long as the lease of one that died and a stream without a leader may keep them back. */
export const RECENT_TICKS = 60;

/** A tick as it closed here, whether it was published or not. */
export interface ClosedTick {
  /** Race time, Unix ms. */
  readonly closeAtMs: number;
  readonly field: Field;
}

/**
 * What fans hold, with what this ingest knows itself laid over it. Slots are those of `published`; cars that are not in
 * it come behind, as long as there is room.
 * @param own In its own slots; {@link UNHEARD} where it knows nothing.
 */
export function overlay(published: Field, own: Field): Field {
  const cars = published.cars.slice();
  const states = published.states.slice();
  const slots = new Map(cars.map((car, slot) => [car, slot]));
  own.cars.forEach((car, ownSlot) => {
    const state = own.states[ownSlot];
    const known = slots.get(car);
    // A car that has come and gone unseen needs no slot.
    if (known === undefined && (!state || cars.length >= MAX_CARS)) return;
    const slot = known ?? cars.push(car) - 1;
    states[slot] = state && overlayState(states[slot], state);
  });
  return { cars, states };
}

function overlayState(published: Int32Array | undefined, own: Int32Array): Int32Array {
  if (!own.includes(UNHEARD)) return own;
  return own.map((value, channel) => (value === UNHEARD ? (published?.[channel] ?? NULL_VALUE) : value));
}

/** What two messages said of a race, as one: later facts win. */
export function joinFacts(earlier: RaceFacts, later: RaceFacts): RaceFacts {
  const roster = new Map<string, RosterEntry>();
  for (const entry of [...(earlier.roster ?? []), ...(later.roster ?? [])]) {
    if (roster.size < MAX_CARS || roster.has(entry.car))
      roster.set(entry.car, { ...roster.get(entry.car), ...said(entry) });
  }
  return { ...earlier, ...said(later), ...(roster.size > 0 && { roster: [...roster.values()] }) };
}

const said = <T extends object>(facts: T): T =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as T;
