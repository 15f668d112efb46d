import { LANE, MODE } from './cars.ts';
import { toSlot } from './driver.ts';
import { callYellowStops } from './pit-strategy.ts';
import { nameCars } from './roster.ts';
import { zoneOf } from './track.ts';
import { isClear, lookAlong } from './traffic.ts';
import { STEP_S, type World } from './world.ts';

/** Speed behind the pace car, m/s (110 km/h). */
export const PACE_MPS = 110 / 3.6;
/** The leader gets the green flag in this zone before the line, m. */
const RESTART_FROM_Z = -340;
const RESTART_TO_Z = -180;

function enter(w: World, phase: World['control']['phase'], flag: World['control']['flag']): void {
  w.control.phase = phase;
  w.control.flag = flag;
  w.control.phaseSinceS = w.timeS;
}

/** Messages that nobody takes must not grow. */
const MOST_UNHEARD = 20;

function say(w: World, text: string): void {
  const { said } = w.control;
  said.push(text);
  if (said.length > MOST_UNHEARD) said.shift();
}

/** Cars that keep a place in the queue behind the pace car. */
const isQueued = (w: World, i: number) =>
  (w.cars.mode[i] === MODE.track || w.cars.mode[i] === MODE.pitOut) && w.cars.finished[i] === 0;

/** Queue places in race order; called when the yellow comes out and whenever a car enters or leaves the pits. */
export function assignSlots(w: World): void {
  let slot = 0;
  for (const i of w.standing) if (isQueued(w, i)) w.cars.slot[i] = slot++;
}

/** Share of the queue that is within `spanM` of its place. */
function shareInPlace(w: World, spanM: number): number {
  let [queued, placed] = [0, 0];
  for (let i = 0; i < w.cars.count; i++) {
    if (!isQueued(w, i)) continue;
    queued++;
    if (Math.abs(toSlot(w, i)) < spanM) placed++;
  }
  return queued === 0 ? 1 : placed / queued;
}

const countIn = (w: World, modes: readonly number[]) => {
  let count = 0;
  for (let i = 0; i < w.cars.count; i++) {
    if (modes.includes(w.cars.mode[i]!) && w.cars.damage[i]! < 0.3) count++;
  }
  return count;
};

/** First car of the queue; −1 when all are in the pits. */
function queueLeader(w: World): number {
  for (const i of w.standing) if (isQueued(w, i) && w.cars.mode[i] === MODE.track) return i;
  return -1;
}

function throwYellow(w: World): void {
  const { control, cars } = w;
  const leader = queueLeader(w);
  if (leader < 0) return;
  control.callYellowAtS = Infinity;
  w.stats.cautions++;
  // As far ahead as the leader needs to slow down; nearer, it would overshoot and have to wait.
  control.paceDist = cars.dist[leader]! + 650;
  control.paceV = PACE_MPS;
  for (let i = 0; i < cars.count; i++)
    if (cars.damage[i]! < 0.3) cars.wantsPit[i] = cars.engineHealth[i]! < 0.7 ? 1 : 0;
  assignSlots(w);
  enter(w, 'bunch', 'yellow');
  say(w, `Caution: ${control.cause}`);
}

function throwGreen(w: World): void {
  const { control, cars, random } = w;
  enter(w, 'green', 'green');
  for (let i = 0; i < cars.count; i++) {
    cars.reactAtS[i] = w.timeS + random.range(0.05, 0.5);
    cars.laneSinceS[i] = w.timeS + random.range(4, 14);
    cars.impatience[i] = 0;
  }
  control.carsInvolved = 0;
}

/** Lapped cars that did not stop under this yellow get a lap back, and so does the first lapped car in any case. */
function waveAround(w: World, pitsOpenS: number): void {
  const { cars } = w;
  const leader = w.standing[0]!;
  const waved: number[] = [];
  for (const i of w.standing) {
    cars.waved[i] = 0;
    if (!isQueued(w, i) || cars.dist[leader]! - cars.dist[i]! < w.track.lengthM) continue;
    const hasStopped = cars.stops[i]! > 0 && cars.stopEndS[i]! > w.timeS - pitsOpenS;
    if (waved.length > 0 && hasStopped) continue;
    cars.waved[i] = 1;
    waved.push(i);
  }
  if (waved.length > 0) say(w, `Lapped cars may pass: ${nameCars(w.roster, waved)}`);
}

function isRestartTime(w: World): boolean {
  const leader = queueLeader(w);
  if (leader < 0) return false;
  const z = zoneOf(w.track, w.cars.s[leader]!);
  return z > RESTART_FROM_Z && z < RESTART_TO_Z;
}

