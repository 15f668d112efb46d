import type { Reading } from './sensors.ts';
import type { World } from './world.ts';

export const CHASSIS_KEYS = [
  'shock_lf_defl',
  'shock_lf_vel',
  'ride_lf',
  'shock_rf_defl',
  'shock_rf_vel',
  'ride_rf',
  'shock_lr_defl',
  'shock_lr_vel',
  'ride_lr',
  'shock_rr_defl',
  'shock_rr_vel',
  'ride_rr',
  'ride_splitter',
  'wedge_left',
  'wedge_right',
  'tape',
  'brake_lf_temp',
  'brake_rf_temp',
  'brake_lr_temp',
  'brake_rr_temp',
] as const;

/** Ride height at rest, mm, for left front, right front, left rear, right rear. */
const STATIC_MM = [78, 84, 96, 104];
/** Wheelbase and track split, per corner: front +1, right +1. */
const FRONT = [1, 1, -1, -1];
const RIGHT = [-1, 1, -1, 1];
const WHEELBASE_M = 2.79;

/** Springs carry weight, banking, downforce and load transfer; bumps sit in the same places every lap. */
export function writeChassis(w: World, r: Reading, out: Float64Array, at: number): void {
  const { cars, track } = w;
  const { i, v } = r;
  // Weight over rest, mm of travel: 2 g on the banking presses the car down by some centimetres.
  const heave = 1.55 * (r.normal - 9.81) + 0.0021 * v * v;
  const roll = 0.62 * r.side;
  const pitch = 0.9 * cars.accel[i]!;
  let front = 0;
  for (let corner = 0; corner < 4; corner++) {
    const bumps = RIGHT[corner]! > 0 ? track.bumpsRightMm : track.bumpsLeftMm;
    const size = bumps.length;
    const wheelAt = r.s + (FRONT[corner]! > 0 ? 0 : size - WHEELBASE_M);
    const cell = wheelAt | 0;
    const here = bumps[cell % size]!;
    const slope = bumps[(cell + 1) % size]! - here;
    const bump = here + slope * (wheelAt - cell);
    // Bumps are felt less at a crawl: the car follows them as a whole.
    const lively = Math.min(1, v / 20);
    const travel = heave + RIGHT[corner]! * roll - FRONT[corner]! * pitch + 0.55 * bump * lively;
    const to = at + 3 * corner;
    out[to] = 22 + 0.72 * travel + 0.05 * lively * r.noise(40 + corner);
    out[to + 1] = v < 0.05 ? 0 : 0.4 * slope * v + 4 * lively * r.noise(44 + corner);
    out[to + 2] = STATIC_MM[corner]! - travel + 0.15 * lively * r.noise(48 + corner);
    if (corner < 2) front += travel * 0.5;
  }
  out[at + 12] = 62 - front * 0.98 - 0.5 * pitch + 0.3 * Math.min(1, v / 20) * r.noise(52);
  out[at + 13] = -2 + (i % 5) * 0.5;
  out[at + 14] = 3 - (i % 4) * 0.5;
  out[at + 15] = 40 + (i % 6) * 5;
  for (let corner = 0; corner < 4; corner++) out[at + 16 + corner] = cars.brakeC[4 * i + corner]!;
}
