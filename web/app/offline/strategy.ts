/**
 * How a request of the page is answered.
 *
 * - `page`: the network for {@link PATIENCE_MS}, then what is kept;
 * - `file`: the network, and what is kept when it fails;
 * - `asset`: what is kept, otherwise the network: its name says its contents;
 * - `pass`: the browser does what it does without a service worker.
 */
export type Strategy = 'page' | 'file' | 'asset' | 'pass';

/** What of a request decides how it is answered. */
export interface Ask {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly mode: string;
  /** Whether only a part of the file is asked for. */
  readonly isRange: boolean;
}

/** So long a page is waited for that is kept. A fan on a bad network sees the one of the last visit then. */
export const PATIENCE_MS = 3000;

/** A name that the build gave a file by its content. */
const HASHED = /^assets\/[^/]+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

/**
 * Decides how a request is answered. Everything that is not surely a file of the page passes: races, sessions, streams.
 *
 * @param scope Absolute address of the folder of the page, with `/` at its end.
 * @param files Paths below `scope` of the files of the build that may be kept.
 */
export function chooseStrategy(ask: Ask, scope: string, files: ReadonlySet<string>): Strategy {
  const path = findPath(ask.url, scope);
  if (path === undefined || ask.method !== 'GET' || ask.isRange) return 'pass';
  if (ask.mode === 'navigate') return isPage(path) ? 'page' : 'pass';
  // A file is kept under its address alone: with a query it may be another one.
  if (new URL(ask.url).search !== '') return 'pass';
  if (HASHED.test(path)) return 'asset';
  return files.has(path) && !isPage(path) ? 'file' : 'pass';
}

const isPage = (path: string): boolean => path === '' || path === 'index.html';

/** Path below `scope`; `undefined` for what is outside of it. */
function findPath(url: string, scope: string): string | undefined {
  const { origin, pathname } = new URL(url);
  const place = origin + pathname;
  return place.startsWith(scope) ? place.slice(scope.length) : undefined;
}

/** What became of a request within the patience: a status, no answer yet, or none at all. */
export type Outcome = number | 'late' | 'failed';

/** Whether a page or file that is kept is better than what the network gave. A proxy without an edge behind it says 502. */
export const isKeptBetter = (outcome: Outcome): boolean => typeof outcome !== 'number' || outcome >= 500;

/**
 * The caches that are to go when another build is kept.
 *
 * A page of the build before may still be open, and ask for parts that no server has any more: then the newest of the
 * others stays until the next build.
 *
 * @param names Every cache of the origin, oldest first; other pages of the origin have caches too.
 * @param prefix Beginning of the names of this page's caches.
 */
export function cachesToDelete(
  names: readonly string[],
  prefix: string,
  current: string,
  hasOpenPages: boolean,
): string[] {
  const others = names.filter((name) => name.startsWith(prefix) && name !== current);
  return hasOpenPages ? others.slice(0, -1) : others;
}
