import { MAX_PIT_STOPS, type PitStop, type Standing } from '../protocol/document.ts';

/** What the timekeepers of a race say of a car. It wins over what is made of its samples; what is missing is left to them. */
export interface CarTiming {
  /** 1 for the leader. */
  readonly position?: number;
  /** Lap the car is in. */
  readonly lap?: number;
  readonly lapsDown?: number;
  /** Seconds behind the leader; `null` when it is not on the lead lap. */
  readonly gapS?: number | null;
  readonly lastLapS?: number;
  readonly bestLapS?: number;
  readonly isOnPitRoad?: boolean;
  /** Pit stops made so far. */
  readonly stops?: number;
  /** All its visits to pit road, oldest first. */
  readonly pitStops?: readonly PitStop[];
  /** It is out of the race: it stands as silent. */
  readonly isOut?: boolean;
}

export type OfficialTiming = ReadonlyMap<string, CarTiming>;

export const NO_TIMING: OfficialTiming = new Map();

/** Indices of cars in the order of the timekeepers; those that they do not place keep their order behind the others. */
export function orderOfficially(order: readonly number[], cars: readonly string[], timing: OfficialTiming): number[] {
  const place = (index: number) => timing.get(cars[index]!)?.position ?? Number.MAX_SAFE_INTEGER;
  return timing.size === 0 ? [...order] : [...order].sort((a, b) => place(a) - place(b));
}

/** The standing with what the timekeepers say of it; its position is made by {@link orderOfficially}. */
export function standOfficially(standing: Standing, said: CarTiming | undefined): Standing {
  if (!said) return standing;
  const { lapsDown = standing.lapsDown, gapS = standing.gapS, stops = standing.stops } = said;
  return { ...standing, lapsDown, gapS, stops, ...(said.isOut && { status: 'silent' }) };
}

/** The pit stops with those of the timekeepers in place of our own. The same list when nothing is other. */
export function stopOfficially(pitStops: readonly PitStop[], timing: OfficialTiming): readonly PitStop[] {
  const said = [...timing.values()].flatMap((car) => (car.pitStops ? [car.pitStops] : []));
  if (said.length === 0) return pitStops;
  const own = pitStops.filter(({ car }) => !timing.get(car)?.pitStops);
  const all = [...own, ...said.flat()].sort((a, b) => a.inAtMs - b.inAtMs).slice(-MAX_PIT_STOPS);
  return all.length === pitStops.length && all.every((stop, i) => isSame(stop, pitStops[i]!)) ? pitStops : all;
}

const isSame = (a: PitStop, b: PitStop): boolean =>
  a.car === b.car && a.lap === b.lap && a.inAtMs === b.inAtMs && a.outAtMs === b.outAtMs;
