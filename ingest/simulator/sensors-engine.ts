import { FUEL_KG_PER_L, MODE, TANK_L } from './cars.ts';
import { PEAK_RPM, REV_LIMIT_RPM } from './drive.ts';
import type { Reading } from './sensors.ts';
import { PIT, zoneOf } from './track.ts';
import type { World } from './world.ts';

export const ENGINE_KEYS = [
  'water_temp',
  'water_level',
  'oil_temp',
  'oil_press',
  'oil_level',
  'fuel_level',
  'fuel_pct',
  'fuel_press',
  'fuel_use',
  'manifold_press',
  'voltage',
  'engine_warnings',
  'push_to_pass',
] as const;

/** Bits of `engine_warnings`, as iRacing counts them. */
const WARNING = {
  waterTemp: 1,
  fuelPress: 2,
  oilPress: 4,
  stalled: 8,
  pitLimiter: 16,
  revLimiter: 32,
  oilTemp: 64,
} as const;

/** Temperatures and levels move slowly and read steadily; pressures and voltage follow the engine speed. */
export function writeEngine(w: World, r: Reading, out: Float64Array, at: number): void {
  const { cars, weather } = w;
  const { i } = r;
  const rpm = cars.rpm[i]!;
  const isOn = rpm > 300;
  const load = rpm / PEAK_RPM;
  const health = cars.engineHealth[i]!;
  const thin = 1 - 0.0042 * (cars.oilC[i]! - 110);
  const oilBar = isOn ? (1.5 + 3.9 * Math.min(1.1, load)) * thin * (0.25 + 0.75 * health) + 0.012 * r.noise(20) : 0;
  const hasFuel = cars.fuelL[i]! > 0.15;
  out[at] = cars.waterC[i]!;
  out[at + 1] = cars.waterL[i]!;
  out[at + 2] = cars.oilC[i]!;
  out[at + 3] = Math.max(0, oilBar);
  out[at + 4] = cars.oilL[i]!;
  out[at + 5] = cars.fuelL[i]!;
  out[at + 6] = Math.min(100, (cars.fuelL[i]! / TANK_L) * 100);
  out[at + 7] = !isOn ? 0 : hasFuel ? 4.35 - 0.12 * load + 0.008 * r.noise(21) : 1.1;
  out[at + 8] = cars.burnLPerS[i]! * FUEL_KG_PER_L * 3600;
  const ambient = weather.pressHpa / 1000;
  const open = 0.3 + 0.56 * Math.sqrt(cars.throttle[i]!) - 0.04 * load;
  out[at + 9] = isOn ? ambient * open + 0.0015 * r.noise(22) : ambient;
  out[at + 10] = isOn ? 13.62 + 0.22 * Math.min(1, load) + 0.012 * r.noise(23) : 12.55;
  out[at + 11] = warnings(w, r, isOn, oilBar);
  // Stock cars have none; the channel exists because the catalogue serves several series.
  out[at + 12] = 0;
}

function warnings(w: World, r: Reading, isOn: boolean, oilBar: number): number {
  const { cars, track } = w;
  const { i } = r;
  if (!isOn) return WARNING.stalled | WARNING.oilPress | WARNING.fuelPress;
  const z = zoneOf(track, r.s);
  const isPitting = cars.mode[i] === MODE.pitIn || cars.mode[i] === MODE.pitOut;
  let bits = 0;
  if (cars.waterC[i]! > 125) bits |= WARNING.waterTemp;
  if (cars.oilC[i]! > 150) bits |= WARNING.oilTemp;
  if (oilBar < 1.2) bits |= WARNING.oilPress;
  if (cars.fuelL[i]! <= 0.15) bits |= WARNING.fuelPress;
  if (isPitting && z > PIT.inZ && z < PIT.outZ) bits |= WARNING.pitLimiter;
  if (cars.rpm[i]! > REV_LIMIT_RPM) bits |= WARNING.revLimiter;
  return bits;
}
