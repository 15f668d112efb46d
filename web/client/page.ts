/** What a page tells: it went out of sight, came back, or woke up (from the page cache, onto a network). */
export type PageEvent = 'hidden' | 'shown' | 'awake';

/** The page that a client lives in, as far as a connection is concerned. */
export interface Page {
  readonly isHidden: boolean;
  /** @returns Stops it. */
  listen(hear: (event: PageEvent) => void): () => void;
}

/** The page of a browser; `undefined` where there is none. */
export function browserPage(): Page | undefined {
  if (typeof document === 'undefined') return undefined;
  return {
    get isHidden() {
      return document.visibilityState === 'hidden';
    },
    listen(hear) {
      const stop = new AbortController();
      const { signal } = stop;
      document.addEventListener('visibilitychange', () => hear(this.isHidden ? 'hidden' : 'shown'), { signal });
      window.addEventListener('pageshow', ({ persisted }) => persisted && hear('awake'), { signal });
      window.addEventListener('online', () => hear('awake'), { signal });
      return () => stop.abort();
    },
  };
}
