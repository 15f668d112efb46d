import type { RaceDocument } from '../../client/mod.ts';
import { sayCar, sayFlag } from '../words.ts';

/** Something that happened in the race, as a line to read. */
export interface RaceMessage {
  /** Race time, Unix ms. */
  readonly atMs: number;
  readonly kind: RaceDocument['flag'] | 'pit' | 'said';
  readonly text: string;
}

/** What race control said, flags of the race and stops of some cars, oldest first. */
export function messagesOf(race: RaceDocument, cars: readonly string[]): RaceMessage[] {
  const lapAt = (atMs: number) => race.laps?.findLast((lap) => lap.atMs <= atMs)?.lap;
  const inLap = (lap: number | null | undefined) => (lap === null || lap === undefined ? '' : `, lap ${lap}`);
  const flags = (race.flags ?? []).map(({ flag, atMs }): RaceMessage => {
    return { atMs, kind: flag, text: `${sayFlag(flag)}${inLap(lapAt(atMs))}` };
  });
  const stops = race.pitStops
    .filter(({ car }) => cars.includes(car))
    .flatMap(({ car, lap, inAtMs, outAtMs }): RaceMessage[] => {
      const text = `${sayCar(car)} comes to the pits${inLap(lap)}`;
      const spent = outAtMs === null ? [] : [leaves(car, inAtMs, outAtMs)];
      return [{ atMs: inAtMs, kind: 'pit', text }, ...spent];
    });
  const said = (race.control ?? []).map(({ atMs, text }): RaceMessage => ({ atMs, kind: 'said', text }));
  return [...flags, ...said, ...stops].sort((a, b) => a.atMs - b.atMs);
}

const leaves = (car: string, inAtMs: number, outAtMs: number): RaceMessage => ({
  ...{
    atMs: outAtMs,
    kind: 'pit',
    text: `${sayCar(car)} is back on the track after ${((outAtMs - inAtMs) / 1000).toFixed(1)} s`,
  },
});
