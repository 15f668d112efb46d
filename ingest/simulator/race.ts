import type { Flag, RosterEntry } from '../../protocol/document.ts';
import { LANE, LAP_POINTS, MODE } from './cars.ts';
import { drive } from './drive.ts';
import { ageEngine, rollIncidents, slide } from './incidents.ts';
import { moveSideways, resolveContact } from './lateral.ts';
import { rescueDry, runPitStop } from './pit-stop.ts';
import { steerForPits } from './pit-strategy.ts';
import { assignSlots, chooseQueueLane, runControl } from './race-control.ts';
import { createNoise, createRandom } from './random.ts';
import { CHANNEL_KEYS, writeChannels } from './sensors.ts';
import { beginSession, castField } from './session.ts';
import { crossLine, rank } from './timing.ts';
import { chooseLane, findNeighbours } from './traffic.ts';
import { wearCar } from './wear.ts';
import { createWorld, isYellow, type RaceOptions, type RaceStats, STEP_S, type World } from './world.ts';

/** Decisions are made every this many steps (4 Hz), slow physics runs every this many (10 Hz). */
const DECIDE_STEPS = 15;
const WEAR_STEPS = 6;
/** Parked cars stand this long after a race before the next one begins, s. */
const INTERVAL_S = 20;

/** A simulated race: pure, deterministic, as fast as it is stepped. */
export interface Race {
  readonly trackName: string;
  readonly trackLengthM: number;
  /** Cars by index; their ids are {@link RosterEntry.car}. */
  readonly roster: readonly RosterEntry[];
  /** Channel keys in the order in which {@link sample} writes values. */
  readonly channels: readonly string[];
  readonly flag: Flag;
  /** Scheduled laps and overtime. */
  readonly lapsTotal: number;
  /** What race control said since the last call, oldest first. */
  takeMessages(): string[];
  /** Seconds since the start of the session; begins anew with each race. */
  readonly timeS: number;
  /** Everybody has parked and no new race will begin. */
  readonly isOver: boolean;
  readonly stats: RaceStats;
  /** The state behind it all, for reports and tests; read only. */
  readonly world: World;
  /** Moves race time on. The physics runs in fixed steps of 1/60 s, so the size of `dtSeconds` does not matter. */
  step(dtSeconds: number): void;
  /** Whether car `index` sends at present; retired cars fall silent. */
  isSending(index: number): boolean;
  /** Writes what the sensors of car `index` read at the present race time. Allocates nothing. */
  sample(index: number, values: Float64Array): void;
  /** Car indices in race order, leader first. */
  standings(): number[];
}

/** Creates a race standing on its grid. Ranges of the options are checked by the caller. */
export function createRace(options: RaceOptions): Race {
  const w = createWorld(options);
  const { cars, track, control, roster } = w;
  const noise = createNoise(createRandom(options.seed ^ 0x6e6f6973));
  castField(cars, w.random);
  beginSession(w);
  // Race time asked for and race time computed, s since creation; the second is up to one step ahead.
  let askedS = 0;
  let computedS = 0;
  let samples = 0;
  return {
    trackName: track.name,
    trackLengthM: track.lengthM,
    roster,
    channels: CHANNEL_KEYS,
    get flag() {
      return control.flag;
    },
    get lapsTotal() {
      return control.lapsTotal;
    },
    takeMessages: () => control.said.splice(0),
    get timeS() {
      return Math.max(0, w.timeS - (computedS - askedS));
    },
    get isOver() {
      return control.phase === 'over' && !w.isLooping;
    },
    stats: w.stats,
    world: w,
    step(dtSeconds) {
      askedS += dtSeconds;
      while (computedS < askedS - 1e-9) {
        stepWorld(w);
        computedS += STEP_S;
      }
    },
    isSending: (index) => w.timeS < cars.silentAtS[index]!,
    sample(index, values) {
      const lagS = Math.max(0, computedS - askedS);
      writeChannels(w, index, lagS, noise, samples++, values);
    },
    standings: () => Array.from(w.standing),
  };
}

function stepWorld(w: World): void {
  const { cars, control } = w;
  w.stepCount++;
  w.timeS = w.timeS + STEP_S;
  cars.prevDist.set(cars.dist);
  cars.prevV.set(cars.v);
  cars.prevOffset.set(cars.offset);
  cars.prevSlipDeg.set(cars.slipDeg);
  findNeighbours(w);
  // All decisions before all moves: while some have moved and others not, nobody can tell who is alongside whom.
  for (let i = (DECIDE_STEPS - (w.stepCount % DECIDE_STEPS)) % DECIDE_STEPS; i < cars.count; i += DECIDE_STEPS)
    decide(w, i);
  for (let i = 0; i < cars.count; i++) stepCar(w, i);
  rank(w);
  runControl(w);
  if (w.stepCount % DECIDE_STEPS === 0) drift(w);
  if (control.phase === 'over' && w.isLooping && w.timeS - control.phaseSinceS > INTERVAL_S) beginSession(w);
}

