import { LANE, MODE } from './cars.ts';
import { park } from './pit-stop.ts';
import { nameCars } from './roster.ts';
import { distanceTo } from './traffic.ts';
import { isYellow, STEP_S, type World } from './world.ts';

/** Mean time under green between incidents of a full, tightly packed field, s. */
const MEAN_SPIN_S = 700;
const MEAN_DEBRIS_S = 5000;

/** A spin or debris may happen; called every `dtS` under green. */
export function rollIncidents(w: World, dtS: number): void {
  const { cars, control, random } = w;
  if (control.callYellowAtS < Infinity || control.flag === 'checkered') return;
  let packed = 0;
  for (let i = 0; i < cars.count; i++) if (cars.mode[i] === MODE.track && isTight(w, i)) packed++;
  const share = (0.25 + (0.75 * packed) / cars.count) * w.incidentRate * dtS;
  if (random.isHit(share / MEAN_SPIN_S)) {
    const start = random.int(cars.count);
    for (let q = 0; q < cars.count; q++) {
      const i = (start + q) % cars.count;
      if (cars.mode[i] !== MODE.track || !isTight(w, i) || !random.isHit(0.2 + 0.8 * cars.aggression[i]!)) continue;
      wreck(w, i);
      return;
    }
  } else if (random.isHit((w.incidentRate * dtS) / MEAN_DEBRIS_S)) {
    control.callYellowAtS = w.timeS + random.range(2, 6);
    control.cause = 'debris on the track';
  }
}

const isTight = (w: World, i: number) => w.cars.aheadGap[i]! < 6 || w.cars.beside[i]! > 0;

/** One car loses it; cars close behind may be collected, all others check up. */
function wreck(w: World, first: number): void {
  const { cars, control, random } = w;
  const involved = [first];
  spin(w, first, random.next());
  for (let j = 0; j < cars.count; j++) {
    if (j === first || cars.mode[j] !== MODE.track) continue;
    const behind = distanceTo(w, j, first);
    if (behind > 140) continue;
    cars.reactAtS[j] = w.timeS + random.range(0.8, 2);
    const isNear = behind < 60 && Math.abs(cars.laneTo[j]! - cars.laneTo[first]!) <= 1;
    if (isNear && random.isHit(0.36)) {
      spin(w, j, random.next() * 0.9);
      involved.push(j);
    }
  }
  control.carsInvolved = involved.length;
  control.cause = `incident, ${nameCars(w.roster, involved)}`;
  control.callYellowAtS = w.timeS + random.range(1.2, 2.6);
}

/** @param severity 0–1: below 0.4 only tires and nerves suffer, above 0.75 the car is done. */
function spin(w: World, i: number, severity: number): void {
  const { cars, random } = w;
  cars.mode[i] = MODE.spin;
  cars.wantsPit[i] = 1;
  w.stats.spins++;
  cars.spinRate[i] = (random.isHit(0.7) ? 1 : -1) * random.range(80, 190);
  const isWall = cars.lane[i] === LANE.top || random.isHit(0.35);
  cars.spinOffset[i] = isWall ? 11.3 : random.range(-11, -7);
  cars.jolt[i] = -(15 + 75 * severity) * (isWall ? 1 : 0.5);
  cars.incidents[i]! += isWall ? 4 : 2;
  cars.damage[i] = severity < 0.4 ? 0 : severity;
  cars.spinUntilS[i] = severity > 0.75 ? Infinity : random.range(3, 9);
  for (let at = 12 * i; at < 12 * i + 12; at++)
    cars.tread[at] = Math.max(0.05, cars.tread[at]! - random.range(0.08, 0.2));
}

/** Slides and turns a spinning car by a step; afterwards it limps to the pits or stays. */
export function slide(w: World, i: number): void {
  const { cars } = w;
  const v = cars.v[i]!;
  const isOnGrass = cars.offset[i]! < -4.5;
  const decel = Math.min(v / STEP_S, isOnGrass ? 4.2 : 6.8);
  cars.accel[i] = -decel;
  cars.v[i] = v - decel * STEP_S;
  cars.dist[i]! += cars.v[i]! * STEP_S;
  cars.throttle[i] = 0;
  cars.brake[i] = v > 0.5 ? 0.9 : 0.3;
  cars.clutch[i] = 0;
  cars.gear[i] = v > 8 ? cars.gear[i]! : 1;
  cars.rpm[i]! += ((cars.spinUntilS[i] === Infinity ? 0 : 1300) - cars.rpm[i]!) * 0.02;
  cars.steerDeg[i]! += (-1.4 * cars.spinRate[i]! - cars.steerDeg[i]!) * 0.08;
  cars.burnLPerS[i] = 0.0006;
  if (v > 0.5) {
    cars.slipDeg[i]! += cars.spinRate[i]! * STEP_S;
    cars.spinRate[i]! *= 1 - 0.22 * STEP_S;
    return;
  }
  cars.spinRate[i] = 0;
  cars.v[i] = 0;
  if (cars.spinUntilS[i] === Infinity) {
    park(w, i);
    return;
  }
  // Standing: the driver collects himself and the car for some seconds.
  cars.spinUntilS[i]! -= STEP_S;
  if (cars.spinUntilS[i]! > 0) return;
  cars.mode[i] = MODE.pitIn;
  cars.lane[i] = cars.laneTo[i] = LANE.apron;
  cars.gear[i] = 1;
  cars.slipDeg[i]! %= 360;
  if (cars.slipDeg[i]! > 180) cars.slipDeg[i]! -= 360;
  if (cars.slipDeg[i]! < -180) cars.slipDeg[i]! += 360;
}

/** A failing engine loses oil pressure, then power; the driver makes for the pits. */
export function ageEngine(w: World, i: number, dtS: number): void {
  const { cars } = w;
  if (w.timeS < cars.engineFailAtS[i]! || cars.mode[i] === MODE.parked) return;
  cars.engineHealth[i] = Math.max(0.35, cars.engineHealth[i]! - 0.006 * dtS);
  if (cars.engineHealth[i]! < 0.7) cars.wantsPit[i] = 1;
  // Smoke and oil on the track: race control does not wait for the car to reach the pits.
  const isOnTrack = cars.mode[i] === MODE.track;
  if (cars.engineHealth[i] === 0.35 && isOnTrack && !isYellow(w) && w.control.callYellowAtS === Infinity) {
    cars.damage[i] = 0.8;
    w.control.callYellowAtS = w.timeS + 1;
    w.control.cause = `smoke from ${nameCars(w.roster, [i])}`;
  }
}
