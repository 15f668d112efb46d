import { OWN_VIEW } from './catalogue.ts';
import type { Watch, Wish } from './control.ts';
import { describeValue, ProtocolError } from './errors.ts';
import { isCarId } from './field.ts';
import { formatPosition, isRaceName, type Position, parsePosition } from './position.ts';

/** A value and when it was set, in Unix ms by the clock of the device; see {@link nextStamp}. */
export interface Edit<T> {
  readonly value: T;
  readonly atMs: number;
}

/** What a session remembers of one race. */
export interface RaceMemory {
  /** Cars, views and the channels of `own`. */
  readonly choice?: Edit<Wish>;
  /** The newest tick that one of the devices has shown. */
  readonly position?: Edit<Position>;
}

/** What a fan chose and how far it has read, shared by the devices of the fan. Every part is set on its own. */
export interface Session {
  /** Car ids, in the order of the fan. */
  readonly favourites?: Edit<readonly string[]>;
  /** How long everything is held back, in ms, so that it fits the picture on a TV. */
  readonly tvDelayMs?: Edit<number>;
  /** By name of the race. */
  readonly races: ReadonlyMap<string, RaceMemory>;
}

export const EMPTY_SESSION: Session = { races: new Map() };

const SESSION_VERSION = 1;
/** Largest session, in bytes of its text. */
export const MAX_SESSION_BYTES = 16 * 1024;
/** Most races that a session remembers. */
export const MAX_SESSION_RACES = 16;
/** Most cars in a choice and among the favourites. */
export const MAX_SESSION_CARS = 250;
export const MAX_TV_DELAY_MS = 600_000;
/** No stamp is later: what is beyond could not be outdone by a later edit. */
export const MAX_STAMP_MS = 2 ** 48 - 1;

/** 128 bits in 21 characters of six and one of two. */
const ID = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const NAME = /^[a-z][a-z0-9_]{0,31}$/;

/** Whoever knows the id of a session may read, change and delete it: it is no name, but a key. */
export const isSessionId = (text: string): boolean => ID.test(text);

