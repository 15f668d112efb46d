import { fail, isObject, KEY, readNumber, readText, refuseUnknownFields } from './catalogue-fields.ts';

/** How the samples of one tick become one value; see {@link Channel.aggregate}. */
export const AGGREGATES = ['last', 'mean', 'min', 'max', 'peak'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/** Largest magnitude of a quantised value: it fits an int32 with room for null. */
export const MAX_STEPS = 2 ** 30;
/** Most steps from `min` to `max`, so that every difference and its residual fit 32 bits. */
export const MAX_SPAN_STEPS = 2 ** 29;

/**
 * How the delta codec spends bits on a channel (PROTOCOL.md, "Deltas of a car"). Hints change sizes, never values,
 * and are part of the content hash: both sides must hold the same ones.
 */
export interface CodingHint {
  /** Exponential-Golomb order of the residual, 0–24. @defaultValue 2 */
  readonly k?: number;
  /** Busy channels spend at least one bit in every delta, quiet ones only when they change. @defaultValue false */
  readonly busy?: boolean;
  /** Key of an earlier busy channel whose difference predicts this one. Busy channels only. */
  readonly from?: string;
  /** Predicted difference = difference of `from` × ratio / 256, rounded; −32768–32767. @defaultValue 256 */
  readonly ratio?: number;
}

/**
 * Where a value begins to be worth a warning or an alarm, in the channel's unit; a value on the limit is still good.
 * At least one is given, each within `min` and `max` of the channel, and
 * `alarmBelow` ≤ `warnBelow` < `warnAbove` ≤ `alarmAbove` as far as they are given.
 */
export interface Limits {
  readonly alarmBelow?: number;
  readonly warnBelow?: number;
  readonly warnAbove?: number;
  readonly alarmAbove?: number;
}

/** One measured quantity of a car. */
export interface Channel {
  /** Lower snake case, at most 32 characters, unique in the catalogue. */
  readonly key: string;
  readonly label: string;
  /** Unit symbol such as `km/h`, `°C`, `kPa`; empty for counts and flags. */
  readonly unit: string;
  /** Smallest step a fan can see, in `unit`. A value travels as round(value / resolution). */
  readonly resolution: number;
  /** Values below `min` or above `max` (in `unit`) travel as null. */
  readonly min: number;
  readonly max: number;
  /** `peak` is the sample of largest magnitude. */
  readonly aggregate: Aggregate;
  readonly group: string;
  /** Silent for longer than this, in ms of race time, the channel becomes null. */
  readonly staleAfterMs: number;
  /** Key of the channel whose samples feed this derived channel; frames do not carry derived channels. */
  readonly of?: string;
  /** For people only: values beyond travel like all others. */
  readonly limits?: Limits;
  readonly coding?: CodingHint;
}

const FIELDS = new Set('key label unit resolution min max aggregate group staleAfterMs of limits coding'.split(' '));
const CODING_FIELDS = new Set(['k', 'busy', 'from', 'ratio']);
const ASCENDING_LIMITS = ['alarmBelow', 'warnBelow', 'warnAbove', 'alarmAbove'] as const;
const LIMIT_FIELDS: ReadonlySet<string> = new Set(ASCENDING_LIMITS);

/**
 * Reads and checks one channel; its fields come out in the order in which they are hashed.
 *
 * @param index Its place in the catalogue, which names it as long as it has no key.
 * @param earlier The channels before it, by key: `of` and `coding.from` may name those only.
 * @throws {ConfigError} `bad_catalogue`: names the channel, the field, the rule and the value.
 */
export function parseChannel(value: unknown, index: number, earlier: ReadonlyMap<string, Channel>): Channel {
  if (!isObject(value)) return fail(`channel ${index}`, 'an object', value);
  const key = value.key;
  if (typeof key !== 'string' || !KEY.test(key)) {
    return fail(`channel ${index}: key`, 'lower snake case of at most 32 characters', key);
  }
  const where = `channel ${key}`;
  if (earlier.has(key)) return fail(`${where}: key`, 'unique in the catalogue', key);
  refuseUnknownFields(value, FIELDS, where);
  const resolution = readNumber(value, 'resolution', where, 'a number above 0', (n) => n > 0);
  const fits = (n: number) => Math.abs(n / resolution) <= MAX_STEPS;
  const min = readNumber(value, 'min', where, `a number of at most ${MAX_STEPS} resolution steps`, fits);
  const fitsSpan = (n: number) => fits(n) && n > min && (n - min) / resolution <= MAX_SPAN_STEPS;
  const span = `above min (${min}) by at most ${MAX_SPAN_STEPS} resolution steps`;
  const max = readNumber(value, 'max', where, span, fitsSpan);
  const aggregate = value.aggregate as Aggregate;
  if (!AGGREGATES.includes(aggregate)) return fail(`${where}: aggregate`, `one of ${AGGREGATES.join(', ')}`, aggregate);
  const isGoodTime = (n: number) => n >= 500 && n <= 864e5;
  return {
    key,
    label: readText(value, 'label', where, 80),
    unit: readText(value, 'unit', where, 16),
    resolution,
    min,
    max,
    aggregate,
    group: readText(value, 'group', where, 32),
    staleAfterMs: readNumber(value, 'staleAfterMs', where, 'a number of ms from 500 to 86400000', isGoodTime),
    ...(value.of !== undefined && { of: parseOf(readText(value, 'of', where, 32), where, earlier) }),
    ...(value.limits !== undefined && { limits: parseLimits(value.limits, `${where}: limits`, min, max) }),
    ...(value.coding !== undefined && { coding: parseCoding(value.coding, where, earlier) }),
  };
}

function parseOf(of: string, where: string, earlier: ReadonlyMap<string, Channel>): string {
  if (!earlier.has(of) || earlier.get(of)?.of)
    return fail(`${where}: of`, 'the key of an earlier channel that is not derived', of);
  return of;
}

function parseLimits(value: unknown, where: string, min: number, max: number): Limits {
  if (!isObject(value)) return fail(where, 'an object', value);
  refuseUnknownFields(value, LIMIT_FIELDS, where);
  const given = ASCENDING_LIMITS.filter((field) => value[field] !== undefined);
  if (given.length === 0) return fail(where, `an object with at least one of ${ASCENDING_LIMITS.join(', ')}`, value);
  const limits: { -readonly [Field in keyof Limits]: Limits[Field] } = {};
  given.forEach((field, i) => {
    const range = `a number from min (${min}) to max (${max})`;
    const limit = readNumber(value, field, where, range, (n) => n >= min && n <= max);
    const lower = given[i - 1];
    if (lower && limit < limits[lower]!) fail(`${where}: ${field}`, `at least ${lower} (${limits[lower]})`, limit);
    // Where the one side ends and the other begins, a good value must fit in between.
    if (lower?.endsWith('Below') && field.endsWith('Above') && limit === limits[lower])
      fail(`${where}: ${field}`, `above ${lower} (${limits[lower]})`, limit);
    limits[field] = limit;
  });
  return limits;
}

function parseCoding(value: unknown, where: string, earlier: ReadonlyMap<string, Channel>): CodingHint {
  if (!isObject(value)) return fail(`${where}: coding`, 'an object', value);
  refuseUnknownFields(value, CODING_FIELDS, `${where}: coding`);
  const hint: { -readonly [Field in keyof CodingHint]: CodingHint[Field] } = {};
  const isInteger = (low: number, high: number) => (n: number) => Number.isInteger(n) && n >= low && n <= high;
  if (value.k !== undefined) hint.k = readNumber(value, 'k', `${where}: coding`, 'an integer 0–24', isInteger(0, 24));
  if (value.busy !== undefined) {
    if (typeof value.busy !== 'boolean') return fail(`${where}: coding.busy`, 'true or false', value.busy);
    hint.busy = value.busy;
  }
  if (value.from !== undefined) {
    const from = readText(value, 'from', `${where}: coding`, 32);
    if (!hint.busy) return fail(`${where}: coding.from`, 'left out unless busy is true', from);
    if (!earlier.get(from)?.coding?.busy)
      return fail(`${where}: coding.from`, 'the key of an earlier busy channel', from);
    hint.from = from;
  }
  if (value.ratio !== undefined) {
    if (hint.from === undefined) return fail(`${where}: coding.ratio`, 'left out unless from is given', value.ratio);
    hint.ratio = readNumber(value, 'ratio', `${where}: coding`, 'an integer −32768–32767', isInteger(-32768, 32767));
  }
  return hint;
}
