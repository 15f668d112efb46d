import { type Catalogue, OWN_VIEW } from './catalogue.ts';
import type { ErrorCode } from './codes.ts';
import { describeValue, ProtocolError } from './errors.ts';
import { isCarId } from './field.ts';
import { formatPosition, type Position, parsePosition } from './position.ts';
import { readSessionRequest, type SessionNews, type SessionRequest } from './session-messages.ts';
import { PROTOCOL_VERSION } from './tick-message.ts';

/** One chosen car and the view in which it is wanted. */
export interface Watch {
  readonly car: string;
  readonly view: string;
}

/** What a client wants to see. */
export interface Wish {
  readonly watch: readonly Watch[];
  /** Keys of the channels of the view `own`; left out: as before, or no such view. */
  readonly channels?: readonly string[];
}

/** How many tick frames in a second a client may ask for. */
export const RATES = [2, 1, 0.5, 0.2] as const;
export type Rate = (typeof RATES)[number];

/** Ticks from one frame to the next at this rate; the highest one is every tick, however long a tick is. */
export const strideOf = (rate: Rate, tickMs: number): number =>
  rate === RATES[0] ? 1 : Math.max(1, Math.round(1000 / tickMs / rate));

/** `all`: every missed tick, for charts without holes. `latest`: one composite. */
export type History = 'all' | 'latest';

/** Where a client was; `garbled` when it named something that is no position. */
export type Since = Position | 'garbled';

/** What a client wants right after its greeting, as if it had said it in messages; what is left out stays. */
export interface Next extends Partial<Wish> {
  readonly rate?: Rate;
  /** A snapshot of all of it. */
  readonly resync?: true;
}

/** Answers to {@link Hello.next} carry this id. */
export const NEXT_ID = 1;

/** What a client says first; all of it may also stand in the URL. */
export interface Hello extends Wish {
  readonly version: number;
  readonly history: History;
  readonly since?: Since;
  /** Whether the race document is wanted. @defaultValue true */
  readonly doc: boolean;
  /** Tick frames per second. @defaultValue 2, every tick */
  readonly rate: Rate;
  readonly next?: Next;
  /** How many of the views and channels of a client that comes back were left out, because the catalogue does not have them. */
  readonly lost?: number;
  /** What is wrong with a `next` that came: the client is greeted, told, and goes on with what it holds. */
  readonly badNext?: ProtocolError;
}

/** How a gap was closed. */
export type RepairKind = 'deltas' | 'composite' | 'snapshot';

/** The receipt: says, before the repair, what follows. */
export interface Receipt {
  readonly type: 'repair';
  readonly kind: RepairKind;
  /** Position that the client named; absent on a first join. */
  readonly from?: string;
  /** Position after the repair. */
  readonly to: string;
  /** How many ticks the repair covers; 0 for a snapshot on a first join. */
  readonly ticks: number;
  /** Bytes of the tick frames of the repair. */
  readonly bytes: number;
  /** From the question, such as a hello, to this receipt, on the edge, in ms. */
  readonly tookMs: number;
  /** Why a snapshot and not what was asked. */
  readonly reason?: 'first' | 'other_epoch' | 'too_old' | 'ahead' | 'unread' | 'garbled' | 'resync' | 'restart';
}

export type ClientMessage =
  | ({ readonly type: 'hello' } & Hello)
  | ({ readonly type: 'watch'; readonly id: number } & Wish)
  | { readonly type: 'rate'; readonly id: number; readonly rate: Rate }
  | { readonly type: 'resync' }
  | SessionRequest
  | { readonly type: 'ping'; readonly id: number };

export interface Welcome {
  readonly type: 'welcome';
  readonly version: number;
  readonly race: string;
  readonly epoch: string;
  /** Hash of the catalogue, served at `/catalogue/<hash>`. */
  readonly catalogue: string;
  readonly tickMs: number;
  /** The edge is never silent for longer. */
  readonly heartbeatMs: number;
  /** After a loss come back at a random moment within this. */
  readonly reconnectWindowMs: number;
  /** Name of the edge process. */
  readonly edge: string;
}

/** No tick comes; holds until a tick frame of a later tick, or a welcome in another epoch. */
export interface Stale {
  readonly type: 'stale';
  /** The newest tick that the edge has. */
  readonly tick: number;
  /** When it came, wall clock of the edge or of NATS, Unix ms. */
  readonly sinceMs: number;
  /** `nats_away`: the edge cannot reach the stream. `no_ticks`: nothing is published. `unreadable`: what is, does not fit. */
  readonly reason: 'nats_away' | 'no_ticks' | 'unreadable';
}

