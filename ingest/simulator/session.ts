import { type Cars, TANK_L } from './cars.ts';
import { IDLE_RPM } from './drive.ts';
import { LANE_CENTRE_M } from './lateral.ts';
import { PACE_MPS } from './race-control.ts';
import type { Random } from './random.ts';
import { PIT } from './track.ts';
import { COLD_KPA } from './wear.ts';
import type { World } from './world.ts';

/** The race begins with this much of a lap behind the pace car, m. */
const PACE_LAP_M = 2600;

const NATURE: ReadonlySet<string> = new Set(['power', 'drag', 'aggression', 'closeness', 'fuelMarginL']);

/** What stays with car and driver over all races. */
export function castField(cars: Cars, random: Random): void {
  for (let i = 0; i < cars.count; i++) {
    cars.power[i] = 1 + 0.007 * random.gauss();
    cars.drag[i] = 1 + 0.009 * random.gauss();
    cars.aggression[i] = random.range(0.1, 1);
    cars.closeness[i] = 1.6 + 6 * (1 - cars.aggression[i]!) ** 1.5 + random.range(0, 1.5);
    cars.fuelMarginL[i] = random.range(0.6, 3.4);
  }
}

/** Puts the field on its grid behind the pace car, tanks full, tires new. */
export function beginSession(w: World): void {
  const { cars, control, random, track } = w;
  const grid = drawGrid(cars, random);
  clear(cars);
  control.phase = 'pace';
  control.flag = 'none';
  control.lapsTotal = w.lapsScheduled;
  control.phaseSinceS = 0;
  control.paceDist = -PACE_LAP_M;
  control.paceV = PACE_MPS;
  control.callYellowAtS = Infinity;
  control.checkeredAtS = Infinity;
  control.carsInvolved = control.overtimes = control.finishers = 0;
  control.redDone = false;
  w.timeS = 0;
  w.lineLeader = w.roadLeader = -1;
  w.stats.races++;
  // An endless demonstration must not grow: the list is that of the present race.
  w.stats.stops.length = 0;
  // One engine in twenty does not last; when, nobody knows.
  const raceS = w.lapsScheduled * 56;
  grid.forEach((i, place) => {
    resetCar(w, i, place);
    const breaks = w.incidentRate > 0 && random.isHit(0.06 * Math.min(1, w.incidentRate));
    cars.engineFailAtS[i] = breaks ? random.range(0.1, 1) * raceS : Infinity;
    cars.dist[i] = cars.prevDist[i] = -PACE_LAP_M - 22 - (place >> 1) * 8.4;
    cars.s[i] = cars.dist[i]! + track.lengthM;
    cars.lane[i] = cars.laneTo[i] = place & 1;
    cars.offset[i] = cars.prevOffset[i] = LANE_CENTRE_M[place & 1]!;
    const stalls = Math.max(1, cars.count - 1);
    // The best on the grid choose first and take the stalls at the exit.
    cars.stallZ[i] = PIT.lastStallZ - ((PIT.lastStallZ - PIT.firstStallZ) * place) / stalls;
    w.standing[place] = i;
  });
}

/** Everything but the nature of car and driver starts from zero, which is also {@link MODE.track}. */
function clear(cars: Cars): void {
  for (const [name, list] of Object.entries(cars)) {
    if (typeof list !== 'number' && !NATURE.has(name)) list.fill(0);
  }
}

/** Qualifying: the better cars tend to the front, with luck. */
function drawGrid(cars: Cars, random: Random): number[] {
  const score = Array.from({ length: cars.count }, (_, i) => cars.power[i]! - cars.drag[i]! + 0.008 * random.gauss());
  return score.map((_, i) => i).sort((a, b) => score[b]! - score[a]!);
}

function resetCar(w: World, i: number, place: number): void {
  const { cars, weather, random } = w;
  cars.slot[i] = place;
  cars.lap[i] = -1;
  cars.v[i] = cars.prevV[i] = PACE_MPS;
  cars.gear[i] = 3;
  cars.rpm[i] = IDLE_RPM * 3;
  cars.clutch[i] = 1;
  cars.throttle[i] = 0.2;
  cars.engineHealth[i] = 1;
  cars.silentAtS[i] = Infinity;
  cars.setsUsed[i] = 1;
  cars.fuelL[i] = cars.fuelAtLineL[i] = cars.fuelTargetL[i] = TANK_L;
  cars.burnLPerLap[i] = 1.85;
  cars.waterC[i] = 84 + random.gauss();
  cars.oilC[i] = 92 + random.gauss();
  cars.waterL[i] = 13.4 + 0.1 * random.gauss();
  cars.oilL[i] = 11.2 + 0.1 * random.gauss();
  for (let corner = 0; corner < 4; corner++) {
    const tire = 4 * i + corner;
    cars.coldKpa[tire] = COLD_KPA[corner]! + 3 * random.gauss();
    cars.pressKpa[tire] = cars.coldKpa[tire]! + 8;
    cars.odometerM[tire] = 3200;
    cars.tiresUsed[tire] = 1;
    cars.brakeC[tire] = weather.airC + 45;
    for (let band = 0; band < 3; band++) {
      const at = 12 * i + 3 * corner + band;
      cars.surfaceC[at] = weather.airC + 14 + random.gauss();
      cars.carcassC[at] = weather.airC + 9 + random.gauss();
      cars.tread[at] = 1;
    }
  }
}
