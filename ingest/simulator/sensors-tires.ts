import { MODE } from './cars.ts';
import type { Reading } from './sensors.ts';
import type { World } from './world.ts';

const CORNERS = ['lf', 'rf', 'lr', 'rr'] as const;
const QUANTITIES = [
  'speed',
  'press',
  'press_cold',
  'odometer',
  'temp_l',
  'temp_m',
  'temp_r',
  'carcass_l',
  'carcass_m',
  'carcass_r',
  'wear_l',
  'wear_m',
  'wear_r',
  'used',
] as const;
const PER_CORNER = QUANTITIES.length;

export const TIRE_KEYS = CORNERS.flatMap((corner) => QUANTITIES.map((quantity) => `tire_${corner}_${quantity}`));

/** Half the track width of the car, m. */
const HALF_TRACK_M = 0.82;

/** Wheel speeds differ by the path of each side and the slip of the driven wheels; the rest is slow and steady. */
export function writeTires(w: World, r: Reading, out: Float64Array, at: number): void {
  const { cars } = w;
  const { i, v } = r;
  const kph = v * 3.6;
  const isSpin = cars.mode[i] === MODE.spin;
  const grip = isSpin ? Math.cos((r.slipDeg * Math.PI) / 180) * 0.5 : 1;
  const drive = 0.004 + 0.014 * cars.throttle[i]! * Math.min(1, kph / 100);
  const lock = 0.04 * cars.brake[i]!;
  for (let corner = 0; corner < 4; corner++) {
    const to = at + PER_CORNER * corner;
    const tire = 4 * i + corner;
    const side = corner & 1 ? 1 : -1;
    const slip = corner >= 2 ? drive - lock * 0.6 : -lock;
    const wheel = kph * grip * (1 + side * HALF_TRACK_M * r.curvature + slip);
    out[to] = v < 0.05 ? 0 : wheel + 0.05 * r.noise(30 + corner);
    out[to + 1] = cars.pressKpa[tire]!;
    out[to + 2] = cars.coldKpa[tire]!;
    out[to + 3] = cars.odometerM[tire]!;
    const bands = 12 * i + 3 * corner;
    for (let band = 0; band < 3; band++) {
      out[to + 4 + band] = cars.surfaceC[bands + band]!;
      out[to + 7 + band] = cars.carcassC[bands + band]!;
      out[to + 10 + band] = cars.tread[bands + band]! * 100;
    }
    out[to + 13] = cars.tiresUsed[tire]!;
  }
}
