import type { ChannelValue, RaceDocument } from '../../client/mod.ts';

/** A car as it is stored. */
export interface StoredCar {
  readonly car: string;
  readonly view: string;
  readonly tick: number;
  readonly closeAtMs: number;
  readonly channels: readonly ChannelValue[];
}

/** What was on the screen, as it is stored. */
export interface StoredState {
  readonly race: string;
  readonly savedAtMs: number;
  readonly timeMs?: number;
  readonly document: RaceDocument;
  readonly cars: readonly StoredCar[];
}

type Check = (value: unknown) => boolean;

const isNumber: Check = Number.isFinite;
const isText: Check = (value) => typeof value === 'string';
const isOneOf =
  (...texts: readonly string[]): Check =>
  (value) =>
    texts.includes(value as string);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const isRecordOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);
/** An object with these fields; what else it has was written by a newer page, and is nobody's harm. */
const isShape =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(checks).every(([key, check]) => check(ownField(value, key)));

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const ownField = (value: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(value, key) ? value[key] : undefined;

const isFlag = isOneOf('none', 'green', 'yellow', 'red', 'white', 'checkered');

const isSession = isShape({
  race: isText,
  name: isText,
  track: orNull(isText),
  trackLengthM: orNull(isNumber),
  kind: isOneOf('live', 'recording', 'simulation'),
  origin: orNull(isText),
  startedAtMs: isNumber,
  lapsTotal: orNull(isNumber),
});

const isRosterEntry = isShape({
  car: isText,
  driver: orAbsent(isText),
  team: orAbsent(isText),
  make: orAbsent(isText),
});

const isStanding = isShape({
  position: isNumber,
  lap: orNull(isNumber),
  lapsDown: isNumber,
  gapS: orNull(isNumber),
  lineAtMs: orNull(isNumber),
  lastLapS: orNull(isNumber),
  bestLapS: orNull(isNumber),
  status: isOneOf('running', 'pit', 'silent'),
  stops: isNumber,
});

const isPitStop = isShape({ car: isText, lap: orNull(isNumber), inAtMs: isNumber, outAtMs: orNull(isNumber) });

const isDocument = isShape({
  session: isSession,
  flag: isFlag,
  lap: orNull(isNumber),
  roster: isRecordOf(isRosterEntry),
  standings: isRecordOf(isStanding),
  pitStops: isListOf(isPitStop),
  laps: orAbsent(isListOf(isShape({ lap: isNumber, atMs: isNumber }))),
  flags: orAbsent(isListOf(isShape({ flag: isFlag, atMs: isNumber }))),
});

const isChannelValue = isShape({
  key: isText,
  label: isText,
  unit: isText,
  group: isText,
  resolution: isNumber,
  value: orNull(isNumber),
  min: orAbsent(isNumber),
  max: orAbsent(isNumber),
  limits: orAbsent(isRecordOf(isNumber)),
});

const isCar = isShape({
  car: isText,
  view: isText,
  tick: isNumber,
  closeAtMs: isNumber,
  channels: isListOf(isChannelValue),
});

const isState = isShape({
  race: isText,
  savedAtMs: isNumber,
  timeMs: orAbsent(isNumber),
  document: isDocument,
  cars: isListOf(isCar),
});

/** Whether something read from a storage can be shown: a page of another build, or anybody, may have written it. */
export const isStoredState = (value: unknown): value is StoredState => isState(value);