/** @param random 16 bytes that nobody can guess. */
export const sessionIdOf = (random: Uint8Array): string =>
  btoa(String.fromCharCode(...random.subarray(0, 16)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .slice(0, 22);

const bad = (message: string) => new ProtocolError('bad_session', message);

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readObject(value: unknown, name: string): Fields {
  if (isObject(value)) return value;
  throw bad(`${name} must be an object, but is ${describeValue(value)}.`);
}

function readEdit<T>(edit: unknown, name: string, read: (value: unknown) => T): Edit<T> | undefined {
  if (edit === undefined) return undefined;
  const { value, atMs } = readObject(edit, name);
  if (!Number.isInteger(atMs) || (atMs as number) < 0 || (atMs as number) > MAX_STAMP_MS)
    throw bad(`atMs of ${name} must be a whole number from 0 to ${MAX_STAMP_MS}, but is ${describeValue(atMs)}.`);
  return { value: read(value), atMs: atMs as number };
}

/** A list of different texts. */
function readList(value: unknown, name: string, most: number, isGood: (text: string) => boolean): string[] {
  if (!Array.isArray(value) || value.length > most)
    throw bad(`${name} must be a list of at most ${most}, but is ${describeValue(value)}.`);
  for (const one of value)
    if (typeof one !== 'string' || !isGood(one)) throw bad(`${name} names ${describeValue(one)}, which cannot be one.`);
  if (new Set(value).size < value.length) throw bad(`${name} names something twice.`);
  return value;
}

function readWatch(value: unknown): Watch[] {
  if (!Array.isArray(value)) throw bad(`watch must be a list of {car, view}, but is ${describeValue(value)}.`);
  const watch = value.map((entry: unknown) => {
    const { car, view } = readObject(entry, 'An entry of watch');
    if (typeof view !== 'string' || !NAME.test(view)) throw bad(`The view ${describeValue(view)} cannot exist.`);
    return { car: car as string, view };
  });
  const cars = watch.map(({ car }) => car);
  readList(cars, 'watch', MAX_SESSION_CARS, isCarId);
  return watch;
}

/** Whether cars, views and channels exist, only an edge can tell, in its own race. */
function readChoice(value: unknown): Wish {
  const { watch, channels } = readObject(value, 'choice');
  const keys = channels === undefined ? undefined : readList(channels, 'channels', MAX_SESSION_BYTES, isKey);
  const cars = readWatch(watch);
  if (!keys && cars.some(({ view }) => view === OWN_VIEW.name))
    throw bad('A car is chosen in the view own, but channels does not say which ones it has.');
  return { watch: cars, ...(keys && { channels: keys }) };
}

const isKey = (text: string) => NAME.test(text);

function readPosition(value: unknown): Position {
  const position = typeof value === 'string' ? parsePosition(value) : undefined;
  if (!position) throw bad(`position must be <epoch>:<seq>, but is ${describeValue(value)}.`);
  return position;
}

function readTvDelay(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TV_DELAY_MS) return value as number;
  throw bad(`tvDelayMs must be a whole number from 0 to ${MAX_TV_DELAY_MS}, but is ${describeValue(value)}.`);
}

function readRaces(value: unknown): Map<string, RaceMemory> {
  const entries = Object.entries(readObject(value ?? {}, 'races'));
  if (entries.length > MAX_SESSION_RACES)
    throw bad(`races has ${entries.length} races; a session remembers at most ${MAX_SESSION_RACES}.`);
  return new Map(
    entries.map(([race, memory]) => {
      if (!isRaceName(race)) throw bad(`races names ${describeValue(race)}, which cannot be a race.`);
      const fields = readObject(memory, `The race ${race}`);
      const choice = readEdit(fields.choice, 'choice', readChoice);
      const position = readEdit(fields.position, 'position', readPosition);
      return [race, { ...(choice && { choice }), ...(position && { position }) }];
    }),
  );
}

/** @throws {ProtocolError} `bad_session`: names the field. */
export function checkSession(value: unknown): Session {
  const fields = readObject(value, 'A session');
  if (fields.version !== SESSION_VERSION)
    throw bad(`The version of a session must be ${SESSION_VERSION}, but is ${describeValue(fields.version)}.`);
  const isCar = (text: string) => isCarId(text);
  const favourites = readEdit(fields.favourites, 'favourites', (list) =>
    readList(list, 'favourites', MAX_SESSION_CARS, isCar),
  );
  const tvDelayMs = readEdit(fields.tvDelayMs, 'tvDelayMs', readTvDelay);
  return { ...(favourites && { favourites }), ...(tvDelayMs && { tvDelayMs }), races: readRaces(fields.races) };
}

/**
 * Reads the text of a session.
 * @throws {ProtocolError} `bad_session`: too large, no JSON, or a field that breaks a rule.
 */
export function parseSession(text: string): Session {
  // Everything that may stand in it is ASCII; what is not is refused below.
  if (text.length > MAX_SESSION_BYTES)
    throw bad(`A session has at most ${MAX_SESSION_BYTES} bytes, but ${text.length} came.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad(`A session must be JSON, but begins with ${describeValue(text)}.`);
  }
  return checkSession(value);
}

/** The text that {@link parseSession} reads back; the same for equal sessions. */
export function formatSession({ favourites, tvDelayMs, races }: Session): string {
  const names = [...races.keys()].sort();
  const memories = names.map((race) => {
    const { choice, position } = races.get(race)!;
    const place = position && { value: formatPosition(position.value), atMs: position.atMs };
    return [race, { choice: choice && writeChoice(choice), position: place }];
  });
  return JSON.stringify({
    version: SESSION_VERSION,
    favourites: favourites && { value: favourites.value, atMs: favourites.atMs },
    tvDelayMs: tvDelayMs && { value: tvDelayMs.value, atMs: tvDelayMs.atMs },
    races: Object.fromEntries(memories),
  });
}

const writeChoice = ({ value: { watch, channels }, atMs }: Edit<Wish>) => ({
  value: { watch: watch.map(({ car, view }) => ({ car, view })), channels },
  atMs,
});