export type EdgeMessage =
  | Welcome
  | Receipt
  | Stale
  | ({
      readonly type: 'watching';
      readonly id: number;
      /** Chosen cars that the field does not have yet; they come with the tick in which they join. */
      readonly unknown: readonly string[];
    } & Wish)
  | { readonly type: 'rate'; readonly id: number; readonly rate: number }
  | SessionNews
  | { readonly type: 'pong'; readonly id: number }
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'bye'; readonly reason: string; readonly reconnectInMs: number };

/** Largest text message that a client may send, in bytes. */
export const MAX_CONTROL_BYTES = 16 * 1024;

const bad = (code: ErrorCode, message: string) => new ProtocolError(code, message);

/**
 * Checks a choice of cars.
 * @param hasView Whether the catalogue has a view of this name.
 * @throws {ProtocolError} `bad_watch`, `too_many_cars`.
 */
export function checkWatch(value: unknown, maxCars: number, hasView: (name: string) => boolean): Watch[] {
  if (!Array.isArray(value))
    throw bad('bad_watch', `watch must be a list of {car, view}, but is ${describeValue(value)}.`);
  if (value.length > maxCars)
    throw bad('too_many_cars', `watch names ${value.length} cars; at most ${maxCars} can be watched.`);
  const seen = new Set<string>();
  return value.map((entry: { car?: unknown; view?: unknown } | null) => {
    const car = entry?.car;
    const view = entry?.view ?? 'full';
    if (typeof car !== 'string' || !isCarId(car))
      throw bad('bad_watch', `A car id is 1 to 8 letters, digits, - or _, but ${describeValue(car)} came.`);
    if (view === OWN_VIEW.name && !hasView(view))
      throw bad('bad_watch', `Car ${car} is to come in the view own, but channels does not say which ones it has.`);
    if (typeof view !== 'string' || !hasView(view))
      throw bad('bad_watch', `The view ${describeValue(view)} does not exist.`);
    if (seen.has(car)) throw bad('bad_watch', `Car ${car} is named twice in watch.`);
    seen.add(car);
    return { car, view };
  });
}

/**
 * Checks the list of the view `own`.
 * @throws {ProtocolError} `bad_watch`: names the key.
 */
function checkChannels(value: unknown, catalogue: Catalogue | undefined): string[] {
  const most = catalogue?.channels.length ?? 0;
  if (!Array.isArray(value) || value.length === 0 || value.length > most) {
    const found = Array.isArray(value) ? `a list of ${value.length}` : describeValue(value);
    throw bad('bad_watch', `channels must be a list of 1 to ${most} channel keys, but is ${found}.`);
  }
  const seen = new Set<string>();
  for (const key of value) {
    if (typeof key !== 'string' || catalogue?.indexOf(key) === undefined)
      throw bad('bad_watch', `channels names ${describeValue(key)}, which the catalogue does not have.`);
    if (seen.has(key)) throw bad('bad_watch', `channels names ${key} twice.`);
    seen.add(key);
  }
  return value;
}

/** A wish as it came, not checked. */
interface Named {
  readonly watch?: unknown;
  readonly channels?: unknown;
}

function readWish(value: Named, limits: ControlLimits): Wish {
  const { channels: list } = value;
  const { catalogue, maxCars } = limits;
  const channels = list === undefined || list === null ? undefined : checkChannels(list, catalogue);
  const hasOwn = channels !== undefined || limits.hasOwnView;
  const watch = checkWatch(value.watch, maxCars, (name) =>
    name === OWN_VIEW.name ? hasOwn : catalogue?.viewOf(name) !== undefined,
  );
  return { watch, ...(channels ? { channels } : {}) };
}

const isRate = (value: unknown): value is Rate => (RATES as readonly unknown[]).includes(value);

function readRate(value: unknown): Rate {
  if (!isRate(value)) throw bad('bad_rate', `rate must be one of ${RATES.join(', ')}, but is ${describeValue(value)}.`);
  return value;
}

/**
 * Reads a position that a client names; nothing and an empty text name none.
 * @returns `garbled` for what is none: a client whose memory is damaged is helped by a snapshot, not by an error that it
 *   would get again.
 */
export function readSince(value: unknown): Since | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  return (typeof value === 'string' ? parsePosition(value) : undefined) ?? 'garbled';
}

