import { basename } from 'node:path';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { Flag, PitStop, RosterEntry } from '../protocol/document.ts';
import { SourceError } from '../protocol/errors.ts';
import { isCarId } from '../protocol/field.ts';
import { bytesOfFile } from './bytes-of-file.ts';
import { eachOf, integerIn, isObject, numberIn, readFields, textOf, timeOf } from './feed-fields.ts';
import type { Feed, Moment } from './feed-race.ts';
import { JsonObjects } from './json-objects.ts';
import type { CarTiming } from './official-timing.ts';
import type { OfflineSink } from './offline-race.ts';
import { UNDATED_MS } from './recorded-race.ts';
import { TimedCars } from './timed-cars.ts';

/** A snapshot of 40 cars has some 140 kB. */
const MAX_SNAPSHOT_BYTES = 8 * 1024 * 1024;
const MAX_LAPS = 10_000;
const DAY_S = 86_400;
const METRES_PER_MILE = 1609.344;

/** `flag_state` of the live feed; 9 says that nothing runs: before the race, and after it. */
const FLAGS: Readonly<Record<number, Flag>> = { 1: 'green', 2: 'yellow', 3: 'red', 4: 'white', 8: 'none', 9: 'none' };
const NOTHING_RUNS = 9;
/** `status` of a vehicle that has left the race. */
const OUT = 3;
const MAKES: Readonly<Record<string, string>> = { Chv: 'Chevrolet', Frd: 'Ford', Tyt: 'Toyota' };

/**
 * Reads snapshots of the NASCAR live feed, as `live-feed.json` gives them: in one file or in several, alone, in a list or
 * one after another, with whatever recorders have written between them.
 */
export function readNascarFeed(paths: readonly string[], catalogue: Catalogue): Feed {
  const race = new NascarRace(catalogue);
  return {
    name: paths.map((path) => basename(path)).join(', '),
    moments: readSnapshots(paths, race),
    tick: (sink, closeAtMs) => race.tick(sink, closeAtMs),
  };
}

async function* readSnapshots(paths: readonly string[], race: NascarRace): AsyncGenerator<Moment> {
  for (const path of paths) {
    const objects = new JsonObjects(MAX_SNAPSHOT_BYTES);
    const name = basename(path);
    for await (const bytes of bytesOfFile(path))
      for (const { text } of objects.push(bytes)) yield race.read(text, name);
    for (const { text } of objects.finish()) yield race.read(text, name);
  }
}

/** What a vehicle of a snapshot says. */
interface Vehicle {
  readonly entry: RosterEntry;
  readonly lapsCompleted: number | undefined;
  readonly timing: CarTiming;
  readonly values: Record<string, number | undefined>;
}

/** What is known of the race after the snapshots so far. */
class NascarRace {
  readonly #cars: TimedCars;
  #known = new Set<string>();
  #timing = new Map<string, CarTiming>();
  #id: string | undefined;
  #latestMs = Number.NEGATIVE_INFINITY;
  /** When the race began by its own clock, Unix ms: taken once, for that clock has whole seconds. */
  #greenAtMs: number | undefined;

  constructor(catalogue: Catalogue) {
    this.#cars = new TimedCars(catalogue);
  }

