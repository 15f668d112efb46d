import { OWN_VIEW } from '../../protocol/catalogue.ts';
import { type History, RATES, type Rate, type Watch, type Wish } from '../../protocol/control.ts';
import { ConfigError } from '../../protocol/errors.ts';
import { isCarId } from '../../protocol/field.ts';
import { DEFAULT_DEADLINES, type Deadlines } from './connection-state.ts';
import type { Fetch } from './fetch.ts';
import { browserPage, type Page } from './page.ts';
import type { FanSession } from './session.ts';
import type { SessionClient } from './session-client.ts';
import { readTransports, type Transport } from './transports.ts';

/** A car to watch; without a view, all of its channels. */
export interface WatchRequest {
  readonly car: string;
  /** Name of a view of the catalogue, such as `essentials`, or `own` for the channels listed. @defaultValue "full" */
  readonly view?: string;
}

/** What {@link connect} takes. */
export interface ConnectOptions {
  /** Address of an edge, `http://host:8080`; or of several that are equal: each reconnect takes the next one. */
  readonly url: string | readonly string[];
  /** Name of the race, as `/races` lists it. */
  readonly race: string;
  /** What the fan chose on this and other devices; the cars of this race follow it. @defaultValue none */
  readonly session?: FanSession;
  /** Whether the cars follow the session; `false` leaves them to {@link Race.watch}, which may add others to the chosen ones. @defaultValue true */
  readonly followsSession?: boolean;
  /** Cars to begin with, if no session is followed that has some. @defaultValue none: ticks and the document still come */
  readonly watch?: readonly WatchRequest[];
  /** Keys of the channels of the view `own`, at least one. @defaultValue none: no car can be watched in `own` */
  readonly channels?: readonly string[];
  /** Tick frames in a second: 2, 1, 0.5 or 0.2; what changed between them comes with them. @defaultValue 2, every tick */
  readonly rate?: Rate;
  /** The rate while the page is out of sight, if that is lower; `false` leaves it as it is. @defaultValue 0.2 */
  readonly hiddenRate?: Rate | false;
  /** After a gap: `all` gives every missed tick, for charts without holes; `latest` one composite. @defaultValue "latest" */
  readonly history?: History;
  /** Whether the race document is wanted. @defaultValue true */
  readonly document?: boolean;
  /**
   * Ways to an edge, the best first: when one does not get through, the next is tried, and the first again later.
   * @defaultValue all that this runtime has: `websocket`, `sse`
   */
  readonly transports?: readonly Transport[];
  /** Socket class to use. @defaultValue the global one */
  readonly WebSocket?: typeof WebSocket;
  /** @defaultValue the global one */
  readonly fetch?: Fetch;
  /** Uniform in [0, 1); spreads reconnects. @defaultValue Math.random */
  readonly random?: () => number;
  /** Wall clock in Unix ms, for the age of data. @defaultValue Date.now */
  readonly now?: () => number;
  /** Tells when a page goes out of sight, comes back and wakes. @defaultValue the browser's page; none in Node */
  readonly page?: Page;
  /** How long each phase of a connection may last. */
  readonly deadlines?: Partial<Deadlines>;
}

/** Options with every default filled in. */
export interface Settings {
  /** Base addresses, each ending in `/`. */
  readonly urls: readonly URL[];
  readonly race: string;
  readonly session: SessionClient | undefined;
  readonly followsSession: boolean;
  readonly watch: readonly Watch[];
  readonly channels: readonly string[] | undefined;
  readonly rate: Rate;
  readonly hiddenRate: Rate | false;
  readonly history: History;
  readonly wantsDocument: boolean;
  /** Not empty. */
  readonly transports: readonly Transport[];
  /** There whenever it is one of the transports. */
  readonly WebSocket: typeof WebSocket | undefined;
  readonly fetch: Fetch;
  readonly random: () => number;
  readonly now: () => number;
  readonly page: Page | undefined;
  readonly deadlines: Deadlines;
}

const show = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 60);

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url && /^(https?|wss?):$/.test(url.protocol);
  if (!isWeb) throw new ConfigError('bad_url', `url must be an http(s) address, but is ${show(text)}.`);
  url.protocol = url.protocol.replace('ws', 'http');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  url.search = '';
  url.hash = '';
  return url;
}