function decide(w: World, i: number): void {
  const { cars, control } = w;
  steerForPits(w, i);
  if (cars.wantsPit[i] === 1 && isNearPits(w, i)) return;
  const isRacing = control.phase === 'green' || (control.phase === 'finish' && control.paceV === 0);
  if (isRacing) chooseLane(w, i);
  else chooseQueueLane(w, i);
}

function stepCar(w: World, i: number): void {
  const { cars, track } = w;
  const mode = cars.mode[i]!;
  if ((w.stepCount + i) % WEAR_STEPS === 0) {
    wearCar(w, i, WEAR_STEPS * STEP_S);
    ageEngine(w, i, WEAR_STEPS * STEP_S);
    rescueDry(w, i);
  }
  cars.jolt[i]! *= 0.86;
  if (mode === MODE.parked) {
    standStill(w, i);
    return;
  }
  if (mode === MODE.spin) slide(w, i);
  else if (mode === MODE.stall) idle(w, i);
  else drive(w, i);
  if (mode !== MODE.stall) moveSideways(w, i);
  if (mode === MODE.track || mode === MODE.pitIn || mode === MODE.pitOut) resolveContact(w, i);
  if (mode === MODE.pitIn || mode === MODE.stall) {
    runPitStop(w, i);
    if (cars.mode[i] !== mode && isYellow(w)) assignSlots(w);
  }
  cars.yawRateDeg[i] = (cars.slipDeg[i]! - cars.prevSlipDeg[i]!) / STEP_S;
  const lap = Math.floor(cars.dist[i]! / track.lengthM);
  if (lap > cars.lap[i]!) crossLine(w, i, lap);
  cars.s[i] = cars.dist[i]! - lap * track.lengthM;
  const point = Math.floor((cars.s[i]! / track.lengthM) * LAP_POINTS);
  if (point !== cars.lapPoint[i]) {
    cars.lapPoint[i] = point;
    cars.lapTimes[i * LAP_POINTS + point] = w.timeS - cars.lapStartS[i]!;
  }
}

/** Close enough to pit entry that a car that wants in must not wander off to another lane. */
const isNearPits = (w: World, i: number) => w.cars.s[i]! > w.track.lengthM - 2300;

function standStill(w: World, i: number): void {
  const { cars } = w;
  cars.v[i] = cars.accel[i] = cars.throttle[i] = cars.brake[i] = cars.burnLPerS[i] = 0;
  cars.rpm[i]! *= 0.97;
  if (cars.rpm[i]! < 40) cars.rpm[i] = 0;
  cars.gear[i] = 0;
}

function idle(w: World, i: number): void {
  const { cars } = w;
  cars.throttle[i] = 0;
  cars.brake[i] = 0.45;
  cars.clutch[i] = 0;
  cars.gear[i] = 1;
  cars.rpm[i]! += (1400 + 120 * cars.wander[i]! - cars.rpm[i]!) * 0.05;
  cars.burnLPerS[i] = 0.0009;
  cars.fuelL[i]! -= 0.0009 * STEP_S;
  cars.steerDeg[i]! *= 0.95;
  cars.slipDeg[i]! *= 0.9;
}

/** Four times a second: luck, the favour of the lanes and the weather move on. */
function drift(w: World): void {
  const { random, weather, laneDrag, control } = w;
  const dtS = DECIDE_STEPS * STEP_S;
  if (control.phase === 'green') rollIncidents(w, dtS);
  for (let lane = 0; lane <= LANE.top; lane++) {
    laneDrag[lane] = Math.max(-0.03, Math.min(0.03, laneDrag[lane]! * 0.991 + 0.0016 * random.gauss()));
  }
  weather.airC = Math.max(15, Math.min(35, weather.airC + 0.0012 * random.gauss()));
  weather.trackC = Math.max(25, Math.min(55, weather.trackC + 0.003 * random.gauss()));
  weather.windMps = Math.max(
    0.3,
    Math.min(8, weather.windMps + 0.03 * random.gauss() + (3.2 - weather.windMps) * 0.002),
  );
  weather.windDeg = (weather.windDeg + 0.4 * random.gauss() + 360) % 360;
  weather.pressHpa += 0.0006 * random.gauss();
  weather.humidity = Math.max(35, Math.min(80, weather.humidity + 0.004 * random.gauss()));
}
