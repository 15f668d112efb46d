import type { Catalogue } from '../protocol/catalogue.ts';
import type { Flag } from '../protocol/document.ts';
import { ConfigError, SourceError } from '../protocol/errors.ts';
import { createRace, type Race } from './simulator/race.ts';
import { MAX_CARS } from './simulator/roster.ts';
import { type Clock, createFrame, type Frame, type Source, type SourceSink } from './source.ts';

/** After a stall at most this much is sent late, ms; what lies further back is raced without being sent. */
const MAX_CATCH_UP_MS = 1000;
/** The race stands still beyond this much of a stall, ms: simulating a night of sleep would be a stall of its own. */
const MAX_SKIP_MS = 30_000;

export interface SimulatorOptions {
  /** Channels that the simulator knows by key are sent; the stock car catalogue is covered in full. */
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  /** Same seed and options, same race. An integer. @defaultValue 1 */
  readonly seed?: number;
  /** 1–40. @defaultValue 40 */
  readonly cars?: number;
  /** Frames per car and second, 1–120; it does not change the race. @defaultValue 60 */
  readonly rateHz?: number;
  /** Scheduled laps, 1–5000. @defaultValue 200 */
  readonly laps?: number;
  /** Begin another race with the same cars when the cars have parked; otherwise all fall silent. @defaultValue true */
  readonly loop?: boolean;
  /** Multiplies the chance of spins, debris and broken engines, 0–20. @defaultValue 1 */
  readonly incidentRate?: number;
  /** Begin this far into the race, s, 0–3600: a demonstration need not wait for the pace lap. @defaultValue 0 */
  readonly skipS?: number;
}

function check(name: string, value: number, low: number, high: number, isInteger: boolean): number {
  if (value >= low && value <= high && (!isInteger || Number.isInteger(value))) return value;
  const kind = isInteger ? 'an integer' : 'a number';
  throw new ConfigError(
    'bad_simulator',
    `The simulator's ${name} must be ${kind} from ${low} to ${high}, but is ${value}.`,
  );
}

/** Checked options of the race with their defaults. */
function raceOptions(options: SimulatorOptions) {
  return {
    seed: check('seed', options.seed ?? 1, -(2 ** 53), 2 ** 53, true),
    cars: check('number of cars', options.cars ?? MAX_CARS, 1, MAX_CARS, true),
    laps: check('number of laps', options.laps ?? 200, 1, 5000, true),
    incidentRate: check('incident rate', options.incidentRate ?? 1, 0, 20, false),
    loop: options.loop ?? true,
  };
}

/**
 * A simulated stock car race as a source: up to 40 cars on an invented superspeedway, named a simulation.
 *
 * Frames of all cars follow each other for each instant, which is `start + n / rateHz` on the given clock. With a
 * virtual clock two runs are identical.
 *
 * @throws {ConfigError} `bad_simulator`: an option is out of its range.
 */
export function createSimulatorSource(options: SimulatorOptions): Source {
  const settings = raceOptions(options);
  const rateHz = check('rate', options.rateHz ?? 60, 1, 120, false);
  const skipS = check('skip', options.skipS ?? 0, 0, 3600, false);
  let cancel: (() => void) | undefined;
  let race: Race | undefined;
  return {
    name: `simulator (${settings.cars} cars, ${rateHz} Hz, seed ${settings.seed})`,
    kind: 'simulation',
    async start(sink) {
      if (cancel) throw new SourceError('already_started', 'The simulator is already started: stop it first.');
      race = createRace(settings);
      if (skipS > 0) race.step(skipS);
      const send = createSender(race, options.catalogue, sink);
      cancel = pump(options.clock, rateHz, race, send);
    },
    async stop() {
      cancel?.();
      cancel = undefined;
    },
    isOver: () => race?.isOver ?? false,
  };
}

/** Sends the facts now, and with each call what changed of them and one frame of every car that transmits. */
function createSender(race: Race, catalogue: Catalogue, sink: SourceSink): (atMs: number) => void {
  const known = race.channels.map((key) => catalogue.indexOf(key));
  // Catalogue order is the order of a packed frame, which receivers read fastest.
  const order = known.map((_, at) => at).filter((at) => isSent(catalogue, known[at]));
  order.sort((a, b) => known[a]! - known[b]!);
  const from = Uint16Array.from(order);
  const raw = new Float64Array(race.channels.length);
  const frame: Frame = createFrame(catalogue);
  frame.count = from.length;
  order.forEach((at, k) => {
    frame.channels[k] = known[at]!;
  });
  let flag: Flag = race.flag;
  let lapsTotal = race.lapsTotal;
  sink.facts({
    name: 'Slipstream 500 (simulation)',
    track: race.trackName,
    trackLengthM: race.trackLengthM,
    kind: 'simulation',
    origin: 'Slipstream simulator',
    lapsTotal,
    flag,
    roster: race.roster,
  });
  return (atMs) => {
    const control = race.takeMessages().map((text) => ({ text }));
    if (race.flag !== flag || race.lapsTotal !== lapsTotal || control.length > 0) {
      flag = race.flag;
      lapsTotal = race.lapsTotal;
      sink.facts({ flag, lapsTotal, ...(control.length > 0 && { control }) });
    }
    frame.atMs = atMs;
    for (let i = 0; i < race.roster.length; i++) {
      if (!race.isSending(i)) continue;
      race.sample(i, raw);
      for (let k = 0; k < from.length; k++) frame.values[k] = raw[from[k]!]!;
      frame.car = race.roster[i]!.car;
      sink.frame(frame);
    }
  };
}

const isSent = (catalogue: Catalogue, index: number | undefined) =>
  index !== undefined && catalogue.channels[index]!.of === undefined;

/** Steps and sends the race instant by instant; returns the way to end it. */
function pump(clock: Clock, rateHz: number, race: Race, send: (atMs: number) => void): () => void {
  const periodMs = 1000 / rateHz;
  const originMs = clock.nowMs();
  const maxBehind = Math.max(1, Math.floor(MAX_CATCH_UP_MS / periodMs));
  let isStopped = false;
  let disarm = () => {};
  let instant = 0;
  const run = () => {
    const behind = Math.floor((clock.nowMs() - originMs) / periodMs + 1e-6) - instant;
    if (behind > maxBehind) {
      race.step(Math.min((behind - maxBehind) * periodMs, MAX_SKIP_MS) / 1000);
      instant += behind - maxBehind;
    }
    do {
      if (instant > 0) race.step(periodMs / 1000);
      send(originMs + instant * periodMs);
      instant++;
      // A sink may stop us from within a frame, and a race that does not loop ends.
    } while (!isStopped && !race.isOver && originMs + instant * periodMs <= clock.nowMs());
    if (!isStopped && !race.isOver) disarm = clock.callAt(originMs + instant * periodMs, run);
  };
  disarm = clock.callAt(originMs, run);
  return () => {
    isStopped = true;
    disarm();
  };
}