/** Laps that are due when a yellow eats the end of the race: the field gets a green, a white and a checkered flag. */
function grantOvertime(w: World, completed: number): void {
  const { control } = w;
  if (control.lapsTotal >= completed + 3 || control.overtimes >= 3) return;
  control.lapsTotal = completed + 3;
  control.overtimes++;
  say(w, `Overtime: the race ends after lap ${control.lapsTotal}`);
}

function checkFinish(w: World, completed: number): void {
  const { control } = w;
  const isGreen = control.phase === 'green';
  if (completed >= control.lapsTotal) {
    control.checkeredAtS = w.timeS;
    // Speed of those who still have to finish: behind the pace car under yellow, flat out under green.
    control.paceV = isGreen ? 0 : PACE_MPS;
    enter(w, 'finish', 'checkered');
  } else if (isGreen && completed === control.lapsTotal - 1) {
    control.flag = 'white';
  }
}

/** Advances flags and pace car by a step. */
export function runControl(w: World): void {
  const { control, cars } = w;
  const leader = w.standing[0]!;
  const completed = Math.floor(cars.dist[leader]! / w.track.lengthM);
  const since = w.timeS - control.phaseSinceS;
  if (control.phase !== 'green' && control.phase !== 'finish' && control.phase !== 'over') {
    const goal = control.phase === 'red' ? 0 : PACE_MPS;
    control.paceV += Math.max(-3 * STEP_S, Math.min(1.5 * STEP_S, goal - control.paceV));
    control.paceDist += control.paceV * STEP_S;
  }
  switch (control.phase) {
    case 'pace':
      if (since > 20 && isRestartTime(w)) throwGreen(w);
      return;
    case 'green':
      checkFinish(w, completed);
      if (control.phase === 'green' && w.timeS >= control.callYellowAtS) {
        const isLastLap = control.flag === 'white';
        throwYellow(w);
        if (!isLastLap) grantOvertime(w, completed);
        else control.overtimes = 3;
      }
      return;
    case 'red':
      if (since > 150) enter(w, 'bunch', 'yellow');
      return;
    case 'bunch':
      if (control.overtimes < 3) grantOvertime(w, completed);
      if (control.carsInvolved >= 7 && !control.redDone && since > 20) {
        control.redDone = true;
        w.stats.reds++;
        enter(w, 'red', 'red');
        say(w, 'Red flag: the track is blocked');
      } else if (since > 40 && (shareInPlace(w, 40) > 0.8 || since > 170)) {
        enter(w, 'pits', 'yellow');
        say(w, 'Pit road is open');
        callYellowStops(w);
      }
      break;
    case 'pits':
      if (control.overtimes < 3) grantOvertime(w, completed);
      if ((since > 138 && countIn(w, [MODE.pitIn, MODE.stall, MODE.pitOut]) === 0) || since > 320) {
        enter(w, 'form', 'yellow');
        for (let i = 0; i < cars.count; i++)
          if (cars.mode[i] === MODE.track && cars.damage[i]! < 0.3) cars.wantsPit[i] = 0;
        waveAround(w, since);
        assignSlots(w);
      }
      break;
    case 'form':
      if (control.overtimes < 3) grantOvertime(w, completed);
      if (since > 30 && (shareInPlace(w, 14) > 0.9 || since > 260) && isRestartTime(w)) throwGreen(w);
      break;
    case 'finish':
      if (since > 320 || areAllHome(w)) enter(w, 'over', 'checkered');
      return;
    default:
      return;
  }
  checkFinish(w, completed);
}

function areAllHome(w: World): boolean {
  for (let i = 0; i < w.cars.count; i++) if (w.cars.mode[i] !== MODE.parked) return false;
  return true;
}

/** Lane of a car behind the pace car: the queue inside, in pairs when formed up; who must pass or be passed outside. */
export function chooseQueueLane(w: World, i: number): void {
  const { cars, control } = w;
  if (cars.mode[i] !== MODE.track || cars.lane[i]! > LANE.top || cars.finished[i]! > 0) return;
  if (cars.lane[i] !== cars.laneTo[i]) return;
  const rel = toSlot(w, i);
  const isDouble = control.phase === 'form' || control.phase === 'pace';
  const own = isDouble ? cars.slot[i]! & 1 : 0;
  let to: number = own;
  if (rel > 45) to = LANE.top;
  else if (rel < -18) to = isDouble ? LANE.top : LANE.middle;
  else if (rel > 14 && cars.lane[i] === LANE.top) to = LANE.top;
  if (to === cars.lane[i]) return;
  const step = to > cars.lane[i]! ? cars.lane[i]! + 1 : cars.lane[i]! - 1;
  if (isClear(w, i, lookAlong(w, i, step), 1)) cars.laneTo[i] = step;
}
