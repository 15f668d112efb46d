/** Whether the page will start without a network at the next visit, and why it will not. */
export type OfflineState =
  | { readonly state: 'ready' }
  /** Browsers do not let it here. */
  | { readonly state: 'not-here'; readonly reason: string }
  /** It is tried again at the next visit. */
  | { readonly state: 'failed'; readonly reason: string };

/** Lets a worker load what the page did not need at once. */
const PAGE_IS_UP = 'page is up';

/** What of a browser decides whether a page may be kept. */
export interface Place {
  readonly isSecureContext: boolean;
  readonly hasServiceWorkers: boolean;
}

/** Why no page can be kept here; `undefined` where one can. */
export function whyNotHere({ isSecureContext, hasServiceWorkers }: Place): string | undefined {
  if (!isSecureContext) return 'Browsers keep pages only from addresses with https, and from this device itself.';
  if (!hasServiceWorkers) return 'This browser keeps no pages, or not in a private window.';
  return undefined;
}

/**
 * Has the browser keep the page, so that it starts without a network. Begins when the page has loaded, and takes nothing
 * from it before.
 *
 * @returns settles when the page is kept, or will not be; never rejects. Behind a network that hangs it stays open.
 */
export async function registerOffline(): Promise<OfflineState> {
  const reason = whyNotHere({ isSecureContext, hasServiceWorkers: 'serviceWorker' in navigator });
  if (reason !== undefined) return { state: 'not-here', reason };
  try {
    await pageLoad();
    const address = new URL('sw.js', document.baseURI);
    const registration = await navigator.serviceWorker.register(address, { updateViaCache: 'none' });
    // What was kept at an earlier visit is there whatever becomes of the next build.
    if (registration.active) {
      void followUpdate(registration);
      return { state: 'ready' };
    }
    const worker = registration.installing ?? registration.waiting;
    if (worker && (await becomes(worker, ['activated']))) {
      worker.postMessage(PAGE_IS_UP);
      return { state: 'ready' };
    }
    return {
      state: 'failed',
      reason:
        'The browser could not load all parts of the page, or has no room for them; it tries again at the next visit.',
    };
  } catch (error) {
    return { state: 'failed', reason: `The browser refused to keep the page: ${(error as Error).message}` };
  }
}

function pageLoad(): Promise<void> {
  if (document.readyState === 'complete') return Promise.resolve();
  return new Promise((resolve) => window.addEventListener('load', () => resolve(), { once: true }));
}

/**
 * Has the browser look for another build. By itself it does so only once the worker has been idle for a while, which a page
 * that polls prevents.
 */
async function followUpdate(registration: ServiceWorkerRegistration): Promise<void> {
  try {
    await registration.update();
  } catch {
    // No network, or no worker there any more: what is kept stays.
  }
  // Another build keeps itself, and waits: the worker before it shows it.
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  if (worker && (await becomes(worker, ['installed', 'activating', 'activated']))) worker.postMessage(PAGE_IS_UP);
}

/** Whether a worker gets so far; one that could not keep the page is dismissed by the browser instead. */
function becomes(worker: ServiceWorker, wanted: readonly ServiceWorkerState[]): Promise<boolean> {
  return new Promise((resolve) => {
    const look = () => {
      if (wanted.includes(worker.state)) resolve(true);
      else if (worker.state === 'redundant') resolve(false);
    };
    worker.addEventListener('statechange', look);
    look();
  });
}
