import { MEASURED_LINE_M, readTable } from './track.ts';
import type { World } from './world.ts';

/** Downforce area, m². */
export const DOWNFORCE_AREA = 0.95;
export const G = 9.81;

/** Curvature and bank under the wheels of a car; one object, reused. */
const ground = { curvature: 0, bankRad: 0 };

/** The apron is nearly flat, and an outer line has the larger radius. Valid until the next call. */
export function groundUnder(w: World, s: number, offset: number): typeof ground {
  const k = readTable(w.track, w.track.curvature, s);
  const bank = readTable(w.track, w.track.bankRad, s);
  ground.curvature = k / (1 + k * (offset - MEASURED_LINE_M));
  ground.bankRad = offset < -0.5 ? bank * 0.25 : offset < 1 ? bank * (0.25 + (offset + 0.5) * 0.5) : bank;
  return ground;
}

/** Highest speed the tires carry through a bend, m/s. */
export function cornerLimit(curvature: number, bankRad: number, grip: number, density: number, massKg: number): number {
  const sin = Math.sin(bankRad);
  const cos = Math.cos(bankRad);
  const lift = (0.5 * density * DOWNFORCE_AREA) / massKg;
  const need = curvature * (cos - grip * sin) - grip * lift;
  return need <= 1e-6 ? 150 : Math.sqrt((G * (sin + grip * cos)) / need);
}

/** Grip coefficient: falls with tread on the right side, in dirty air and on cold tires. */
export function gripOf(w: World, i: number): number {
  const { cars } = w;
  const tread = Math.min(cars.tread[12 * i + 4]!, cars.tread[12 * i + 10]!);
  const dirty = 0.32 * cars.draft[i]! + 0.012 * cars.beside[i]!;
  const cold = Math.max(0, 60 - cars.carcassC[12 * i + 4]!) * 0.0012;
  return (1.02 - 0.43 * (1 - tread) - dirty - cold) * (1 - 0.15 * cars.damage[i]!);
}