const formatSince = (since: Since): string => (since === 'garbled' ? since : formatPosition(since));

function readHistory(value: unknown): History {
  if (value === undefined || value === null) return 'latest';
  if (value !== 'all' && value !== 'latest')
    throw bad('bad_message', `history must be all or latest, but is ${describeValue(value)}.`);
  return value;
}

function readDoc(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'boolean')
    throw bad('bad_message', `doc must be true or false, but is ${describeValue(value)}.`);
  return value;
}

function readId(value: unknown): number {
  if (value === undefined) return 0;
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw bad('bad_message', `id must be a whole number, but is ${describeValue(value)}.`);
  return value as number;
}

/** Limits that the edge gives to the readers of client messages. */
export interface ControlLimits {
  readonly maxCars: number;
  /** `undefined` while there is none: no view and no channel is known then. */
  readonly catalogue: Catalogue | undefined;
  /** Whether the connection has a list of channels already. */
  readonly hasOwnView: boolean;
  /** The client has been here, whether its hello names a position or not. @defaultValue false */
  readonly isBack?: boolean;
}

/**
 * Reads a text message of a client.
 * @throws {ProtocolError} with an {@link ErrorCode}; nothing was changed.
 */
export function parseClientMessage(text: string, limits: ControlLimits): ClientMessage {
  let value: Record<string, unknown> | null;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad('bad_message', `A text message must be JSON, but begins with ${describeValue(text)}.`);
  }
  switch (value?.type) {
    case 'hello':
      return { type: 'hello', ...readHello(value, limits) };
    case 'watch':
      return { type: 'watch', id: readId(value.id), ...readWish(value, limits) };
    case 'rate':
      return { type: 'rate', id: readId(value.id), rate: readRate(value.rate) };
    case 'resync':
      return { type: 'resync' };
    case 'session':
      return readSessionRequest(value);
    case 'ping':
      return { type: 'ping', id: readId(value.id) };
    default:
      throw bad(
        'bad_message',
        `type must be hello, watch, rate, resync, session or ping, but is ${describeValue(value?.type)}.`,
      );
  }
}

function readHello(value: Record<string, unknown>, limits: ControlLimits): Hello {
  if (typeof value.version !== 'number')
    throw bad('bad_message', `version must be a number, but is ${describeValue(value.version)}.`);
  const since = readSince(value.since);
  const named = { watch: value.watch ?? [], channels: value.channels };
  const { lost, ...known } = since || limits.isBack ? leaveOut(named, limits.catalogue) : { ...named, lost: 0 };
  const wish = readWish(known, limits);
  return {
    version: value.version,
    ...wish,
    history: readHistory(value.history),
    doc: readDoc(value.doc),
    rate: readRate(value.rate ?? RATES[0]),
    ...(since ? { since } : {}),
    ...(lost > 0 ? { lost } : {}),
    ...readNext(value.next, { ...limits, hasOwnView: wish.channels !== undefined }),
  };
}

/** Leaves what is no list to those who refuse it. */
function keep(value: unknown, mayStay: (one: unknown) => boolean): { kept: unknown; lost: number } {
  if (!Array.isArray(value)) return { kept: value, lost: 0 };
  const kept = value.filter(mayStay);
  return { kept, lost: value.length - kept.length };
}

/**
 * Leaves out the views and channels that the catalogue has no place for. A client that comes back cannot know what another
 * catalogue lacks, and must not be sent away for it.
 */
function leaveOut({ watch, channels }: Named, catalogue: Catalogue | undefined): Named & { readonly lost: number } {
  const isLost = (key: unknown) => typeof key === 'string' && catalogue?.indexOf(key) === undefined;
  const left = keep(channels, (key) => !isLost(key));
  const isListLost = Array.isArray(left.kept) && left.kept.length === 0 && left.lost > 0;
  const cars = keep(watch, (entry) => {
    const view = (entry as { view?: unknown } | null)?.view;
    if (view === OWN_VIEW.name) return !isListLost;
    return typeof view !== 'string' || catalogue?.viewOf(view) !== undefined;
  });
  return { watch: cars.kept, channels: isListLost ? undefined : left.kept, lost: cars.lost + left.lost };
}

