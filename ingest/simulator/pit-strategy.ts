import { LANE, MODE } from './cars.ts';
import { lapOf, lapsLeft } from './pit-stop.ts';
import { PIT, zoneOf } from './track.ts';
import { askForRoom, isClear, lookAlong } from './traffic.ts';
import type { World } from './world.ts';

/** Cars that will pit begin to work their way down to the bottom lane here, on the back straight. */
const WAY_IN_Z = -1900;
/** Under green a car stops when its fuel ends, or a little earlier together with the cars it drafts with. */
function wantsGreenStop(w: World, i: number): boolean {
  const { cars } = w;
  const perLap = cars.burnLPerLap[i]!;
  const fuel = cars.fuelL[i]! - cars.fuelMarginL[i]!;
  if (fuel > lapsLeft(w, i) * perLap) return false;
  if (fuel < 2.2 * perLap) return true;
  const mate = cars.aheadGap[i]! < 25 ? cars.ahead[i]! : cars.behindGap[i]! < 25 ? cars.behind[i]! : -1;
  return mate >= 0 && cars.wantsPit[mate] === 1 && fuel < 9 * perLap;
}

/** Under yellow most stop; those with fresh tires, or late and far back, stay out for the place. */
function wantsYellowStop(w: World, i: number): boolean {
  const { cars, random } = w;
  const perLap = cars.burnLPerLap[i]!;
  const since = lapOf(w, i) - cars.lapOfStop[i]!;
  const left = lapsLeft(w, i);
  if (cars.fuelL[i]! < 5 * perLap && left > 3) return true;
  if (since < 6 || left < 4) return false;
  // A lapped car that stays out is waved around and gets its lap back.
  const isLapped = w.cars.dist[w.standing[0]!]! - cars.dist[i]! > w.track.lengthM;
  if (isLapped && cars.fuelL[i]! > 9 * perLap) return false;
  const isShort = cars.fuelL[i]! > left * perLap * 1.05;
  return random.isHit(isShort ? 0.45 : since < 14 ? 0.7 : 0.94);
}

/** Pits have opened under yellow: every crew makes up its mind. */
export function callYellowStops(w: World): void {
  for (let i = 0; i < w.cars.count; i++) {
    if (w.cars.mode[i] === MODE.track && w.cars.finished[i] === 0) w.cars.wantsPit[i] = wantsYellowStop(w, i) ? 1 : 0;
  }
}

/** Decides on a stop, finds the way down to the apron and back; called four times a second per car. */
export function steerForPits(w: World, i: number): void {
  const { cars, control, track } = w;
  const z = zoneOf(track, cars.s[i]!);
  const mode = cars.mode[i];
  if (mode === MODE.pitOut) rejoin(w, i, z);
  if (mode !== MODE.track) return;
  const isGreen = control.phase === 'green';
  if (isGreen && cars.finished[i] === 0 && cars.wantsPit[i] === 0 && z > WAY_IN_Z - 100 && z < PIT.commitZ - 200) {
    if (cars.damage[i]! > 0.3 || cars.engineHealth[i]! < 0.7 || wantsGreenStop(w, i)) cars.wantsPit[i] = 1;
  }
  if (cars.wantsPit[i] === 0) return;
  const isOpen = isGreen || control.phase === 'pits' || control.phase === 'finish' || cars.damage[i]! > 0.3;
  if (!isOpen || z < WAY_IN_Z || z > lastChance(w, i)) return;
  const lane = cars.lane[i]!;
  if (lane !== cars.laneTo[i]) return;
  if (lane > LANE.bottom) {
    const isDesperate = cars.fuelL[i]! < 0.5 * cars.burnLPerLap[i]! && z > PIT.commitZ - 200;
    if (isDesperate || isClear(w, i, lookAlong(w, i, lane - 1), 0.8)) cars.laneTo[i] = lane - 1;
    else askForRoom(w, i, lane - 1);
  } else if (z > PIT.commitZ && isClear(w, i, lookAlong(w, i, LANE.apron), 1)) {
    cars.laneTo[i] = LANE.apron;
    cars.mode[i] = MODE.pitIn;
  }
}

/** Where a car must leave the track at the latest to be down to the limit at pit entry, m. */
const lastChance = (w: World, i: number) =>
  PIT.inZ - 60 - Math.max(0, w.cars.v[i]! ** 2 - PIT.limitMps ** 2) / (2 * 4.8);

function rejoin(w: World, i: number, z: number): void {
  const { cars } = w;
  if (cars.lane[i] !== LANE.apron) {
    if (cars.lane[i] === LANE.bottom) cars.mode[i] = MODE.track;
    return;
  }
  const isPastExit = z > PIT.mergeZ || z < PIT.commitZ;
  if (!isPastExit || cars.laneTo[i] !== LANE.apron) return;
  const seen = lookAlong(w, i, LANE.bottom);
  const isLate = z < 0;
  if (isClear(w, i, seen, isLate ? 1 : 6 + Math.max(0, seen.behindV - cars.v[i]!) * 2)) {
    cars.laneTo[i] = LANE.bottom;
    cars.laneSinceS[i] = w.timeS;
  }
}
