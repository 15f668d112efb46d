import { sha256 } from '@noble/hashes/sha2.js';
import { compileFullView, narrowView, type View } from './coding-plan.ts';
import { ConfigError, describeValue } from './errors.ts';

/** How the samples of one tick become one value; see {@link Channel.aggregate}. */
export const AGGREGATES = ['last', 'mean', 'min', 'max', 'peak'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/** Largest magnitude of a quantised value: it fits an int32 with room for null. */
export const MAX_STEPS = 2 ** 30;
/** Most steps from `min` to `max`, so that every difference and its residual fit 32 bits. */
export const MAX_SPAN_STEPS = 2 ** 29;
export const MAX_CHANNELS = 4096;
/** The view that each connection makes for itself, a list of channels: no catalogue names it. */
export const OWN_VIEW = { id: 61, name: 'own' } as const;
/** Views of a catalogue with `full` among them. Ids travel in six bits; 61 is `own`, 62 and 63 are kept free. */
export const MAX_VIEWS = OWN_VIEW.id;

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
  readonly coding?: CodingHint;
}

/** A validated catalogue: the channels of one race, its views, and the identity of both. */
export interface Catalogue {
  readonly name: string;
  readonly channels: readonly Channel[];
  /** `views[0]` is `full`; the index is the view id on the wire. */
  readonly views: readonly View[];
  /** SHA-256 of the bytes of {@link json}, lower-case hex. */
  readonly hash: string;
  /** First four bytes of the hash as a little-endian uint32: the short identity inside messages. */
  readonly tag: number;
  /** The exact text that was hashed and that edges serve. */
  readonly json: string;
  /** Channel indices in the order of a packed frame: every channel that is not derived. */
  readonly packedOrder: Uint16Array;
  /** Index of a channel key, `undefined` for an unknown one. */
  indexOf(key: string): number | undefined;
  /** A view by name, `undefined` for an unknown one. */
  viewOf(name: string): View | undefined;
}

type Json = Record<string, unknown>;

const KEY = /^[a-z][a-z0-9_]{0,31}$/;
const CHANNEL_FIELDS = new Set('key label unit resolution min max aggregate group staleAfterMs of coding'.split(' '));
const CODING_FIELDS = new Set(['k', 'busy', 'from', 'ratio']);

const fail = (where: string, rule: string, value: unknown): never => {
  throw new ConfigError('bad_catalogue', `${where} must be ${rule}, but is ${describeValue(value)}.`);
};

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function text(object: Json, field: string, where: string, maxLength: number): string {
  const value = object[field];
  if (typeof value !== 'string' || value.length > maxLength) {
    return fail(`${where}: ${field}`, `a text of at most ${maxLength} characters`, value);
  }
  return value;
}

function number(object: Json, field: string, where: string, rule: string, isGood: (value: number) => boolean): number {
  const value = object[field];
  if (typeof value !== 'number' || !Number.isFinite(value) || !isGood(value))
    return fail(`${where}: ${field}`, rule, value);
  return value;
}

function refuseUnknownFields(object: Json, known: Set<string>, where: string): void {
  for (const field of Object.keys(object)) {
    if (!known.has(field))
      fail(`${where}: ${field}`, `left out; the fields are ${[...known].join(', ')}`, object[field]);
  }
}

function parseCoding(value: unknown, where: string, earlier: ReadonlyMap<string, Channel>): CodingHint {
  if (!isObject(value)) return fail(`${where}: coding`, 'an object', value);
  refuseUnknownFields(value, CODING_FIELDS, `${where}: coding`);
  const hint: { -readonly [Field in keyof CodingHint]: CodingHint[Field] } = {};
  const isInteger = (low: number, high: number) => (n: number) => Number.isInteger(n) && n >= low && n <= high;
  if (value.k !== undefined) hint.k = number(value, 'k', `${where}: coding`, 'an integer 0–24', isInteger(0, 24));
  if (value.busy !== undefined) {
    if (typeof value.busy !== 'boolean') return fail(`${where}: coding.busy`, 'true or false', value.busy);
    hint.busy = value.busy;
  }
  if (value.from !== undefined) {
    const from = text(value, 'from', `${where}: coding`, 32);
    if (!hint.busy) return fail(`${where}: coding.from`, 'left out unless busy is true', from);
    if (!earlier.get(from)?.coding?.busy)
      return fail(`${where}: coding.from`, 'the key of an earlier busy channel', from);
    hint.from = from;
  }
  if (value.ratio !== undefined) {
    if (hint.from === undefined) return fail(`${where}: coding.ratio`, 'left out unless from is given', value.ratio);
    hint.ratio = number(value, 'ratio', `${where}: coding`, 'an integer −32768–32767', isInteger(-32768, 32767));
  }
  return hint;
}

