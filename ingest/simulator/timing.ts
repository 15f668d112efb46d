import { LAP_POINTS } from './cars.ts';
import { sortCars } from './traffic.ts';
import { STEP_S, type World } from './world.ts';

/** Mark of a car that has just finished and waits for its place in the order. */
const CROSSED = -1;

/** Books a lap: times between the steps of the physics by the speed at the line. */
export function crossLine(w: World, i: number, lap: number): void {
  const { cars, track, control } = w;
  const over = cars.dist[i]! - lap * track.lengthM;
  const atS = w.timeS - over / Math.max(1, cars.v[i]!);
  const spentS = atS - cars.lapStartS[i]!;
  if (cars.lap[i]! >= 0) {
    cars.lapLastS[i] = spentS;
    if (cars.lapBestS[i] === 0 || spentS < cars.lapBestS[i]!) {
      cars.lapBestS[i] = spentS;
      cars.lapBest[i] = lap;
      cars.bestTimes.set(cars.lapTimes.subarray(i * LAP_POINTS, (i + 1) * LAP_POINTS), i * LAP_POINTS);
    }
  }
  const burned = cars.fuelAtLineL[i]! - cars.fuelL[i]!;
  // Only laps at speed say anything about the next stop.
  if (burned > 0.5 && spentS < 53) cars.burnLPerLap[i]! += 0.3 * (burned - cars.burnLPerLap[i]!);
  cars.fuelAtLineL[i] = cars.fuelL[i]!;
  cars.lap[i] = lap;
  cars.lapStartS[i] = atS;
  if (cars.finished[i] === 0 && (control.flag === 'checkered' || lap >= control.lapsTotal)) cars.finished[i] = CROSSED;
}

/** Race order, places of those who finish, and who leads. */
export function rank(w: World): void {
  const { cars, control } = w;
  for (let i = 0; i < cars.count; i++) {
    cars.rank[i] = cars.finished[i]! > 0 ? 1e9 - cars.finished[i]! * 1e6 : cars.dist[i]!;
  }
  sortCars(w.standing, cars.rank, -1);
  const leader = w.standing[0]!;
  for (const i of w.standing) {
    if (cars.finished[i] !== CROSSED) continue;
    // In race order and not as they crossed within the step: a photo finish goes to the nose in front.
    cars.finished[i] = ++control.finishers;
    cars.wantsPit[i] = 1;
  }
  if (cars.lap[leader]! > 0 && control.finishers === 0) countLeads(w, leader);
}

function countLeads(w: World, leader: number): void {
  const isAtLine = w.cars.s[leader]! < w.cars.v[leader]! * STEP_S;
  if (isAtLine && leader !== w.lineLeader) {
    if (w.lineLeader >= 0) w.stats.leadChanges++;
    w.lineLeader = leader;
  }
  if (w.stepCount % 60 === 0 && w.control.phase === 'green') {
    if (w.roadLeader >= 0 && leader !== w.roadLeader) w.stats.leadSwaps++;
    w.roadLeader = leader;
  }
}
