import { LANE, MODE, TANK_L } from './cars.ts';
import { PIT, zoneOf } from './track.ts';
import { isClear, lookAlong } from './traffic.ts';
import { STEP_S, type World } from './world.ts';

/** Flow of the dump can, l/s. */
const FUEL_FLOW = 6.3;

export const lapOf = (w: World, i: number) => Math.max(0, Math.floor(w.cars.dist[i]! / w.track.lengthM));
export const lapsLeft = (w: World, i: number) => Math.max(0, w.control.lapsTotal - w.cars.dist[i]! / w.track.lengthM);

/** Brings a car on pit road into its stall, serves it and sends it out; called every step for cars in the pits. */
export function runPitStop(w: World, i: number): void {
  const { cars, track } = w;
  const z = zoneOf(track, cars.s[i]!);
  if (cars.mode[i] === MODE.pitIn) {
    const toStall = cars.stallZ[i]! - z;
    if (z > PIT.inZ && toStall > 0 && toStall < 42) cars.laneTo[i] = LANE.stall;
    if (toStall < -5 && cars.laneTo[i] === LANE.stall) cars.lane[i] = cars.laneTo[i] = LANE.apron;
    if (z > PIT.inZ && Math.abs(toStall) < 4 && cars.v[i]! < 0.9) enterStall(w, i);
  } else if (cars.mode[i] === MODE.stall) {
    serve(w, i);
  }
}

function enterStall(w: World, i: number): void {
  const { cars, random } = w;
  cars.mode[i] = MODE.stall;
  cars.lane[i] = LANE.stall;
  cars.v[i] = 0;
  cars.accel[i] = 0;
  cars.wantsPit[i] = 0;
  cars.stopStartS[i] = w.timeS;
  if (cars.finished[i]! > 0 || cars.engineHealth[i]! < 0.7) {
    park(w, i);
    return;
  }
  const left = lapsLeft(w, i);
  const need = left * cars.burnLPerLap[i]! * 1.04 + cars.fuelMarginL[i]!;
  cars.fuelTargetL[i] = Math.max(cars.fuelL[i]!, Math.min(TANK_L, need));
  const isLate = left < 16 && cars.damage[i] === 0;
  const treads = Math.min(cars.tread[12 * i + 4]!, cars.tread[12 * i + 10]!);
  cars.tiresPlanned[i] = isLate && treads > 0.72 ? 0 : random.isHit(isLate ? 0.6 : 0.1) && treads > 0.7 ? 2 : 4;
  const work = cars.tiresPlanned[i] === 4 ? 12.3 : cars.tiresPlanned[i] === 2 ? 7.4 : 2.5;
  const fumble = random.isHit(0.03) ? random.range(3, 8) : 0;
  const fueling = (cars.fuelTargetL[i]! - cars.fuelL[i]!) / FUEL_FLOW + 1.2;
  cars.repairS[i] = cars.damage[i]! > 0 ? 8 + 70 * cars.damage[i]! : 0;
  const crew = work + Math.abs(random.gauss()) * 0.8 + fumble;
  cars.stopLengthS[i] = Math.max(crew, fueling + random.range(0, 0.6), cars.repairS[i]!);
  cars.stopEndS[i] = w.timeS + cars.stopLengthS[i]!;
}

/** A car out of fuel on the track gets a push from the track crew, under yellow. Called ten times a second. */
export function rescueDry(w: World, i: number): void {
  const { cars, control } = w;
  if (cars.fuelL[i]! > 0 || cars.v[i]! > 3 || cars.mode[i] === MODE.parked) return;
  if (control.phase === 'green' && control.callYellowAtS === Infinity) control.callYellowAtS = w.timeS + 2;
  cars.fuelL[i] = 5;
  cars.wantsPit[i] = 1;
  cars.reactAtS[i] = w.timeS + 20;
  cars.damage[i] = Math.max(cars.damage[i]!, 0.31);
}

/** The engine is off for good in this race; the transmitter follows. */
export function park(w: World, i: number): void {
  const { cars, random } = w;
  const isHome = cars.finished[i]! > 0;
  cars.mode[i] = MODE.parked;
  cars.retired[i] = isHome ? 0 : 1;
  cars.spinOffset[i] = cars.offset[i]!;
  cars.offsetVel[i] = 0;
  cars.silentAtS[i] = isHome ? Infinity : w.timeS + random.range(25, 150);
}

function serve(w: World, i: number): void {
  const { cars } = w;
  const spent = w.timeS - cars.stopStartS[i]!;
  if (cars.fuelL[i]! < cars.fuelTargetL[i]! && spent > 1) {
    cars.fuelL[i] = Math.min(cars.fuelTargetL[i]!, cars.fuelL[i]! + FUEL_FLOW * STEP_S);
  }
  cars.repairS[i] = Math.max(0, cars.repairS[i]! - STEP_S);
  const done = spent / cars.stopLengthS[i]!;
  if (cars.tiresPlanned[i]! >= 2 && done > 0.5) changeTires(w, i, 1);
  if (cars.tiresPlanned[i] === 4 && done > 0.93) changeTires(w, i, 0);
  if (w.timeS < cars.stopEndS[i]! || !isClear(w, i, lookAlong(w, i, LANE.apron), 3)) return;
  cars.damage[i]! *= 0.25;
  if (cars.damage[i]! < 0.05) cars.damage[i] = 0;
  cars.mode[i] = MODE.pitOut;
  cars.laneTo[i] = LANE.apron;
  cars.stops[i]!++;
  if (cars.tiresPlanned[i]! > 0) cars.setsUsed[i]!++;
  cars.lapOfStop[i] = lapOf(w, i);
  w.stats.stops.push({
    car: i,
    lap: lapOf(w, i) + 1,
    seconds: spent,
    tires: cars.tiresPlanned[i]!,
    liters: cars.fuelL[i]!,
    isGreen: w.control.phase === 'green',
  });
}

/** New tires on one side (0 left, 1 right), if they are not new already. */
function changeTires(w: World, i: number, side: 0 | 1): void {
  const { cars } = w;
  for (const corner of [side, side + 2]) {
    const tire = 4 * i + corner;
    if (cars.odometerM[tire] === 0) continue;
    cars.odometerM[tire] = 0;
    cars.tiresUsed[tire]!++;
    for (let band = 0; band < 3; band++) {
      const at = 12 * i + 3 * corner + band;
      cars.tread[at] = 1;
      cars.surfaceC[at] = w.weather.trackC - 6;
      cars.carcassC[at] = w.weather.airC + 1;
    }
  }
}
