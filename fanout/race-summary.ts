import type { Field } from '../protocol/field.ts';
import { formatPosition } from '../protocol/position.ts';
import type { RaceState } from './race-state.ts';

/** What a race is, as `/races` tells it, but for how it stands. */
export function summarise(race: string, state: RaceState | undefined) {
  const document = (state?.document ?? {}) as Record<string, unknown>;
  return {
    race,
    name: textOf(document, 'name'),
    kind: textOf(document, 'kind'),
    origin: textOf(document, 'origin'),
    epoch: state?.epoch ?? null,
    tick: state?.head?.tick ?? null,
    closeAtMs: state?.head?.closeAtMs ?? null,
    position: state ? formatPosition(state) : null,
    catalogue: state?.catalogue.hash ?? null,
    cars: state ? carsIn(state.head!.field).length : 0,
  };
}

/** A fact of the race, which the document holds at its root or under `race` or `session`. */
function textOf(document: Record<string, unknown>, key: string): string | null {
  const places = [document, document.race, document.session] as (Record<string, unknown> | undefined)[];
  for (const place of places) {
    const value = typeof place === 'object' ? place?.[key] : undefined;
    if (typeof value === 'string') return value;
  }
  return null;
}

export const carsIn = ({ cars, states }: Field): string[] => cars.filter((_, slot) => states[slot]);
