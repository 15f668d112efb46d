import { CAR_LENGTH_M, CAR_MASS_KG, FUEL_KG_PER_L, LANE, MODE } from './cars.ts';
import { apronOffset, MEASURED_LINE_M, PIT, readTable, zoneOf } from './track.ts';
import { airDensity, STEP_S, type World } from './world.ts';

/** Flywheel power of the restricted engine at its peak, W, and the engine speed of that peak. */
const PEAK_POWER_W = 384_000;
export const PEAK_RPM = 8300;
export const REV_LIMIT_RPM = 9300;
export const IDLE_RPM = 1150;
const DRIVELINE = 0.92;
/** Drag area, m², and downforce area, m². */
const DRAG_AREA = 0.8;
const DOWNFORCE_AREA = 0.95;
const WHEEL_RADIUS_M = 0.345;
/** Engine turns per wheel turn for gears 1–5. */
const RATIOS = [0, 10.4, 7.4, 5.44, 4.17, 3.36];
const TOP_GEAR = 5;
/** The inside line is the shortest but binds the car; this much more tire drag in corners evens the lanes out. */
const SCRUB = [1.28, 1, 0.76, 1.3, 1.3];
const G = 9.81;

export const LANE_CENTRE_M = [2.4, 5.8, 9.2];
export const REACH_RPM_PER_MPS = 60 / (2 * Math.PI * WHEEL_RADIUS_M);

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
function cornerLimit(curvature: number, bankRad: number, grip: number, density: number, massKg: number): number {
  const sin = Math.sin(bankRad);
  const cos = Math.cos(bankRad);
  const lift = (0.5 * density * DOWNFORCE_AREA) / massKg;
  const need = curvature * (cos - grip * sin) - grip * lift;
  return need <= 1e-6 ? 150 : Math.sqrt((G * (sin + grip * cos)) / need);
}

/** Grip coefficient: falls with tread on the right side, in dirty air and on cold tires. */
function gripOf(w: World, i: number): number {
  const { cars } = w;
  const tread = Math.min(cars.tread[12 * i + 4]!, cars.tread[12 * i + 10]!);
  const dirty = 0.32 * cars.draft[i]! + 0.012 * cars.beside[i]!;
  const cold = Math.max(0, 60 - cars.carcassC[12 * i + 4]!) * 0.0012;
  return (1.02 - 0.43 * (1 - tread) - dirty - cold) * (1 - 0.15 * cars.damage[i]!);
}

/** Acceleration that keeps a car behind the one ahead of it in its lane, m/s². */
function followAccel(w: World, i: number): number {
  const { cars } = w;
  const ahead = cars.ahead[i]!;
  if (ahead < 0) return 99;
  const gap = cars.aheadGap[i]!;
  const closing = cars.v[i]! - cars.v[ahead]!;
  // Each driver with a nerve of his own, and all with more respect once the tires have gone off.
  const worn = 1 + 1.6 * (1 - cars.tread[12 * i + 4]!);
  const keep =
    w.control.phase === 'green' && cars.lane[i]! <= LANE.top
      ? Math.max(0.8, cars.closeness[i]! * worn * (1 + 0.3 * cars.sway[i]!))
      : 2.6 + 0.4 * cars.sway[i]!;
  // Drivers look through the windows of the car ahead: they go with it instead of waiting for the gap to open.
  const along = gap < 30 ? 0.85 * cars.accel[ahead]! : 0;
  const held = 0.3 * (gap - keep) - 1.15 * closing + along;
  const needed = closing > 0 ? (closing * closing) / (2 * Math.max(gap - 1, 0.4)) : 0;
  return Math.max(-9, needed > 2.2 ? Math.min(held, -needed) : held);
}

/** Speed wanted at the present place for mode and phase, m/s; `Infinity` for flat out. */
function wantedSpeed(w: World, i: number): number {
  const { cars, control, track } = w;
  const z = zoneOf(track, cars.s[i]!);
  const mode = cars.mode[i];
  const limit = PIT.limitMps - 0.25 + 0.12 * cars.wander[i]!;
  if (mode === MODE.pitIn) {
    const approach = cars.damage[i]! > 0.3 ? 38 : w.control.phase === 'green' ? Infinity : 45;
    const toLine = Math.max(0, PIT.inZ - 4 - z);
    const toStall = cars.stallZ[i]! - z;
    // Past its stall, or far before pit road, after a spin: once around on the apron.
    if (toStall < -5) return z < PIT.outZ ? limit : Math.min(approach, 60);
    const stopping = Math.sqrt(2 * 4.2 * Math.max(0, toStall - 0.1));
    return Math.min(approach, Math.sqrt(limit * limit + 2 * 6.5 * toLine), toLine > 0 ? Infinity : stopping);
  }
  if (mode === MODE.pitOut) {
    if (z < PIT.outZ) return limit;
    return control.phase === 'green' ? Infinity : 50;
  }
  if (cars.finished[i]! > 0) return 58;
  if (control.phase === 'green') return Infinity;
  if (control.phase === 'finish') return control.flag === 'checkered' && control.paceV > 0 ? control.paceV : Infinity;
  return paceSpeed(w, i);
}