/** A wish that cannot be had is no reason to send away a client that may go on with what it holds. */
function readNext(value: unknown, limits: ControlLimits): Pick<Hello, 'next' | 'badNext'> {
  if (value === undefined || value === null) return {};
  try {
    if (typeof value !== 'object' || Array.isArray(value))
      throw bad('bad_message', `next must be an object, but is ${describeValue(value)}.`);
    const { watch, channels, rate, resync } = value as Record<string, unknown>;
    const wish = watch === undefined && channels === undefined ? {} : readWish({ watch, channels }, limits);
    if (resync !== undefined && resync !== true)
      throw bad('bad_message', `resync must be true, but is ${describeValue(resync)}.`);
    return {
      next: { ...wish, ...(rate === undefined ? {} : { rate: readRate(rate) }), ...(resync && { resync }) },
    };
  } catch (error) {
    if (error instanceof ProtocolError) return { badNext: error };
    throw error;
  }
}

/**
 * Reads a hello from the query of a URL:
 * `watch=24:essentials,9:own&channels=speed,rpm&since=<epoch>:<seq>&history=all&doc=0&rate=0.5`, and what is wanted
 * next in `next`, `nextChannels`, `nextRate` and `nextResync`.
 * @returns `undefined` when the query says nothing of a watch: the client will send a hello.
 * @throws {ProtocolError} as {@link parseClientMessage}.
 */
export function parseQuery(query: string, limits: ControlLimits): Hello | undefined {
  const params = new URLSearchParams(query);
  const watch = params.get('watch');
  if (watch === null) return undefined;
  const version = params.get('version') ?? `${PROTOCOL_VERSION}`;
  return readHello(
    {
      version: /^[0-9]{1,9}$/.test(version) ? Number(version) : version,
      watch: splitWatch(watch),
      channels: splitChannels(params.get('channels')),
      since: params.get('since') ?? undefined,
      history: params.get('history') ?? undefined,
      doc: readDocParam(params.get('doc')),
      rate: readRateParam(params.get('rate')),
      next: readNextParams(params),
    },
    limits,
  );
}

/** Entries of more parts than two are left as texts: no list of cars has them, and so they are named and refused. */
const splitWatch = (text: string): unknown[] =>
  text === ''
    ? []
    : text.split(',').map((entry) => {
        const [car, view, ...rest] = entry.split(':');
        return rest.length > 0 ? { car: entry } : { car, view };
      });

const splitChannels = (text: string | null) => (text === '' ? [] : text?.split(','));

const readRateParam = (text: string | null) => (text !== null && /^\d(\.\d)?$/.test(text) ? Number(text) : text);

function readNextParams(params: URLSearchParams): Record<string, unknown> | undefined {
  const [watch, channels, rate, resync] = ['next', 'nextChannels', 'nextRate', 'nextResync'].map(
    (name) => params.get(name) ?? undefined,
  );
  if ([watch, channels, rate, resync].every((one) => one === undefined)) return undefined;
  return {
    watch: watch === undefined ? undefined : splitWatch(watch),
    channels: channels === undefined ? undefined : splitChannels(channels),
    rate: rate === undefined ? undefined : readRateParam(rate),
    resync: resync === '1' ? true : resync,
  };
}

const DOC_PARAMS: Readonly<Record<string, boolean>> = { 0: false, 1: true };
const readDocParam = (value: string | null) =>
  value !== null && Object.hasOwn(DOC_PARAMS, value) ? DOC_PARAMS[value] : value;

/** The text message that {@link parseClientMessage} reads back. */
export const formatHello = (hello: Hello): string =>
  JSON.stringify({ type: 'hello', ...hello, since: hello.since && formatSince(hello.since) });

/** The query that {@link parseQuery} reads back. */
export function formatQuery(hello: Hello): string {
  const { next } = hello;
  const params = new URLSearchParams({ version: `${hello.version}` });
  params.set('watch', joinWatch(hello.watch));
  if (hello.channels) params.set('channels', hello.channels.join(','));
  if (hello.since) params.set('since', formatSince(hello.since));
  params.set('history', hello.history);
  if (!hello.doc) params.set('doc', '0');
  if (hello.rate !== RATES[0]) params.set('rate', `${hello.rate}`);
  if (next?.watch) params.set('next', joinWatch(next.watch));
  if (next?.channels) params.set('nextChannels', next.channels.join(','));
  if (next?.rate) params.set('nextRate', `${next.rate}`);
  if (next?.resync) params.set('nextResync', '1');
  return params.toString().replaceAll('%3A', ':').replaceAll('%2C', ',');
}

const joinWatch = (watch: readonly Watch[]): string => watch.map(({ car, view }) => `${car}:${view}`).join(',');
