import type { Flag, RosterEntry } from '../../protocol/document.ts';
import { type Cars, createCars } from './cars.ts';
import { createRandom, type Random } from './random.ts';
import { createRoster, MAX_CARS } from './roster.ts';
import { createTrack, type Track } from './track.ts';

/** Options of a race. */
export interface RaceOptions {
  /** Same seed and options, same race. */
  readonly seed: number;
  /** 1–40. @defaultValue 40 */
  readonly cars?: number;
  /** Scheduled laps, 1–5000; overtime can add some. @defaultValue 200 */
  readonly laps?: number;
  /** Start a new race with the same cars when the cars have parked. @defaultValue true */
  readonly loop?: boolean;
  /** Multiplies the chance of spins, debris and broken engines; 0 for none. @defaultValue 1 */
  readonly incidentRate?: number;
}

/** Where race control stands. */
type Phase =
  | 'pace' // before the start, double file behind the pace car
  | 'green'
  | 'bunch' // yellow: the field closes up, pits closed
  | 'pits' // yellow: pits open
  | 'form' // yellow: double file for the restart
  | 'red' // everybody stands
  | 'finish' // the leader has the checkered flag, the others are on their way
  | 'over'; // all parked

/** What race control knows and says. */
interface Control {
  phase: Phase;
  flag: Flag;
  lapsTotal: number;
  phaseSinceS: number;
  /** Pace car: place counted like that of the cars, m, and speed, m/s. */
  paceDist: number;
  paceV: number;
  /** An incident seen but not yet called: when the yellow comes out. */
  callYellowAtS: number;
  carsInvolved: number;
  /** Why the next yellow comes out, in words. */
  cause: string;
  redDone: boolean;
  overtimes: number;
  finishers: number;
  /** Race time of the checkered flag, s. */
  checkeredAtS: number;
  /** What was said and nobody has taken yet, oldest first. */
  readonly said: string[];
}

/** Counted for reports and tests. */
export interface RaceStats {
  cautions: number;
  reds: number;
  /** Leader at the line another one than a lap ago. */
  leadChanges: number;
  /** Leader on the road another one than a second ago, under green. */
  leadSwaps: number;
  spins: number;
  races: number;
  /** Every completed stop of the present race. */
  stops: { car: number; lap: number; seconds: number; tires: number; liters: number; isGreen: boolean }[];
}

export interface Weather {
  airC: number;
  trackC: number;
  pressHpa: number;
  humidity: number;
  windMps: number;
  /** Where the wind comes from, degrees from north. */
  windDeg: number;
}

/** Everything a step reads and changes. */
export interface World {
  readonly track: Track;
  readonly roster: readonly RosterEntry[];
  readonly cars: Cars;
  readonly random: Random;
  readonly incidentRate: number;
  readonly isLooping: boolean;
  readonly lapsScheduled: number;
  readonly control: Control;
  readonly stats: RaceStats;
  readonly weather: Weather;
  /** Cars by place on the lap, ascending. */
  readonly onTrack: Int16Array;
  /** Cars by race order, leader first. */
  readonly standing: Int16Array;
  /** Slow advantage of each lane, as a share of drag, about ±0.015. */
  readonly laneDrag: Float64Array;
  /** Seconds since the start of this session. */
  timeS: number;
  stepCount: number;
  lineLeader: number;
  roadLeader: number;
}

/** Fixed step of the physics, s. */
export const STEP_S = 1 / 60;
/** Air density from temperature and pressure, kg/m³. */
export const airDensity = (weather: Weather) => (weather.pressHpa * 100) / (287.05 * (weather.airC + 273.15));

/** The field is behind the pace car for the rest of this lap at least. */
export const isYellow = (w: World) =>
  w.control.phase === 'bunch' || w.control.phase === 'pits' || w.control.phase === 'form';

/** A world with its track laid and its cars unmade: {@link beginSession} puts them on the grid. */
export function createWorld(options: RaceOptions): World {
  const random = createRandom(options.seed);
  const count = options.cars ?? MAX_CARS;
  const indices = Int16Array.from({ length: count }, (_, i) => i);
  return {
    roster: createRoster(count),
    track: createTrack(createRandom(options.seed ^ 0x7261636b)),
    cars: createCars(count),
    random,
    incidentRate: options.incidentRate ?? 1,
    isLooping: options.loop ?? true,
    lapsScheduled: options.laps ?? 200,
    control: {
      phase: 'pace',
      flag: 'none',
      lapsTotal: 0,
      phaseSinceS: 0,
      paceDist: 0,
      paceV: 0,
      callYellowAtS: Infinity,
      carsInvolved: 0,
      cause: '',
      redDone: false,
      overtimes: 0,
      finishers: 0,
      checkeredAtS: Infinity,
      said: [],
    },
    stats: { cautions: 0, reds: 0, leadChanges: 0, leadSwaps: 0, spins: 0, races: 0, stops: [] },
    weather: { airC: 24.5, trackC: 38, pressHpa: 1009.2, humidity: 54, windMps: 3.2, windDeg: 210 },
    onTrack: indices.slice(),
    standing: indices.slice(),
    laneDrag: new Float64Array(5),
    timeS: 0,
    stepCount: 0,
    lineLeader: -1,
    roadLeader: -1,
  };
}
