/** Whether the page will start without a network at the next visit, and why it will not. */
export type OfflineState =
  | { readonly state: 'ready' }
  /** Browsers do not let it here. */
  | { readonly state: 'not-here'; readonly reason: string }
  /** It is tried again at the next visit. */
  | { readonly state: 'failed'; readonly reason: string };

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
    const worker = registration.active ?? registration.waiting ?? registration.installing;
    if (!worker || !(await becomesActive(worker)))
      return {
        state: 'failed',
        reason:
          'The browser could not load all parts of the page, or has no room for them; it tries again at the next visit.',
      };
    worker.postMessage('page is up');
    return { state: 'ready' };
  } catch (error) {
    return { state: 'failed', reason: `The browser refused to keep the page: ${(error as Error).message}` };
  }
}

function pageLoad(): Promise<void> {
  if (document.readyState === 'complete') return Promise.resolve();
  return new Promise((resolve) => window.addEventListener('load', () => resolve(), { once: true }));
}

/** Whether it does; a worker that could not keep the page is dismissed by the browser instead. */
function becomesActive(worker: ServiceWorker): Promise<boolean> {
  return new Promise((resolve) => {
    const look = () => {
      if (worker.state === 'activated') resolve(true);
      else if (worker.state === 'redundant') resolve(false);
    };
    worker.addEventListener('statechange', look);
    look();
  });
}
