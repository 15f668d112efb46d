import type { Catalogue } from '../protocol/catalogue.ts';
import { MAX_PIT_STOPS, type PitStop, type RaceDocument, type RaceFacts, type Standing } from '../protocol/document.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { dequantise } from '../protocol/quantise.ts';
import {
  type CarTiming,
  NO_TIMING,
  type OfficialTiming,
  orderOfficially,
  standOfficially,
  stopOfficially,
} from './official-timing.ts';
import { advanceTimeline, appendControl } from './race-timeline.ts';

/** Channels that the standings are made from; a catalogue without one of them has nulls there. */
const KEYS = ['lap', 'lap_dist_pct', 'lap_time', 'lap_time_last', 'lap_time_best', 'on_pit_road'] as const;
type Key = (typeof KEYS)[number];
type Readings = Record<Key, number | null>;

/** In a pack, positions change with every look: standings are ordered anew at race times that are multiples of this. */
const ORDER_EVERY_MS = 2000;
/** So many old pit stops are dropped at a time when there are too many: moving the list up is a large patch. */
const SPARE_PIT_STOPS = 100;

/** A document before the first tick: what the race is called and nothing else. */
export function createDocument(race: string, kind: RaceDocument['session']['kind'], startedAtMs: number): RaceDocument {
  return {
    session: { race, name: race, track: null, trackLengthM: null, kind, origin: null, startedAtMs, lapsTotal: null },
    flag: 'none',
    lap: null,
    roster: {},
    standings: {},
    pitStops: [],
    laps: [],
    flags: [],
  };
}

/**
 * The document with what a source said of the race; samples decide everything else. Later facts win field by field;
 * cars beyond the {@link MAX_CARS}th are left out of the roster.
 */
export function mergeFacts(document: RaceDocument, facts: RaceFacts): RaceDocument {
  const { session } = document;
  const roster = { ...document.roster };
  let size = Object.keys(roster).length;
  for (const entry of facts.roster ?? []) {
    const isNew = !Object.hasOwn(roster, entry.car);
    if (isNew && size === MAX_CARS) continue;
    if (isNew) size++;
    const said = Object.entries(entry).filter(([, value]) => value !== undefined);
    roster[entry.car] = { ...(isNew ? {} : roster[entry.car]), ...Object.fromEntries(said), car: entry.car };
  }
  return {
    ...document,
    session: {
      ...session,
      name: facts.name ?? session.name,
      track: facts.track ?? session.track,
      trackLengthM: facts.trackLengthM ?? session.trackLengthM,
      kind: facts.kind ?? session.kind,
      origin: facts.origin ?? session.origin,
      lapsTotal: facts.lapsTotal ?? session.lapsTotal,
    },
    flag: facts.flag ?? document.flag,
    roster,
    ...(facts.control && { control: appendControl(document.control, facts.control) }),
  };
}

function readCar(catalogue: Catalogue, state: Int32Array): Readings {
  const read = (key: Key) => {
    const index = catalogue.indexOf(key);
    return index === undefined ? null : dequantise(catalogue.channels[index]!, state[index]!);
  };
  return Object.fromEntries(KEYS.map((key) => [key, read(key)])) as Readings;
}

/** The readings of a car where the timekeepers say another thing. */
function readOfficially(readings: Readings | undefined, said: CarTiming | undefined): Readings | undefined {
  if (!readings || !said) return readings;
  return {
    ...readings,
    lap: said.lap ?? readings.lap,
    lap_time_last: said.lastLapS ?? readings.lap_time_last,
    lap_time_best: said.bestLapS ?? readings.lap_time_best,
    on_pit_road: said.isOnPitRoad === undefined ? readings.on_pit_road : Number(said.isOnPitRoad),
  };
}

const NEW_STANDING: Standing = {
  position: 0,
  lap: null,
  lapsDown: 0,
  gapS: null,
  lineAtMs: null,
  lastLapS: null,
  bestLapS: null,
  status: 'running',
  stops: 0,
};

const positive = (seconds: number | null): number | null => (seconds !== null && seconds > 0 ? seconds : null);

const bestOf = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** One car in one tick: where it stood, what it says now, and where it stands. */
interface Entry {
  readonly id: string;
  readonly before: Standing;
  /** `undefined` while the car is silent: it sends nothing, or no lap. */
  readonly readings: Readings | undefined;
  readonly hasCrossed: boolean;
  readonly isRestart: boolean;
  /** Laps driven, as a number that grows along the track; −1 for a car that never sent a lap. */
  readonly progress: number;
}

function readEntry(
  document: RaceDocument,
  catalogue: Catalogue,
  id: string,
  state: Int32Array | undefined,
  said: CarTiming | undefined,
): Entry {
  // Car ids come from outside: one may be called `toString`.
  const before = Object.hasOwn(document.standings, id) ? document.standings[id]! : NEW_STANDING;
  const all = readOfficially(state && readCar(catalogue, state), said);
  const readings = all?.lap === null ? undefined : all;
  const lap = readings?.lap ?? before.lap;
  return {
    id,
    before,
    readings,
    hasCrossed: lap !== null && before.lap !== null && lap > before.lap,
    isRestart: lap !== null && before.lap !== null && lap < before.lap,
    // A car that fell silent keeps its place until others have done the lap that it was in.
    progress: lap === null ? -1 : lap + (readings ? Math.min((readings.lap_dist_pct ?? 0) / 100, 0.9999) : 1),
  };
}

