import { MODE } from './cars.ts';
import type { Reading } from './sensors.ts';
import { airDensity, type World } from './world.ts';

export const PIT_KEYS = [
  'pit_service',
  'pit_fuel_add',
  'pit_repair_left',
  'pit_opt_repair_left',
  'pit_active',
  'tire_sets_used',
] as const;

/** Bits of `pit_service`, as iRacing counts them: tires left front, right front, left rear, right rear, then fuel. */
const SERVICE = { right: 2 | 8, left: 1 | 4, fuel: 16 } as const;

/** What the crew still has to do. */
export function writePit(w: World, r: Reading, out: Float64Array, at: number): void {
  const { cars } = w;
  const { i } = r;
  const isServed = cars.mode[i] === MODE.stall;
  const done = isServed ? (w.timeS - cars.stopStartS[i]!) / cars.stopLengthS[i]! : 0;
  const toAdd = isServed ? Math.max(0, cars.fuelTargetL[i]! - cars.fuelL[i]!) : 0;
  let bits = 0;
  if (isServed && cars.tiresPlanned[i]! >= 2 && done < 0.5) bits |= SERVICE.right;
  if (isServed && cars.tiresPlanned[i] === 4 && done < 0.93) bits |= SERVICE.left;
  if (toAdd > 0.1) bits |= SERVICE.fuel;
  out[at] = bits;
  out[at + 1] = toAdd;
  out[at + 2] = isServed ? cars.repairS[i]! : 0;
  out[at + 3] = isServed || cars.damage[i]! < 0.3 ? 0 : 20 * cars.damage[i]!;
  out[at + 4] = isServed ? 1 : 0;
  out[at + 5] = cars.setsUsed[i]!;
}

export const WEATHER_KEYS = [
  'track_temp',
  'air_temp',
  'air_press',
  'air_density',
  'humidity',
  'wind_speed',
  'wind_dir',
  'wetness',
  'skies',
] as const;

/** The same for all cars: the weather station of the track. Dry (1) and partly cloudy (1). */
export function writeWeather(w: World, out: Float64Array, at: number): void {
  const { weather } = w;
  out[at] = weather.trackC;
  out[at + 1] = weather.airC;
  out[at + 2] = weather.pressHpa;
  out[at + 3] = airDensity(weather);
  out[at + 4] = weather.humidity;
  out[at + 5] = weather.windMps;
  out[at + 6] = weather.windDeg;
  out[at + 7] = 1;
  out[at + 8] = 1;
}
