import type { History, Watch } from '../../protocol/control.ts';
import { ConfigError } from '../../protocol/errors.ts';
import { isCarId } from '../../protocol/field.ts';
import type { FetchText } from './catalogue-store.ts';
import { DEFAULT_DEADLINES, type Deadlines } from './connection-state.ts';

/** A car to watch; without a view, all of its channels. */
export interface WatchRequest {
  readonly car: string;
  /** Name of a view of the catalogue, such as `essentials`. @defaultValue "full" */
  readonly view?: string;
}

/** What {@link connect} takes. */
export interface ConnectOptions {
  /** Address of an edge, `http://host:8080`; or of several that are equal: each reconnect takes the next one. */
  readonly url: string | readonly string[];
  /** Name of the race, as `/races` lists it. */
  readonly race: string;
  /** Cars to begin with. @defaultValue none: ticks and the document still come */
  readonly watch?: readonly WatchRequest[];
  /** After a gap: `all` gives every missed tick, for charts without holes; `latest` one composite. @defaultValue "latest" */
  readonly history?: History;
  /** Whether the race document is wanted. @defaultValue true */
  readonly document?: boolean;
  /** Socket class to use. @defaultValue the global one */
  readonly WebSocket?: typeof WebSocket;
  /** @defaultValue the global one */
  readonly fetch?: FetchText;
  /** Uniform in [0, 1); spreads reconnects. @defaultValue Math.random */
  readonly random?: () => number;
  /** Wall clock in Unix ms, for the age of data. @defaultValue Date.now */
  readonly now?: () => number;
  /** How long each phase of a connection may last. */
  readonly deadlines?: Partial<Deadlines>;
}

/** Options with every default filled in. */
export interface Settings {
  /** Base addresses, each ending in `/`. */
  readonly urls: readonly URL[];
  readonly race: string;
  readonly watch: readonly Watch[];
  readonly history: History;
  readonly wantsDocument: boolean;
  readonly WebSocket: typeof WebSocket;
  readonly fetch: FetchText;
  readonly random: () => number;
  readonly now: () => number;
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

/**
 * Checks and completes a choice of cars.
 * @throws {ConfigError} `bad_watch`: no car id, or a car twice.
 */
export function readWatch(list: readonly WatchRequest[]): Watch[] {
  const seen = new Set<string>();
  return list.map(({ car, view = 'full' }) => {
    if (typeof car !== 'string' || !isCarId(car)) {
      throw new ConfigError('bad_watch', `A car id is 1 to 8 letters, digits, - or _, but ${show(car)} was given.`);
    }
    if (typeof view !== 'string' || !/^[a-z][a-z0-9_]{0,31}$/.test(view)) {
      throw new ConfigError('bad_watch', `A view is named in lower snake case, but ${show(view)} was given.`);
    }
    if (seen.has(car)) throw new ConfigError('bad_watch', `Car ${car} is named twice.`);
    seen.add(car);
    return { car, view };
  });
}

/** @throws {ConfigError} `bad_url`, `bad_race`, `bad_watch`, `bad_option`. */
export function readOptions(options: ConnectOptions): Settings {
  const urls = [options.url].flat().map(readUrl);
  if (urls.length === 0) throw new ConfigError('bad_url', 'url must name at least one edge, but the list is empty.');
  if (typeof options.race !== 'string' || options.race === '') {
    throw new ConfigError('bad_race', `race must be the name of a race, but is ${show(options.race)}.`);
  }
  const { history = 'latest' } = options;
  if (history !== 'all' && history !== 'latest') {
    throw new ConfigError('bad_option', `history must be all or latest, but is ${show(history)}.`);
  }
  const Socket = options.WebSocket ?? globalThis.WebSocket;
  if (!Socket) {
    throw new ConfigError(
      'bad_option',
      'This runtime has no WebSocket: use Node 22 or newer, or pass a WebSocket class.',
    );
  }
  return {
    urls,
    race: options.race,
    watch: readWatch(options.watch ?? []),
    history,
    wantsDocument: options.document ?? true,
    WebSocket: Socket,
    // Called on the global object: a browser's fetch refuses any other.
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    random: options.random ?? Math.random,
    now: options.now ?? Date.now,
    deadlines: { ...DEFAULT_DEADLINES, ...options.deadlines },
  };
}
