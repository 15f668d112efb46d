import { sha256 } from '@noble/hashes/sha2.js';
import { type Channel, parseChannel } from './catalogue-channel.ts';
import { fail, isObject, KEY, readText, refuseUnknownFields } from './catalogue-fields.ts';
import { compileFullView, narrowView, type View } from './coding-plan.ts';
import { ConfigError } from './errors.ts';

export {
  AGGREGATES,
  type Channel,
  type CodingHint,
  type Limits,
  MAX_SPAN_STEPS,
  MAX_STEPS,
} from './catalogue-channel.ts';

export const MAX_CHANNELS = 4096;
/** The view that each connection makes for itself, a list of channels: no catalogue names it. */
export const OWN_VIEW = { id: 61, name: 'own' } as const;
/** Views of a catalogue with `full` among them. Ids travel in six bits; 61 is `own`, 62 and 63 are kept free. */
export const MAX_VIEWS = OWN_VIEW.id;

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
  const content = readContent(typeof source === 'string' ? parseJson(source) : source);
  const { name, channels, views } = content;
  const keysOfView = ({ channels: indices }: View) => Array.from(indices, (index) => channels[index]!.key);
  const named = views.slice(1).map((view) => [view.name, keysOfView(view)]);
  const json = JSON.stringify({ name, channels, views: Object.fromEntries(named) });
  return identify(content, json, sha256(new TextEncoder().encode(json)));
}

/**
 * Reads and checks a catalogue as an edge serves it: its exact text is hashed, by the runtime where that can.
 *
 * @throws {ConfigError} `bad_catalogue`, as {@link parseCatalogue}.
 */
export async function openCatalogue(json: string): Promise<Catalogue> {
  const bytes = new TextEncoder().encode(json);
  // Pages that came over plain HTTP have to do it by themselves.
  const subtle = globalThis.crypto?.subtle;
  const digest = subtle ? new Uint8Array(await subtle.digest('SHA-256', bytes)) : sha256(bytes);
  return identify(readContent(parseJson(json)), json, digest);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError('bad_catalogue', `The catalogue must be JSON: ${(cause as Error).message}.`, { cause });
  }
}

/** What a catalogue says, without its identity. */
type Content = Omit<Catalogue, 'hash' | 'tag' | 'json'>;

function readContent(value: unknown): Content {
  if (!isObject(value)) return fail('the catalogue', 'an object', value);
  refuseUnknownFields(value, new Set(['name', 'channels', 'views']), 'the catalogue');
  const name = readText(value, 'name', 'the catalogue', 64);
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
  const full = compileFullView(channels);
  const views = [full, ...Array.from(named, ([view, indices], n) => narrowView(full, n + 1, view, indices))];
  const viewByName = new Map(views.map((view) => [view.name, view]));
  return {
    name,
    channels,
    views,
    packedOrder: full.channels.filter((index) => channels[index]!.of === undefined),
    indexOf: (key) => indexByKey.get(key),
    viewOf: (view) => viewByName.get(view),
  };
}

const identify = (content: Content, json: string, digest: Uint8Array): Catalogue => ({
  ...content,
  json,
  hash: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''),
  tag: new DataView(digest.buffer, digest.byteOffset).getUint32(0, true),
});

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