function parseChannel(value: unknown, index: number, earlier: ReadonlyMap<string, Channel>): Channel {
  if (!isObject(value)) return fail(`channel ${index}`, 'an object', value);
  const key = value.key;
  if (typeof key !== 'string' || !KEY.test(key)) {
    return fail(`channel ${index}: key`, 'lower snake case of at most 32 characters', key);
  }
  const where = `channel ${key}`;
  if (earlier.has(key)) return fail(`${where}: key`, 'unique in the catalogue', key);
  refuseUnknownFields(value, CHANNEL_FIELDS, where);
  const resolution = number(value, 'resolution', where, 'a number above 0', (n) => n > 0);
  const fits = (n: number) => Math.abs(n / resolution) <= MAX_STEPS;
  const limit = `a number of at most ${MAX_STEPS} resolution steps`;
  const min = number(value, 'min', where, limit, fits);
  const fitsSpan = (n: number) => fits(n) && n > min && (n - min) / resolution <= MAX_SPAN_STEPS;
  const max = number(value, 'max', where, `above min (${min}) by at most ${MAX_SPAN_STEPS} resolution steps`, fitsSpan);
  const aggregate = value.aggregate as Aggregate;
  if (!AGGREGATES.includes(aggregate)) return fail(`${where}: aggregate`, `one of ${AGGREGATES.join(', ')}`, aggregate);
  const channel: Channel = {
    key,
    label: text(value, 'label', where, 80),
    unit: text(value, 'unit', where, 16),
    resolution,
    min,
    max,
    aggregate,
    group: text(value, 'group', where, 32),
    staleAfterMs: number(
      value,
      'staleAfterMs',
      where,
      'a number of ms from 500 to 86400000',
      (n) => n >= 500 && n <= 864e5,
    ),
  };
  if (value.of !== undefined) {
    const of = text(value, 'of', where, 32);
    if (!earlier.has(of) || earlier.get(of)?.of)
      return fail(`${where}: of`, 'the key of an earlier channel that is not derived', of);
    Object.assign(channel, { of });
  }
  if (value.coding !== undefined) Object.assign(channel, { coding: parseCoding(value.coding, where, earlier) });
  return channel;
}

function parseViews(value: unknown, indexByKey: ReadonlyMap<string, number>): Map<string, Uint16Array> {
  if (!isObject(value)) return fail('views', 'an object of view name to channel keys', value);
  const names = Object.keys(value);
  if (names.length >= MAX_VIEWS) return fail('views', `at most ${MAX_VIEWS - 1} beside full`, names.length);
  const views = new Map<string, Uint16Array>();
  for (const name of names) {
    if (!KEY.test(name) || name === 'full' || name === OWN_VIEW.name)
      return fail(`view ${name}`, 'named in lower snake case and not "full" or "own", which are built in', name);
    const keys = value[name];
    if (!Array.isArray(keys) || keys.length === 0)
      return fail(`view ${name}`, 'a list of at least one channel key', keys);
    const indices = keys.map(
      (key) => indexByKey.get(key as string) ?? fail(`view ${name}`, 'a list of known channel keys', key),
    );
    if (new Set(indices).size !== indices.length)
      return fail(`view ${name}`, 'a list that names each channel once', keys);
    views.set(name, Uint16Array.from(indices).sort());
  }
  return views;
}

/**
 * Reads and checks a catalogue.
 *
 * @param source JSON text or the parsed value: `{name, channels: [...], views: {name: [keys]}}`. Text is hashed as
 *   re-serialised, so white space does not change the identity, while the order of channels does.
 * @throws {ConfigError} `bad_catalogue`: names the channel, the field, the rule and the value.
 */
export function parseCatalogue(source: unknown): Catalogue {
  let value = source;
  if (typeof source === 'string') {
    try {
      value = JSON.parse(source);
    } catch (cause) {
      throw new ConfigError('bad_catalogue', `The catalogue must be JSON: ${(cause as Error).message}.`, { cause });
    }
  }
  if (!isObject(value)) return fail('the catalogue', 'an object', value);
  refuseUnknownFields(value, new Set(['name', 'channels', 'views']), 'the catalogue');
  const name = text(value, 'name', 'the catalogue', 64);
  const list = value.channels;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_CHANNELS) {
    return fail(
      'channels',
      `a list of 1 to ${MAX_CHANNELS} channels`,
      Array.isArray(list) ? `${list.length} channels` : list,
    );
  }
  const byKey = new Map<string, Channel>();
  list.forEach((entry, index) => {
    const channel = parseChannel(entry, index, byKey);
    byKey.set(channel.key, channel);
  });
  const channels = [...byKey.values()];
  const indexByKey = new Map(channels.map((channel, index) => [channel.key, index]));
  const named = parseViews(value.views ?? {}, indexByKey);
  const toKeys = (indices: Uint16Array) => Array.from(indices, (index) => channels[index]!.key);
  const json = JSON.stringify({
    name,
    channels,
    views: Object.fromEntries([...named].map(([view, of]) => [view, toKeys(of)])),
  });
  const digest = sha256(new TextEncoder().encode(json));
  const full = compileFullView(channels);
  const views = [full, ...Array.from(named, ([view, indices], n) => narrowView(full, n + 1, view, indices))];
  const viewByName = new Map(views.map((view) => [view.name, view]));
  return {
    name,
    channels,
    views,
    hash: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''),
    tag: new DataView(digest.buffer, digest.byteOffset).getUint32(0, true),
    json,
    packedOrder: full.channels.filter((index) => channels[index]!.of === undefined),
    indexOf: (key) => indexByKey.get(key),
    viewOf: (view) => viewByName.get(view),
  };
}

/**
 * The view `own` of a list of channels, the same whatever the order of the list.
 * @returns `undefined` when the list is empty or a key is not in the catalogue.
 */
export function compileOwnView(catalogue: Catalogue, keys: readonly string[]): View | undefined {
  const indices = keys.map((key) => catalogue.indexOf(key));
  if (indices.length === 0 || indices.includes(undefined)) return undefined;
  const channels = Uint16Array.from(new Set(indices as number[])).sort();
  return narrowView(catalogue.views[0]!, OWN_VIEW.id, OWN_VIEW.name, channels);
}

/** The keys of the channels of a view, in catalogue order. */
export const keysOf = ({ channels }: Catalogue, view: View): string[] =>
  Array.from(view.channels, (index) => channels[index]!.key);
