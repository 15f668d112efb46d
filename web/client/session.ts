import type { Wish } from '../../protocol/control.ts';
import { ConfigError } from '../../protocol/errors.ts';
import type { Position } from '../../protocol/position.ts';
import { isSessionId, sessionIdOf } from '../../protocol/session.ts';
import type { Fetch } from './fetch.ts';
import { readUrls, type WatchRequest } from './options.ts';
import { browserPage, type Page } from './page.ts';
import { SessionClient } from './session-client.ts';
import { browserStorage, SessionKeeper, type SessionStorage } from './session-storage.ts';

/**
 * - `new`: nothing was set yet, and nothing is stored.
 * - `saved`: what is here is stored, as far as is known.
 * - `saving`: it is on its way.
 * - `waiting`: it could not be saved; it is tried again by itself.
 * - `unsaved`: an edge refuses it, and says why in an `error`; it is tried again with the next change.
 * - `deleted`: by this or another device. Open a new session.
 */
export type SessionStatus = 'new' | 'saved' | 'saving' | 'waiting' | 'unsaved' | 'deleted';

/** What {@link FanSession.on} can tell. */
export interface SessionEvents {
  /** Something in it is another than before. */
  readonly change: { readonly from: 'here' | 'elsewhere' };
  readonly status: SessionStatus;
  /** Something was wrong and has been dealt with; for logs and for people. */
  readonly error: Error;
}

/**
 * What a fan chose and how far it has read, shared by the devices of the fan. What is set here is here at once, is
 * saved by itself, and is on the other devices within a second. Where two devices set the same part, the later one stands.
 */
export interface FanSession {
  /** A key: whoever knows it may read, change and delete the session. Keep it out of addresses and logs. */
  readonly id: string;
  readonly status: SessionStatus;
  /** The cars of a race; `undefined` while none were chosen. */
  choiceOf(race: string): Wish | undefined;
  /**
   * Chooses the cars of a race on all devices.
   * @param channels Keys of the channels of the view `own`. @defaultValue those that were chosen before
   * @throws {ConfigError} `bad_watch`, `bad_session`, `deleted`; nothing is changed.
   */
  choose(race: string, watch: readonly WatchRequest[], channels?: readonly string[]): void;
  /** Car ids, in the order of the fan. */
  readonly favourites: readonly string[];
  /** @throws {ConfigError} `bad_session`, `deleted`; nothing is changed. */
  setFavourites(cars: readonly string[]): void;
  /** How long everything is to be held back, in ms. */
  readonly tvDelayMs: number;
  /** @param delayMs 0 to 600,000. @throws {ConfigError} `bad_session`, `deleted`; nothing is changed. */
  setTvDelay(delayMs: number): void;
  /** The newest tick that one of the devices has shown, as last saved: once a minute, and when a page is left. */
  positionOf(race: string): Position | undefined;
  /** The address that hands the session over to another device. @param page Address of a page that opens sessions. */
  link(page: string): string;
  /** @returns Takes the listener off again. */
  on<Name extends keyof SessionEvents>(name: Name, listener: (value: SessionEvents[Name]) => void): () => void;
  /** Deletes it for all devices. @throws when no edge could do that; nothing is deleted then. */
  forget(): Promise<void>;
  /** Saves what is not saved yet and ends; nothing is left running. */
  close(): void;
}

/** What {@link openSession} takes. */
export interface SessionOptions {
  /** Address of an edge, `http://host:8080`, or of several that are equal. */
  readonly url: string | readonly string[];
  /** The session of another device, to be taken over. @defaultValue that of this device, or a new one */
  readonly id?: string;
  /** The session that this device had before it took over that of another one, or a new one. @defaultValue false */
  readonly own?: boolean;
  /** Where this device keeps its session. @defaultValue the `localStorage` of a browser; none in Node */
  readonly storage?: SessionStorage;
  /** @defaultValue the global one */
  readonly fetch?: Fetch;
  /** Uniform in [0, 1); spreads requests. @defaultValue Math.random */
  readonly random?: () => number;
  /** Wall clock in Unix ms. @defaultValue Date.now */
  readonly now?: () => number;
  /** Tells when a page goes out of sight. @defaultValue the browser's page; none in Node */
  readonly page?: Page;
}

/**
 * Opens the session of this device, or makes one. Nothing is asked of an edge for a session that is new.
 * @throws {ConfigError} `bad_url`, `bad_session`; nothing was started.
 */
export function openSession(options: SessionOptions): FanSession {
  const { id } = options;
  if (id !== undefined && !isSessionId(id))
    throw new ConfigError('bad_session', 'The id of a session has 22 letters, digits, - and _; copy the whole link.');
  const keeper = new SessionKeeper(options.storage ?? browserStorage());
  const known = options.own ? undefined : keeper.read();
  if (id !== undefined && known && known.id !== id) keeper.setAside();
  const kept = id === undefined ? (known ?? keeper.takeBack()) : known?.id === id ? known : undefined;
  return new SessionClient({
    urls: readUrls(options.url),
    id: id ?? kept?.id ?? sessionIdOf(crypto.getRandomValues(new Uint8Array(16))),
    session: kept?.session,
    isNew: id === undefined && !kept,
    keeper,
    // Called on the global object: a browser's fetch refuses any other.
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    random: options.random ?? Math.random,
    now: options.now ?? Date.now,
    page: options.page ?? browserPage(),
  });
}

const FRAGMENT = /^#session=(.*)$/;

/**
 * The session in the fragment of an address, as {@link FanSession.link} writes it. A page that has read it should
 * take it out of its address: people copy addresses.
 * @param hash Such as `location.hash`. @returns `undefined` when there is none.
 */
export function readSessionLink(hash: string): string | undefined {
  const id = FRAGMENT.exec(hash)?.[1];
  return id !== undefined && isSessionId(id) ? id : undefined;
}
