import type { BuiltFiles } from './built-files.ts';
import { PageCache } from './page-cache.ts';
import { chooseStrategy, isKeptBetter, type Outcome, PATIENCE_MS } from './strategy.ts';

/** Written above this program by the build. */
declare const BUILT_FILES: BuiltFiles;

/** As much of the scope of a service worker as is used here; the types of the page do not have it. */
interface WorkerScope {
  readonly registration: { readonly scope: string };
  readonly clients: {
    matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<readonly unknown[]>;
    claim(): Promise<void>;
  };
  addEventListener(type: 'install' | 'activate' | 'message', listener: (event: LastingEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}

interface LastingEvent {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent extends LastingEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const worker = self as unknown as WorkerScope;
const { scope } = worker.registration;
const cache = new PageCache(scope, BUILT_FILES);
const paths = new Set([...BUILT_FILES.needed, ...BUILT_FILES.later].map(({ path }) => path));

// It does not push aside the worker before it: that one too answers with the newest build that is kept, and a browser may
// let pages wait while it changes workers. It follows when no page is open any more, or at once where it is the first.
worker.addEventListener('install', (event) => event.waitUntil(cache.keepPage().then(tidy)));

worker.addEventListener('activate', (event) => event.waitUntil(tidy().then(() => worker.clients.claim())));

// A page says so when it is up: what it does not need at once comes after what it needs.
worker.addEventListener('message', (event) => event.waitUntil(orNothing(cache.keepRest())));

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const { method, url, mode } = request;
  const strategy = chooseStrategy({ method, url, mode, isRange: request.headers.has('range') }, scope, paths);
  if (strategy === 'pass') return;
  if (strategy === 'page') event.respondWith(askFirst(request, PATIENCE_MS, () => cache.readPage()));
  else if (strategy === 'file') event.respondWith(askFirst(request, undefined, () => cache.readFile(url)));
  else event.respondWith(lookFirst(request, cache.readFile(url)));
});

async function tidy(): Promise<void> {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  await orNothing(cache.deleteOthers(pages.length > 0));
}

/** @param patienceMs As long as it takes when left out. */
async function askFirst(
  request: Request,
  patienceMs: number | undefined,
  readKept: () => Promise<Response | undefined>,
): Promise<Response> {
  const answer = fetch(request);
  if (!isKeptBetter(await settle(answer, patienceMs))) return answer;
  return (await orNothing(readKept())) ?? answer;
}

async function lookFirst(request: Request, reading: Promise<Response | undefined>): Promise<Response> {
  return (await orNothing(reading)) ?? fetch(request);
}

function settle(answer: Promise<Response>, patienceMs: number | undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    if (patienceMs !== undefined) setTimeout(() => resolve('late'), patienceMs);
    answer.then(
      ({ status }) => resolve(status),
      () => resolve('failed'),
    );
  });
}

/** A cache that is full, damaged or forbidden is like an empty one. */
const orNothing = <T>(work: Promise<T>): Promise<T | undefined> => work.catch(() => undefined);
