import type { Catalogue } from '../protocol/catalogue.ts';
import { MAX_PIT_STOPS, type PitStop, type RaceDocument, type RaceFacts, type Standing } from '../protocol/document.ts';
import type { Field } from '../protocol/field.ts';
import { dequantise } from '../protocol/quantise.ts';

/** Channels that the standings are made from; a catalogue without one of them has nulls there. */
const KEYS = ['lap', 'lap_dist_pct', 'lap_time', 'lap_time_last', 'lap_time_best', 'on_pit_road'] as const;
type Key = (typeof KEYS)[number];
type Readings = Record<Key, number | null>;

/** A document before the first tick: what the race is called and nothing else. */
export function createDocument(race: string, kind: RaceDocument['session']['kind'], startedAtMs: number): RaceDocument {
  return {
    session: { race, name: race, track: null, trackLengthM: null, kind, origin: null, startedAtMs, lapsTotal: null },
    flag: 'none',
    lap: null,
    roster: {},
    standings: {},
    pitStops: [],
  };
}

/** The document with what a source said of the race; samples decide everything else. */
export function mergeFacts(document: RaceDocument, facts: RaceFacts): RaceDocument {
  const { session } = document;
  const roster = { ...document.roster };
  for (const entry of facts.roster ?? []) roster[entry.car] = { ...roster[entry.car], ...entry };
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
  };
}

function readCar(catalogue: Catalogue, state: Int32Array): Readings {
  const read = (key: Key) => {
    const index = catalogue.indexOf(key);
    return index === undefined ? null : dequantise(catalogue.channels[index]!, state[index]!);
  };
  return Object.fromEntries(KEYS.map((key) => [key, read(key)])) as Readings;
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

/** Laps driven, as a number that grows along the track; −1 for a car that never sent a lap. */
const progressOf = (car: Readings): number => (car.lap === null ? -1 : car.lap + (car.lap_dist_pct ?? 0) / 100);

interface Entry {
  readonly id: string;
  readonly readings: Readings | undefined;
  readonly before: Standing;
  readonly progress: number;
}

/** Standing of one car after a tick, without position and gap. */
function advance(entry: Entry, closeAtMs: number): Standing {
  const { readings, before } = entry;
  if (!readings || readings.lap === null) return { ...before, status: 'silent' };
  const isInPit = readings.on_pit_road === 1;
  const hasCrossed = before.lap !== null && readings.lap > before.lap;
  const isRestart = before.lap !== null && readings.lap < before.lap;
  const lineAtMs = hasCrossed
    ? Math.round(closeAtMs - (readings.lap_time ?? 0) * 1000)
    : isRestart
      ? null
      : before.lineAtMs;
  return {
    ...before,
    lap: readings.lap,
    lineAtMs,
    lastLapS: positive(readings.lap_time_last),
    bestLapS: positive(readings.lap_time_best) ?? bestOf(before.bestLapS, positive(readings.lap_time_last)),
    status: isInPit ? 'pit' : 'running',
    stops: before.stops + (isInPit && before.status !== 'pit' ? 1 : 0),
    ...(isRestart ? { gapS: null, lapsDown: 0, stops: isInPit ? 1 : 0 } : {}),
  };
}

const bestOf = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** Gap to the leader, fixed when the car crosses the line, so that standings change with laps and not with every tick. */
function withGap(after: Standing, before: Standing, leader: Standing): Standing {
  if (after.lineAtMs === null || after.lap === null || leader.lap === null || leader.lineAtMs === null) return after;
  if (after.lineAtMs === before.lineAtMs && after.position === before.position) return after;
  const isOnLeadLap = after.lap === leader.lap;
  return {
    ...after,
    lapsDown:
      leader.lap - after.lap > 1 || after.lineAtMs !== before.lineAtMs
        ? Math.max(0, leader.lap - after.lap)
        : before.lapsDown,
    gapS: isOnLeadLap ? Math.max(0, (after.lineAtMs - leader.lineAtMs) / 1000) : before.gapS,
  };
}

function updatePitStops(
  document: RaceDocument,
  standings: Record<string, Standing>,
  closeAtMs: number,
): readonly PitStop[] {
  let stops = document.pitStops as PitStop[];
  for (const [car, standing] of Object.entries(standings)) {
    const wasInPit = document.standings[car]?.status === 'pit';
    if (wasInPit === (standing.status === 'pit')) continue;
    if (stops === document.pitStops) stops = stops.slice();
    if (standing.status === 'pit') {
      stops.push({ car, lap: standing.lap, inAtMs: closeAtMs, outAtMs: null });
      continue;
    }
    const open = stops.findLastIndex((stop) => stop.car === car && stop.outAtMs === null);
    if (open >= 0) stops[open] = { ...stops[open]!, outAtMs: closeAtMs };
  }
  return stops.length > MAX_PIT_STOPS ? stops.slice(-MAX_PIT_STOPS) : stops;
}

/**
 * The document after a tick. Pure: all memory that the standings need is in the document itself, so that a
 * restarted ingest goes on where the stream ends.
 *
 * @param field Field after the tick. @param closeAtMs Race time of the close, Unix ms.
 */
export function advanceDocument(
  document: RaceDocument,
  catalogue: Catalogue,
  field: Field,
  closeAtMs: number,
): RaceDocument {
  const entries: Entry[] = field.cars.map((id, slot) => {
    const state = field.states[slot];
    const readings = state && readCar(catalogue, state);
    return {
      id,
      readings,
      before: document.standings[id] ?? NEW_STANDING,
      progress: readings ? progressOf(readings) : -1,
    };
  });
  // Cars level on progress keep the order they had, so that silence does not shuffle the field.
  const rank = (entry: Entry) => entry.before.position || Number.MAX_SAFE_INTEGER;
  const ordered = [...entries].sort((a, b) => b.progress - a.progress || rank(a) - rank(b));
  const advanced = ordered.map((entry, index) => ({ ...advance(entry, closeAtMs), position: index + 1 }));
  const leader = advanced[0];
  const standings: Record<string, Standing> = {};
  ordered.forEach((entry, index) => {
    standings[entry.id] = withGap(advanced[index]!, entry.before, leader!);
  });
  return {
    ...document,
    lap: leader?.lap ?? null,
    standings,
    pitStops: updatePitStops(document, standings, closeAtMs),
  };
}