/** Standing of one car after a tick, without its position and what it lost to the leader. */
function advance(
  { readings, before, hasCrossed, isRestart }: Entry,
  isOnPitRoad: boolean,
  closeAtMs: number,
): Standing {
  if (!readings) return { ...before, status: 'silent' };
  const lastLapS = positive(readings.lap_time_last);
  const best = bestOf(isRestart ? null : before.bestLapS, lastLapS);
  return {
    ...before,
    ...(isRestart ? { lapsDown: 0, gapS: null, lineAtMs: null, stops: 0 } : {}),
    ...(hasCrossed ? { lineAtMs: Math.round(closeAtMs - (readings.lap_time ?? 0) * 1000) } : {}),
    lap: readings.lap,
    lastLapS,
    bestLapS: positive(readings.lap_time_best) ?? best,
    status: isOnPitRoad ? 'pit' : 'running',
  };
}

/** What the car lost to the leader, taken when it crosses the line, so that standings change with laps and not with ticks. */
function loss(after: Standing, leader: Standing): Pick<Standing, 'lapsDown' | 'gapS'> {
  const lapsDown = Math.max(0, (leader.lap ?? 0) - (after.lap ?? 0));
  const isKnown = lapsDown === 0 && after.lineAtMs !== null && leader.lineAtMs !== null;
  return { lapsDown, gapS: isKnown ? Math.max(0, (after.lineAtMs! - leader.lineAtMs!) / 1000) : null };
}

/** Entry and exit of pit road. Silence is neither: the car may be in its stall with everything switched off. */
function updatePitStops(
  pitStops: readonly PitStop[],
  entries: readonly Entry[],
  standings: Record<string, Standing>,
  closeAtMs: number,
): readonly PitStop[] {
  let stops = pitStops as PitStop[];
  const openByCar = new Map<string, number>();
  pitStops.forEach((stop, index) => {
    if (stop.outAtMs === null) openByCar.set(stop.car, index);
  });
  const edit = () => {
    if (stops === pitStops) stops = pitStops.slice();
    return stops;
  };
  for (const { id, before } of entries) {
    const standing = standings[id]!;
    const open = openByCar.get(id);
    if (standing.status === 'running' && open !== undefined) {
      edit()[open] = { ...stops[open]!, outAtMs: closeAtMs };
    } else if (standing.status === 'pit' && open === undefined && before.status !== 'pit' && before.lap !== null) {
      // A car that is first seen on pit road has not come in.
      edit().push({ car: id, lap: standing.lap, inAtMs: closeAtMs, outAtMs: null });
      standings[id] = { ...standing, stops: standing.stops + 1 };
    }
  }
  return stops.length > MAX_PIT_STOPS ? stops.slice(-(MAX_PIT_STOPS - SPARE_PIT_STOPS)) : stops;
}

/**
 * The document after a tick. Pure: all memory that the standings need is in the document itself, so that a
 * restarted ingest goes on where the stream ends.
 *
 * @param field Field after the tick. @param closeAtMs Race time of the close, Unix ms.
 * @param timing What timekeepers say at the time, where there are any.
 */
export function advanceDocument(
  document: RaceDocument,
  catalogue: Catalogue,
  field: Field,
  closeAtMs: number,
  timing: OfficialTiming = NO_TIMING,
): RaceDocument {
  const entries = field.cars.map((id, slot) => readEntry(document, catalogue, id, field.states[slot], timing.get(id)));
  const advanced = entries.map((entry) => {
    const said = entry.readings?.on_pit_road;
    const isOnPitRoad = said === 1 || (said === null && entry.before.status === 'pit');
    return advance(entry, isOnPitRoad, closeAtMs);
  });
  const order = orderOfficially(rank(entries, closeAtMs), field.cars, timing);
  const leader = advanced[order[0]!];
  const standings: Record<string, Standing> = {};
  order.forEach((index, place) => {
    const { id, hasCrossed } = entries[index]!;
    const standing = advanced[index]!;
    const placed = { ...standing, ...(hasCrossed ? loss(standing, leader!) : {}), position: place + 1 };
    standings[id] = standOfficially(placed, timing.get(id));
  });
  return {
    ...document,
    lap: leader?.lap ?? null,
    standings,
    pitStops: stopOfficially(updatePitStops(document.pitStops, entries, standings, closeAtMs), timing),
    ...advanceTimeline(document, leader?.lap ?? null, closeAtMs),
  };
}

/** Indices of the entries in order of position. */
function rank(entries: readonly Entry[], closeAtMs: number): number[] {
  const place = (entry: Entry) => entry.before.position || Number.MAX_SAFE_INTEGER;
  const isDue = closeAtMs % ORDER_EVERY_MS === 0 || entries.some((entry) => entry.before.position === 0);
  // Cars level on progress keep the order they had.
  return [...entries.keys()].sort((x, y) => {
    const a = entries[x]!;
    const b = entries[y]!;
    return (isDue ? b.progress - a.progress : 0) || place(a) - place(b) || x - y;
  });
}