/** @throws {ConfigError} `bad_url`. */
export function readUrls(url: string | readonly string[]): URL[] {
  const urls = [url].flat().map(readUrl);
  if (urls.length === 0) throw new ConfigError('bad_url', 'url must name at least one edge, but the list is empty.');
  return urls;
}

const KEY = /^[a-z][a-z0-9_]{0,31}$/;

/**
 * Checks and completes what is wanted. Whether views and channels exist, only an edge can tell.
 * @throws {ConfigError} `bad_watch`: no car id, a car or a channel twice, or `own` without channels.
 */
export function readWish(watch: readonly WatchRequest[], channels: readonly string[] | undefined): Wish {
  return { watch: readWatch(watch, channels !== undefined), ...(channels ? { channels: readChannels(channels) } : {}) };
}

function readChannels(list: readonly string[]): readonly string[] {
  if (!Array.isArray(list) || list.length === 0)
    throw new ConfigError('bad_watch', `channels must list at least one channel key, but is ${show(list)}.`);
  for (const [place, key] of list.entries()) {
    if (typeof key !== 'string' || !KEY.test(key))
      throw new ConfigError('bad_watch', `A channel key is in lower snake case, but ${show(key)} was given.`);
    if (list.indexOf(key) < place) throw new ConfigError('bad_watch', `Channel ${key} is named twice.`);
  }
  return [...list];
}

/** @throws {ConfigError} `bad_option`. */
export function readRate(rate: Rate, name = 'rate'): Rate {
  if (RATES.includes(rate)) return rate;
  throw new ConfigError('bad_option', `${name} must be one of ${RATES.join(', ')}, but is ${show(rate)}.`);
}

function readWatch(list: readonly WatchRequest[], hasChannels: boolean): Watch[] {
  const seen = new Set<string>();
  return list.map(({ car, view = 'full' }) => {
    if (typeof car !== 'string' || !isCarId(car)) {
      throw new ConfigError('bad_watch', `A car id is 1 to 8 letters, digits, - or _, but ${show(car)} was given.`);
    }
    if (typeof view !== 'string' || !KEY.test(view)) {
      throw new ConfigError('bad_watch', `A view is named in lower snake case, but ${show(view)} was given.`);
    }
    if (view === OWN_VIEW.name && !hasChannels) {
      throw new ConfigError('bad_watch', `Car ${car} is to come in the view own, but no channels are listed.`);
    }
    if (seen.has(car)) throw new ConfigError('bad_watch', `Car ${car} is named twice.`);
    seen.add(car);
    return { car, view };
  });
}

/** @throws {ConfigError} `bad_url`, `bad_race`, `bad_watch`, `bad_option`. */
export function readOptions(options: ConnectOptions): Settings {
  const urls = readUrls(options.url);
  if (typeof options.race !== 'string' || options.race === '') {
    throw new ConfigError('bad_race', `race must be the name of a race, but is ${show(options.race)}.`);
  }
  const { history = 'latest', hiddenRate = 0.2, followsSession = true } = options;
  if (history !== 'all' && history !== 'latest') {
    throw new ConfigError('bad_option', `history must be all or latest, but is ${show(history)}.`);
  }
  const Socket = options.WebSocket ?? globalThis.WebSocket;
  const chosen = followsSession ? options.session?.choiceOf(options.race) : undefined;
  const { watch, channels } = chosen ?? readWish(options.watch ?? [], options.channels);
  return {
    urls,
    race: options.race,
    // Sessions are made by openSession only.
    session: options.session as SessionClient | undefined,
    followsSession,
    watch,
    channels,
    rate: readRate(options.rate ?? 2),
    hiddenRate: hiddenRate === false ? false : readRate(hiddenRate, 'hiddenRate'),
    history,
    wantsDocument: options.document ?? true,
    transports: readTransports(options.transports, Socket !== undefined),
    WebSocket: Socket,
    // Called on the global object: a browser's fetch refuses any other.
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    random: options.random ?? Math.random,
    now: options.now ?? Date.now,
    page: options.page ?? browserPage(),
    deadlines: { ...DEFAULT_DEADLINES, ...options.deadlines },
  };
}
