import { CAR_MASS_KG, FUEL_KG_PER_L } from './cars.ts';
import { wishedAccel } from './driver.ts';
import { DOWNFORCE_AREA, G, gripOf, groundUnder } from './grip.ts';
import { steer } from './lateral.ts';
import { MEASURED_LINE_M, readTable } from './track.ts';
import { airDensity, STEP_S, type World } from './world.ts';

/** Flywheel power of the restricted engine at its peak, W, and the engine speed of that peak. */
const PEAK_POWER_W = 384_000;
export const PEAK_RPM = 8300;
export const REV_LIMIT_RPM = 9300;
export const IDLE_RPM = 1150;
const DRIVELINE = 0.92;
/** Drag area, m². */
const DRAG_AREA = 0.8;
const WHEEL_RADIUS_M = 0.345;
/** Engine turns per wheel turn for gears 1–5. */
const RATIOS = [0, 10.4, 7.4, 5.44, 4.17, 3.36];
const TOP_GEAR = 5;
/** The inside line is the shortest but binds the car; this much more tire drag in corners evens the lanes out. */
const SCRUB = [1.28, 1, 0.76, 1.3, 1.3];

const WHEEL_RPM_PER_MPS = 60 / (2 * Math.PI * WHEEL_RADIUS_M);

/** What acts on a car in this step, per kg of its mass, m/s². One object, reused. */
const forces = { full: 0, resist: 0, engineBrake: 0, powerW: 0 };

/** Full throttle and drag, so that the pedals can be set between them. Valid until the next call. */
function weighForces(w: World, i: number, side: number, normal: number, grip: number, massKg: number): typeof forces {
  const { cars } = w;
  const v = cars.v[i]!;
  const rpm = cars.rpm[i]!;
  const x = Math.min(1.2, rpm / PEAK_RPM);
  const limiter = rpm > REV_LIMIT_RPM ? 0.1 : 1;
  forces.powerW = PEAK_POWER_W * cars.power[i]! * cars.engineHealth[i]! * x * (2 - x) * limiter;
  const traction = 0.55 * grip * normal;
  const pull = (forces.powerW * DRIVELINE) / Math.max(v, 4) / massKg;
  forces.full = cars.fuelL[i]! > 0 ? Math.min(traction, pull) : 0;
  const air = v + 0.7 * headwind(w, i);
  const saved = (1 - cars.draft[i]!) * (1 - 0.03 * Math.min(3, cars.push[i]!));
  const beside = 1 + 0.022 * Math.min(2, cars.beside[i]!);
  const lane = cars.lane[i]!;
  const area = DRAG_AREA * cars.drag[i]! * saved * beside * (1 + w.laneDrag[lane]!) * (1 + 0.12 * cars.damage[i]!);
  const drag = (0.5 * airDensity(w.weather) * area * air * Math.abs(air)) / massKg;
  const scrub = 0.021 * SCRUB[lane]! * Math.abs(side);
  forces.resist = v > 0.05 ? drag + 0.013 * normal + scrub : 0;
  forces.engineBrake = v > 2 && cars.throttle[i]! < 0.05 ? 0.55 : 0;
  return forces;
}

/** Sets throttle and brake for the acceleration wanted, as fast as a foot moves. */
function setPedals(w: World, i: number, want: number, brakeMax: number): void {
  const { cars } = w;
  const { full, resist, engineBrake } = forces;
  const pedal = Math.max(0, Math.min(1, (want + resist) / Math.max(full, 0.5)));
  const floor = -resist - engineBrake - 0.35;
  const squeeze = want < floor ? Math.min(1, (floor - want) / brakeMax) : 0;
  const wanted = squeeze > 0 ? 0 : pedal;
  cars.throttle[i] = approach(cars.throttle[i]!, wanted, wanted > cars.throttle[i]! ? 4 * STEP_S : 9 * STEP_S);
  cars.brake[i] = approach(cars.brake[i]!, squeeze, 6 * STEP_S);
}

/** Moves pedals, gears and speed of one car by a step. */
export function drive(w: World, i: number): void {
  const { cars, track } = w;
  const v = cars.v[i]!;
  const massKg = CAR_MASS_KG + cars.fuelL[i]! * FUEL_KG_PER_L;
  const density = airDensity(w.weather);
  const { curvature, bankRad } = groundUnder(w, cars.s[i]!, cars.offset[i]!);
  const pull = v * v * curvature;
  const downforce = (0.5 * density * DOWNFORCE_AREA * v * v) / massKg;
  const normal = G * Math.cos(bankRad) + pull * Math.sin(bankRad) + downforce;
  const side = pull * Math.cos(bankRad) - G * Math.sin(bankRad);
  const grip = gripOf(w, i);
  cars.gripUse[i] = Math.abs(side) / (grip * normal);
  const { full, resist, engineBrake, powerW } = weighForces(w, i, side, normal, grip, massKg);
  const brakeMax = Math.min(11, 0.95 * grip * normal);
  setPedals(w, i, wishedAccel(w, i, grip, density, massKg), brakeMax);
  const braking = cars.brake[i]! * brakeMax;
  const accel = cars.throttle[i]! * full - resist - engineBrake - braking;
  const nextV = Math.max(0, v + accel * STEP_S);
  cars.accel[i] = (nextV - v) / STEP_S;
  cars.v[i] = nextV;
  // The measured line is shorter than an outer one.
  const longer = readTable(track, track.curvature, cars.s[i]!) * (cars.offset[i]! - MEASURED_LINE_M);
  cars.dist[i]! += (nextV * STEP_S) / (1 + longer);
  const burnKgPerS = cars.throttle[i]! * powerW * 7.2e-8 + cars.rpm[i]! * 2.2e-7;
  cars.burnLPerS[i] = cars.fuelL[i]! > 0 ? burnKgPerS / FUEL_KG_PER_L : 0;
  cars.fuelL[i] = Math.max(0, cars.fuelL[i]! - cars.burnLPerS[i]! * STEP_S);
  shift(w, i);
  steer(w, i, curvature, side);
}

const approach = (from: number, to: number, step: number) =>
  to > from ? Math.min(to, from + step) : Math.max(to, from - step);

function headwind(w: World, i: number): number {
  const heading = readTable(w.track, w.track.headingDeg, w.cars.s[i]!);
  return w.weather.windMps * Math.cos(((heading - w.weather.windDeg) * Math.PI) / 180);
}

function shift(w: World, i: number): void {
  const { cars } = w;
  const wheel = cars.v[i]! * WHEEL_RPM_PER_MPS;
  let gear = Math.max(1, cars.gear[i]!);
  if (wheel * RATIOS[gear]! > 8650 && gear < TOP_GEAR) gear++;
  else if (gear > 2 && wheel * RATIOS[gear]! < 4350) gear--;
  else if (gear === 2 && cars.v[i]! < 11) gear = 1;
  cars.gear[i] = gear;
  const coupled = wheel * RATIOS[gear]! * (1 + 0.004 * cars.throttle[i]!);
  // Pulling away, the clutch slips until the wheels have caught up with a launch speed.
  const launch = IDLE_RPM + 2600 * cars.throttle[i]!;
  cars.clutch[i] = coupled < launch ? Math.max(0, Math.min(1, coupled / launch)) : 1;
  const goal = Math.max(coupled, coupled < launch ? launch : IDLE_RPM);
  cars.rpm[i]! += (goal - cars.rpm[i]!) * 0.35;
}
