import { MODE } from './cars.ts';
import { PEAK_RPM } from './drive.ts';
import type { Reading } from './sensors.ts';
import { MEASURED_LINE_M, readTable } from './track.ts';
import type { World } from './world.ts';

export const DRIVER_KEYS = [
  'speed',
  'rpm',
  'gear',
  'throttle',
  'brake',
  'clutch',
  'steering',
  'steering_torque',
  'shift_light',
  'throttle_raw',
  'brake_raw',
  'clutch_raw',
  'brake_bias',
  'draft',
] as const;

/** Pedals in % (clutch 100 = fully engaged, as iRacing counts it), steering positive to the left. */
export function writeDriver(w: World, r: Reading, out: Float64Array, at: number): void {
  const { cars } = w;
  const { i, v } = r;
  const rpm = cars.rpm[i]!;
  const isOff = cars.mode[i] === MODE.parked;
  const throttle = cars.throttle[i]! * 100;
  const brake = cars.brake[i]! * 100;
  const clutch = isOff ? 0 : cars.clutch[i]! * 100;
  out[at] = v < 0.05 ? 0 : v * 3.6 + 0.04 * r.noise(1);
  out[at + 1] = rpm < 50 ? 0 : rpm + 5 * r.noise(2);
  out[at + 2] = cars.gear[i]!;
  // Pedal sensors saturate at their stops: a foot on the floor reads a steady 100.
  out[at + 3] = throttle > 99.4 ? 100 : throttle < 0.4 ? 0 : limit(throttle + 0.1 * r.noise(3));
  out[at + 4] = brake < 0.4 ? 0 : limit(brake + 0.15 * r.noise(4));
  out[at + 5] = clutch;
  const shake = Math.min(1, v / 30);
  out[at + 6] = cars.steerDeg[i]! + 0.12 * shake * r.noise(5);
  const torque = 0.62 * r.side + 0.16 * cars.steerDeg[i]! * shake + 1.1 * shake * r.noise(6);
  out[at + 7] = Math.max(-199, Math.min(199, torque));
  out[at + 8] = Math.round(limit((rpm - PEAK_RPM + 300) / 7));
  out[at + 9] = out[at + 3]!;
  out[at + 10] = out[at + 4]!;
  out[at + 11] = clutch;
  out[at + 12] = 58 + (i % 7) * 0.5;
  out[at + 13] = cars.draft[i]! < 0.002 ? 0 : cars.draft[i]! * 100;
}

const limit = (value: number) => Math.max(0, Math.min(100, value));

export const POSITION_KEYS = ['lat', 'lon', 'alt', 'heading'] as const;

const M_PER_DEG = 111_320;

/** Satellite position of the car, with centimetres of noise while it moves, and its course. */
export function writePosition(w: World, r: Reading, out: Float64Array, at: number): void {
  const { track } = w;
  const heading = readTable(track, track.headingDeg, r.s);
  const rad = (heading * Math.PI) / 180;
  const across = (r.offset - MEASURED_LINE_M) * Math.cos(r.bankRad);
  const jitter = r.v > 0.05 ? 0.025 : 0;
  const east = readTable(track, track.eastM, r.s) + Math.cos(rad) * across + jitter * r.noise(7);
  const north = readTable(track, track.northM, r.s) - Math.sin(rad) * across + jitter * r.noise(8);
  out[at] = track.originLat + north / M_PER_DEG;
  out[at + 1] = track.originLon + east / (M_PER_DEG * Math.cos((track.originLat * Math.PI) / 180));
  out[at + 2] = track.originAltM + Math.max(0, r.offset + 1) * Math.sin(r.bankRad) + jitter * r.noise(9);
  out[at + 3] = ((heading % 360) + 360) % 360;
}