/** Metres from car `i` forward to its place in the queue; negative when it must fall back. */
export function toSlot(w: World, i: number): number {
  const { control, cars, track } = w;
  const slot = cars.slot[i]!;
  const isDouble = control.phase === 'form' || control.phase === 'pace';
  const back = 22 + (isDouble ? (slot >> 1) * 8.4 : slot * 8);
  const raw = control.paceDist - back - cars.dist[i]!;
  // Ahead of the pace car, which happens to a leader after a quick stop: wait for it.
  if (raw < 0) return raw;
  const wrapped = raw - Math.floor(raw / track.lengthM) * track.lengthM;
  // Waved around: past the pace car and once around, to get a lost lap back.
  if (cars.waved[i] === 1 && raw > track.lengthM) return wrapped + track.lengthM;
  // Far ahead of its place a car drives all the way round, which is how lapped cars get their lap back.
  return wrapped > track.lengthM - 380 ? wrapped - track.lengthM : wrapped;
}

function paceSpeed(w: World, i: number): number {
  if (w.control.phase === 'red') return 0;
  const rel = toSlot(w, i);
  return Math.max(12, Math.min(rel > 300 ? 68 : 56, w.control.paceV + 0.22 * rel));
}

/** Moves pedals, gears and speed of one car by a step. */
export function drive(w: World, i: number): void {
  const { cars } = w;
  const v = cars.v[i]!;
  const fuelKg = cars.fuelL[i]! * FUEL_KG_PER_L;
  const massKg = CAR_MASS_KG + fuelKg;
  const density = airDensity(w.weather);
  const { curvature, bankRad } = groundUnder(w, cars.s[i]!, cars.offset[i]!);
  const normal =
    G * Math.cos(bankRad) + v * v * curvature * Math.sin(bankRad) + (0.5 * density * DOWNFORCE_AREA * v * v) / massKg;
  const side = v * v * curvature * Math.cos(bankRad) - G * Math.sin(bankRad);
  const grip = gripOf(w, i);
  cars.gripUse[i] = Math.abs(side) / (grip * normal);

  let want = followAccel(w, i);
  const target = wantedSpeed(w, i);
  if (target < 120) {
    const isPitting = cars.mode[i] === MODE.pitIn;
    // Stopping on a mark takes a firm foot; slowing with others around a gentle one.
    const hardest = isPitting ? 7.5 : cars.finished[i]! > 0 ? 1.5 : 4.5;
    want = Math.min(want, Math.max(-hardest, Math.min(4, (isPitting ? 3 : 1.1) * (target - v))));
  }
  const ahead = cars.s[i]! + v * 0.45;
  const next = groundUnder(w, ahead >= w.track.lengthM ? ahead - w.track.lengthM : ahead, cars.offset[i]!);
  if (next.curvature > 2e-4) {
    const limit = cornerLimit(next.curvature, next.bankRad, grip * (0.965 + 0.012 * cars.wander[i]!), density, massKg);
    want = Math.min(want, Math.max(-5, 0.9 * (limit - v)));
  }
  if (cars.laneTo[i] === LANE.stall) {
    // Once the brakes are on for the mark, exactly as hard as it takes to stop on it.
    const need = (v * v) / (2 * Math.max(0.1, cars.stallZ[i]! - zoneOf(w.track, cars.s[i]!)));
    if (need > 3.4) want = Math.min(want, -need);
  }
  if (w.timeS < cars.reactAtS[i]!) want = Math.min(want, 0);
  if (w.timeS < cars.yieldUntilS[i]!) want = Math.min(want, -0.9);

  // What full throttle and a closed one would do, so that the pedals can be set between them.
  const rpm = cars.rpm[i]!;
  const x = Math.min(1.2, rpm / PEAK_RPM);
  const power = PEAK_POWER_W * cars.power[i]! * cars.engineHealth[i]! * x * (2 - x) * (rpm > REV_LIMIT_RPM ? 0.1 : 1);
  const traction = 0.55 * grip * normal;
  const full = cars.fuelL[i]! > 0 ? Math.min(traction, (power * DRIVELINE) / Math.max(v, 4) / massKg) : 0;
  const air = v + 0.7 * headwind(w, i);
  const saved =
    (1 - cars.draft[i]!) * (1 - 0.03 * Math.min(3, cars.push[i]!)) * (1 + 0.022 * Math.min(2, cars.beside[i]!));
  const lane = cars.lane[i]!;
  const bias = 1 + (w.laneDrag[lane] ?? 0);
  const area = DRAG_AREA * cars.drag[i]! * saved * bias * (1 + 0.12 * cars.damage[i]!);
  const scrub = 0.021 * SCRUB[lane]! * Math.abs(side);
  const resist = v > 0.05 ? (0.5 * density * area * air * Math.abs(air)) / massKg + 0.013 * normal + scrub : 0;
  const engineBrake = v > 2 && cars.throttle[i]! < 0.05 ? 0.55 : 0;

  const pedal = Math.max(0, Math.min(1, (want + resist) / Math.max(full, 0.5)));
  const floor = -resist - engineBrake - 0.35;
  const squeeze = want < floor ? Math.min(1, (floor - want) / 11) : 0;
  const wanted = squeeze > 0 ? 0 : pedal;
  cars.throttle[i] = approach(cars.throttle[i]!, wanted, wanted > cars.throttle[i]! ? 4 * STEP_S : 9 * STEP_S);
  cars.brake[i] = approach(cars.brake[i]!, squeeze, 6 * STEP_S);
  if (cars.finished[i]! > 0 || w.control.phase !== 'green') cars.impatience[i] = 0;
  const accel = cars.throttle[i]! * full - resist - engineBrake - cars.brake[i]! * Math.min(11, 0.95 * grip * normal);
  const nextV = Math.max(0, v + accel * STEP_S);
  cars.accel[i] = (nextV - v) / STEP_S;
  cars.v[i] = nextV;
  const path = readTable(w.track, w.track.curvature, cars.s[i]!) * (cars.offset[i]! - MEASURED_LINE_M);
  cars.dist[i]! += (nextV * STEP_S) / (1 + path);
  const burnKgPerS = cars.throttle[i]! * power * 7.9e-8 + rpm * 2.2e-7;
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
  const wheel = cars.v[i]! * REACH_RPM_PER_MPS;
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

/** Steering from the bend, the slip of the tires and busy hands; body angle from grip use. */
function steer(w: World, i: number, curvature: number, side: number): void {
  const { cars } = w;
  const v = cars.v[i]!;
  const turn = curvature * 2.8 * 57.3;
  const lateral = v > 5 ? Math.atan2(cars.offsetVel[i]!, v) * 57.3 : 0;
  const busy = (0.35 + 0.9 * Math.min(1.2, cars.gripUse[i]!) * (1 + 2 * cars.draft[i]!)) * cars.wander[i]!;
  const goal = 12 * (turn + 0.021 * side) - 4 * lateral + busy * (v > 15 ? 1 : 0.2);
  cars.steerDeg[i]! += (goal - cars.steerDeg[i]!) * 0.12;
  const slip = side > 0 ? 0.06 * side + 1.4 * Math.max(0, cars.gripUse[i]! - 0.75) : 0.05 * side;
  cars.slipDeg[i]! += (slip + 0.12 * cars.wander[i]! * Math.min(1, v / 40) - cars.slipDeg[i]!) * 0.1;
}

/** Moves a car sideways to its lane by a step, with the wander of a hand on the wheel. */
export function moveSideways(w: World, i: number): void {
  const { cars, track } = w;
  const z = zoneOf(track, cars.s[i]!);
  const to = cars.laneTo[i]!;
  let goal = to === LANE.apron ? apronOffset(z) : to === LANE.stall ? PIT.stallM : LANE_CENTRE_M[to]!;
  if (cars.mode[i] === MODE.spin || cars.mode[i] === MODE.parked) goal = cars.spinOffset[i]!;
  else if (to <= LANE.top) goal += (cars.aheadGap[i]! > 50 ? 0.45 : 0.22) * cars.sway[i]!;
  const v = cars.v[i]!;
  const most = Math.min(2.6, v * 0.2);
  const wanted = Math.max(-most, Math.min(most, 1.5 * (goal - cars.offset[i]!)));
  cars.offsetVel[i]! += (wanted - cars.offsetVel[i]!) * 0.07;
  // The apron swings in towards pit road faster than lanes change; follow it exactly once there.
  if (to === LANE.apron && cars.lane[i] === LANE.apron && v > 8) {
    cars.offsetVel[i] = Math.max(-4, Math.min(4, (goal - cars.offset[i]!) * 3));
  }
  if (v < 0.3) cars.offsetVel[i] = 0;
  cars.offset[i]! += cars.offsetVel[i]! * STEP_S;
  if (cars.lane[i] !== to && Math.abs(cars.offset[i]! - goal) < 0.7) cars.lane[i] = to;
}

/** Cars in one lane cannot be in one place: whoever is too close is put back and slowed, which is a bump. */
export function resolveContact(w: World, i: number): void {
  const { cars } = w;
  const ahead = cars.ahead[i]!;
  if (ahead < 0 || cars.aheadGap[i]! > 0.4) return;
  const overlap = 0.15 - cars.aheadGap[i]!;
  if (overlap <= 0) return;
  const closing = cars.v[i]! - cars.v[ahead]!;
  if (closing > 0) {
    cars.v[i]! -= closing * 0.7;
    cars.v[ahead]! += closing * 0.3;
    cars.jolt[i]! -= closing * 9;
    cars.jolt[ahead]! += closing * 9;
  }
  // Never by more than it has just moved: distance must not run backwards.
  cars.dist[i]! -= Math.min(overlap * 0.2, cars.v[i]! * STEP_S * 0.8, CAR_LENGTH_M);
}
