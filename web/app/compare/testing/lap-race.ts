import type { RaceDocument } from '../../../../protocol/document.ts';
import { type RaceOptions, START_AT_MS } from '../../../testing/race-rig.ts';

const TICK_MS = 500;
/** How long each car takes for each of its laps. */
export const LAP_S: Readonly<Record<string, number>> = { '24': 15, '9': 15.15 };
const CARS = Object.keys(LAP_S);

/** Laps that a car has gone since the first tick. */
const lapsAt = (car: string, tick: number): number => 0.5 + (tick * TICK_MS) / 1000 / LAP_S[car]!;

/** On an oval of some 800 m, twice as long as wide, that lies at an angle. */
function placeAt(share: number): { lat: number; lon: number } {
  const [along, across] = [0.0016 * Math.cos(2 * Math.PI * share), 0.0008 * Math.sin(2 * Math.PI * share)];
  return { lat: 36.5 + 0.8 * along + 0.6 * across, lon: -82.2 + (0.6 * along - 0.8 * across) / Math.cos(0.637) };
}

/** Channels of a car at a tick; the others are missing. */
export function valuesAt(car: string, tick: number): Readonly<Record<string, number>> {
  const laps = lapsAt(car, tick);
  const share = laps % 1;
  return {
    lap: Math.floor(laps) + 1,
    lap_dist_pct: share * 100,
    ...(laps >= 1 ? { lap_time_last: LAP_S[car]! } : {}),
    on_pit_road: 0,
    ...placeAt(share),
    speed: 200 + 20 * Math.sin(2 * Math.PI * share),
    throttle: share < 0.5 ? 100 : 40,
    brake: share < 0.5 ? 0 : 25,
  };
}

function documentAt(tick: number): RaceDocument {
  const standings = CARS.map((car, n) => {
    const laps = lapsAt(car, tick);
    const lineTick = Math.ceil(((Math.floor(laps) - 0.5) * LAP_S[car]! * 1000) / TICK_MS);
    const timing = {
      lastLapS: LAP_S[car]!,
      bestLapS: LAP_S[car]!,
      lineAtMs: laps < 1 ? null : START_AT_MS + lineTick * TICK_MS,
    };
    const place = {
      position: n + 1,
      lap: Math.floor(laps) + 1,
      lapsDown: 0,
      gapS: n,
      status: 'running',
      stops: 0,
    } as const;
    return [car, { ...place, ...timing }];
  });
  return {
    session: {
      ...{
        race: 'demo',
        name: 'Test 500',
        track: 'Testway',
        trackLengthM: 800,
        kind: 'simulation',
        origin: 'made by a test',
      },
      ...{ startedAtMs: START_AT_MS, lapsTotal: 200 },
    },
    ...{ flag: 'green', lap: Math.floor(lapsAt('24', tick)) + 1, pitStops: [] },
    roster: Object.fromEntries(CARS.map((car) => [car, { car, driver: `Driver ${car}` }])),
    standings: Object.fromEntries(standings),
  };
}

/** A race of two cars that go round evenly, one a hundredth faster than the other. */
export const LAP_RACE: RaceOptions = {
  drivers: new Map(CARS.map((car) => [car, `Driver ${car}`])),
  drive: (tick, car, key) => valuesAt(car, tick)[key] ?? null,
  documentAt,
};