  /** @param text Of a snapshot; `undefined` of one that is cut off. */
  read(text: string | undefined, file: string): Moment {
    const malformed = (what: string): Moment => ({
      atMs: undefined,
      apply: (sink) => sink.malformed(`In ${file} ${what}.`),
    });
    if (text === undefined) return malformed(`a snapshot is cut off or longer than ${MAX_SNAPSHOT_BYTES} bytes`);
    let snapshot: unknown;
    try {
      snapshot = JSON.parse(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return malformed('a snapshot is no JSON');
    }
    if (!isObject(snapshot) || !Array.isArray(snapshot.vehicles))
      return malformed('an object is no snapshot of the live feed');
    const elapsedS = numberIn(snapshot.elapsed_time, 0, DAY_S);
    const saidMs = timeOf(snapshot.time_of_day_os);
    const atMs = saidMs ?? (elapsedS === undefined ? undefined : UNDATED_MS + elapsedS * 1000);
    if (atMs === undefined) return malformed('a snapshot says no time');
    this.#expectSameRace(snapshot, file);
    this.#greenAtMs ??= elapsedS === undefined ? undefined : Math.round(atMs - elapsedS * 1000);
    return { atMs, apply: (sink) => this.#take(snapshot, atMs, sink) };
  }

  #expectSameRace({ race_id, run_id }: Record<string, unknown>, file: string): void {
    const id = [race_id, run_id].map((part) => integerIn(part, 0, 1e9) ?? '?').join('/');
    this.#id ??= id;
    if (id !== this.#id)
      throw new SourceError(
        'two_races',
        `${file} has a snapshot of another race (${id}) than those before (${this.#id}): make an archive of each.`,
      );
  }

  #take(snapshot: Record<string, unknown>, atMs: number, sink: OfflineSink): void {
    if (atMs < this.#latestMs) return;
    this.#latestMs = atMs;
    this.#cars.hear(atMs);
    const lapsTotal = integerIn(snapshot.laps_in_race, 1, MAX_LAPS);
    const vehicles = new Map<string, Vehicle>();
    for (const vehicle of eachOf(snapshot.vehicles)) {
      const read = readVehicle(vehicle, this.#greenAtMs, lapsTotal, sink);
      if (read) vehicles.set(read.entry.car, read);
    }
    this.#readRace(snapshot, lapsTotal, [...vehicles.values()], sink);
    for (const car of this.#known) if (!vehicles.has(car)) this.#cars.hold(car, undefined);
    for (const [car, { timing, values }] of vehicles) {
      this.#cars.hold(car, timing.isOut ? undefined : values);
      // One that is out from the beginning has its place in the field all the same.
      if (timing.isOut && !this.#known.has(car)) this.#cars.sendOne(sink, car, atMs, values);
    }
    this.#known = new Set(vehicles.keys());
    this.#timing = new Map([...vehicles].map(([car, { timing }]) => [car, timing]));
  }

  #readRace(snapshot: object, lapsTotal: number | undefined, vehicles: readonly Vehicle[], sink: OfflineSink): void {
    let name: string | undefined;
    let track: string | undefined;
    let miles: number | undefined;
    let state: number | undefined;
    let lapsToGo: number | undefined;
    const known = () => {};
    readFields(sink, '', snapshot, {
      run_name: (value) => (name = textOf(value)),
      track_name: (value) => (track = textOf(value)),
      track_length: (value) => (miles = numberIn(value, 0.01, 50)),
      flag_state: (value) => (state = integerIn(value, 0, 99)),
      laps_to_go: (value) => (lapsToGo = integerIn(value, -MAX_LAPS, MAX_LAPS)),
      ...{
        vehicles: known,
        laps_in_race: known,
        elapsed_time: known,
        time_of_day_os: known,
        race_id: known,
        run_id: known,
      },
    });
    const isOver = state === NOTHING_RUNS && lapsToGo !== undefined && lapsToGo <= 0;
    const flag = isOver ? 'checkered' : state === undefined ? undefined : FLAGS[state];
    if (state !== undefined && !flag) sink.unused(`flag_state=${state}`);
    sink.facts({
      kind: 'recording',
      origin: 'NASCAR live feed',
      ...(name && { name }),
      ...(track && { track }),
      ...(miles && { trackLengthM: Math.round(miles * METRES_PER_MILE) }),
      ...(lapsTotal && { lapsTotal }),
      ...(flag && { flag }),
      roster: vehicles.map(({ entry }) => entry),
    });
  }

  tick(sink: OfflineSink, closeAtMs: number): boolean {
    this.#cars.send(sink, closeAtMs);
    sink.timing(this.#timing);
    return false;
  }
}

function readVehicle(
  vehicle: unknown,
  greenAtMs: number | undefined,
  lapsTotal: number | undefined,
  sink: OfflineSink,
): Vehicle | undefined {
  let car: string | undefined;
  let driver: string | undefined;
  let make: string | undefined;
  let lapsCompleted: number | undefined;
  let delta: number | undefined;
  let bestLap: number | undefined;
  let stops: unknown;
  const timing: { -readonly [Key in keyof CarTiming]: CarTiming[Key] } = {};
  const set = <Key extends keyof CarTiming>(key: Key, value: CarTiming[Key] | undefined) => {
    if (value !== undefined) timing[key] = value;
  };
  readFields(sink, 'vehicles[]', vehicle, {
    vehicle_number: (value) => (car = textOf(value)),
    vehicle_manufacturer: (value) => (make = textOf(value)),
    driver: (value) => (driver = isObject(value) ? nameOf(value.full_name) : undefined),
    laps_completed: (value) => (lapsCompleted = integerIn(value, 0, MAX_LAPS)),
    running_position: (value) => set('position', integerIn(value, 1, 999)),
    last_lap_time: (value) => set('lastLapS', numberIn(value, 0.001, 3600)),
    best_lap_time: (value) => set('bestLapS', numberIn(value, 0.001, 3600)),
    best_lap: (value) => (bestLap = integerIn(value, 1, MAX_LAPS)),
    delta: (value) => (delta = numberIn(value, -MAX_LAPS, DAY_S)),
    pit_stops: (value) => (stops = value),
    status: (value) => set('isOut', value === OUT),
  });
  if (car === undefined || !isCarId(car)) {
    sink.malformed('A vehicle has no number that can be the id of a car.');
    return undefined;
  }
  if (lapsCompleted !== undefined) set('lap', Math.min(lapsCompleted + 1, lapsTotal ?? MAX_LAPS));
  if (delta !== undefined) {
    set('lapsDown', delta < 0 ? Math.round(-delta) : 0);
    timing.gapS = delta < 0 ? null : delta;
  }
  if (greenAtMs !== undefined) {
    const pitStops = readPitStops(car, stops, greenAtMs, sink);
    Object.assign(timing, { pitStops, stops: pitStops.length });
    set('isOnPitRoad', pitStops.at(-1)?.outAtMs === null);
  }
  const values = {
    ...{ lap: timing.lap, laps_completed: lapsCompleted, lap_best: bestLap },
    ...{ lap_time_last: timing.lastLapS, lap_time_best: timing.bestLapS },
    on_pit_road: timing.isOnPitRoad === undefined ? undefined : Number(timing.isOnPitRoad),
  };
  const entry = { car, ...(driver && { driver }), ...(make && { make: MAKES[make] ?? make }) };
  return { entry, lapsCompleted, timing, values };
}

/** Marks of rookies and of drivers of other series are no part of the name: `Ty Gibbs #`, `Josh Berry(i)`, `* Kyle Busch`. */
const nameOf = (value: unknown): string | undefined => textOf(textOf(value)?.replace(/^\*\s*|\s*(\(i\)|#)/g, ''));

/** Stops in order. The feed begins with some at which nothing is, one for each time that the car was placed. */
function readPitStops(car: string, value: unknown, greenAtMs: number, sink: OfflineSink): PitStop[] {
  const stops: PitStop[] = [];
  for (const stop of eachOf(value)) {
    let inS = 0;
    let outS = 0;
    let lap: number | null = null;
    readFields(sink, 'vehicles[].pit_stops[]', stop, {
      pit_in_elapsed_time: (said) => (inS = numberIn(said, 0, DAY_S) ?? 0),
      pit_out_elapsed_time: (said) => (outS = numberIn(said, 0, DAY_S) ?? 0),
      pit_in_lap_count: (said) => (lap = integerIn(said, 0, MAX_LAPS) ?? null),
    });
    if (inS === 0) continue;
    const at = (seconds: number) => greenAtMs + Math.round(seconds * 1000);
    stops.push({ car, lap, inAtMs: at(inS), outAtMs: outS === 0 ? null : at(outS) });
  }
  return stops.sort((a, b) => a.inAtMs - b.inAtMs);
}
