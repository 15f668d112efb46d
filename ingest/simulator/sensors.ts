import type { Noise } from './random.ts';
import { CHASSIS_KEYS, writeChassis } from './sensors-chassis.ts';
import { DRIVER_KEYS, POSITION_KEYS, writeDriver, writePosition } from './sensors-driver.ts';
import { ENGINE_KEYS, writeEngine } from './sensors-engine.ts';
import { MOTION_KEYS, writeMotion } from './sensors-motion.ts';
import { RACE_KEYS, writeRace } from './sensors-race.ts';
import { PIT_KEYS, WEATHER_KEYS, writePit, writeWeather } from './sensors-service.ts';
import { TIRE_KEYS, writeTires } from './sensors-tires.ts';
import { readTable } from './track.ts';
import { STEP_S, type World } from './world.ts';

/** One car at the instant of a sample, between the last two steps of the physics. One object, reused. */
export interface Reading {
  i: number;
  timeS: number;
  /** Laps completed, −1 before the first crossing. */
  lap: number;
  s: number;
  v: number;
  offset: number;
  slipDeg: number;
  curvature: number;
  bankRad: number;
  /** What an accelerometer feels across and upright in the frame of the car, m/s². */
  side: number;
  normal: number;
  /** Sensor noise k: mean 0, deviation 1, another one for each sample. */
  noise(k: number): number;
}

/** Keys in the order in which values are written: each group's keys stand beside its writer. */
export const CHANNEL_KEYS: readonly string[] = [
  ...RACE_KEYS,
  ...DRIVER_KEYS,
  ...POSITION_KEYS,
  ...MOTION_KEYS,
  ...ENGINE_KEYS,
  ...TIRE_KEYS,
  ...CHASSIS_KEYS,
  ...PIT_KEYS,
  ...WEATHER_KEYS,
];

const DRIVER_AT = RACE_KEYS.length;
const POSITION_AT = DRIVER_AT + DRIVER_KEYS.length;
const MOTION_AT = POSITION_AT + POSITION_KEYS.length;
const ENGINE_AT = MOTION_AT + MOTION_KEYS.length;
const TIRE_AT = ENGINE_AT + ENGINE_KEYS.length;
const CHASSIS_AT = TIRE_AT + TIRE_KEYS.length;
const PIT_AT = CHASSIS_AT + CHASSIS_KEYS.length;
const WEATHER_AT = PIT_AT + PIT_KEYS.length;

let table: Float64Array = new Float64Array(1);
let mask = 0;
let base = 0;

const reading: Reading = {
  i: 0,
  timeS: 0,
  lap: 0,
  s: 0,
  v: 0,
  offset: 0,
  slipDeg: 0,
  curvature: 0,
  bankRad: 0,
  side: 0,
  normal: 9.81,
  noise: (k) => table[(base + k * 61) & mask]!,
};

/**
 * Writes what the sensors of car `i` read `lagS` before the last step of the physics.
 *
 * @param sampleNumber Counts the samples of a race: it picks the noise, so that a run is the same each time.
 * @param out At least as long as {@link CHANNEL_KEYS}.
 */
export function writeChannels(
  w: World,
  i: number,
  lagS: number,
  noise: Noise,
  sampleNumber: number,
  out: Float64Array,
): void {
  const { cars, track } = w;
  table = noise.table;
  mask = noise.mask;
  base = Math.imul(sampleNumber + 1, 0x9e3779b1) >>> 12;
  const back = lagS / STEP_S;
  const dist = cars.dist[i]! + (cars.prevDist[i]! - cars.dist[i]!) * back;
  reading.i = i;
  reading.timeS = Math.max(0, w.timeS - lagS);
  reading.lap = Math.floor(dist / track.lengthM);
  reading.s = dist - reading.lap * track.lengthM;
  reading.lap = Math.max(-1, reading.lap);
  reading.v = cars.v[i]! + (cars.prevV[i]! - cars.v[i]!) * back;
  reading.offset = cars.offset[i]! + (cars.prevOffset[i]! - cars.offset[i]!) * back;
  reading.slipDeg = cars.slipDeg[i]! + (cars.prevSlipDeg[i]! - cars.slipDeg[i]!) * back;
  const k = readTable(track, track.curvature, reading.s);
  const bank = readTable(track, track.bankRad, reading.s);
  const lean = Math.max(0, Math.min(1, (reading.offset + 1.5) / 3));
  reading.curvature = k / (1 + k * (reading.offset - 5.8));
  reading.bankRad = bank * (0.25 + 0.75 * lean);
  const pull = reading.v * reading.v * reading.curvature;
  reading.side = pull * Math.cos(reading.bankRad) - 9.81 * Math.sin(reading.bankRad);
  reading.normal = pull * Math.sin(reading.bankRad) + 9.81 * Math.cos(reading.bankRad);
  writeRace(w, reading, out, 0);
  writeDriver(w, reading, out, DRIVER_AT);
  writePosition(w, reading, out, POSITION_AT);
  writeMotion(w, reading, out, MOTION_AT);
  writeEngine(w, reading, out, ENGINE_AT);
  writeTires(w, reading, out, TIRE_AT);
  writeChassis(w, reading, out, CHASSIS_AT);
  writePit(w, reading, out, PIT_AT);
  writeWeather(w, out, WEATHER_AT);
}
