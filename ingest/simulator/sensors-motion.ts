import { MODE } from './cars.ts';
import type { Reading } from './sensors.ts';
import { readTable } from './track.ts';
import type { World } from './world.ts';

export const MOTION_KEYS = [
  'accel_lat',
  'accel_long',
  'accel_vert',
  'vel_x',
  'vel_y',
  'vel_z',
  'yaw',
  'pitch',
  'roll',
  'yaw_rate',
  'pitch_rate',
  'roll_rate',
] as const;

const DEG = 180 / Math.PI;
const limit = (value: number, most: number) => Math.max(-most, Math.min(most, value));
/** Degrees into [−180, 180). */
const wrap = (deg: number) => deg - Math.floor((deg + 180) / 360) * 360;

/**
 * Inertial unit. Accelerations are what a sensor in the car feels: left, forward and up positive, gravity included.
 * Roll is positive with the right side down, pitch with the nose up; yaw is the direction the body points to.
 */
export function writeMotion(w: World, r: Reading, out: Float64Array, at: number): void {
  const { cars, track } = w;
  const { i, v } = r;
  const isMoving = v > 0.05;
  // Engine and asphalt shake the sensor; a parked car with the engine off is quiet.
  const shake = cars.mode[i] === MODE.parked ? 0.01 : 0.03 + Math.min(1, v / 60);
  const slip = r.slipDeg / DEG;
  const jolt = cars.jolt[i]!;
  const isSpin = cars.mode[i] === MODE.spin && isMoving;
  const force = isSpin ? -7 : r.side;
  const accel = cars.accel[i]!;
  const side = isSpin ? force * Math.sin(slip) + 0.6 * jolt : r.side + 0.5 * jolt * Math.sin(i);
  const forward = isSpin ? force * Math.cos(slip) + jolt : accel + jolt;
  out[at] = limit(side + 0.45 * shake * r.noise(10), 190);
  out[at + 1] = limit(forward + 0.28 * shake * r.noise(11), 190);
  out[at + 2] = limit(r.normal + 1.2 * shake * r.noise(12) + Math.abs(jolt) * 0.2, 190);
  out[at + 3] = v * Math.cos(slip);
  out[at + 4] = -v * Math.sin(slip) + (isMoving ? 0.015 * r.noise(13) : 0);
  out[at + 5] = isMoving ? 0.02 * shake * r.noise(14) : 0;
  const heading = readTable(track, track.headingDeg, r.s);
  out[at + 6] = wrap(heading - r.slipDeg);
  out[at + 7] = 0.35 + 0.09 * accel - 0.00004 * v * v + 0.03 * shake * r.noise(15);
  out[at + 8] = -r.bankRad * DEG + 0.075 * r.side + 0.05 * shake * r.noise(16);
  const turning = v * r.curvature * DEG;
  out[at + 9] = limit(turning + cars.yawRateDeg[i]! + 0.5 * shake * r.noise(17), 900);
  out[at + 10] = 1.1 * shake * r.noise(18);
  out[at + 11] = 1.6 * shake * r.noise(19) + rollRate(w, r);
}

/** The bank comes and goes at the ends of the turns, which rolls the whole car. */
function rollRate(w: World, r: Reading): number {
  const { track } = w;
  if (r.offset < 0) return 0;
  const next = r.s + 4 >= track.lengthM ? r.s + 4 - track.lengthM : r.s + 4;
  const change = readTable(track, track.bankRad, next) - readTable(track, track.bankRad, r.s);
  return ((-change * DEG) / 4) * r.v;
}
