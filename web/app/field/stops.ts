import type { PitStop } from '../../client/mod.ts';
import { count, MISSING } from '../words.ts';

/** The last stop of each car. */
export function lastStopsOf(stops: readonly PitStop[]): ReadonlyMap<string, PitStop> {
  return new Map([...stops].sort((a, b) => a.inAtMs - b.inAtMs).map((stop) => [stop.car, stop]));
}

/** How long the tires have been on: laps since the last stop, or since the start where there was none. */
export function saySince(lap: number | null | undefined, stopLap: number | undefined): string {
  if (lap === null || lap === undefined) return MISSING;
  return count(Math.max(0, lap - (stopLap ?? 0)), 'lap');
}
