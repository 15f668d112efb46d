import { keepLastState, type LastState } from './last-state.ts';

/** So much of what was seen may be missing from what is kept, should a browser die without a word. */
const KEEP_EVERY_MS = 10_000;

/** What tells that a page may be gone soon. */
export interface Leaving {
  readonly window: EventTarget;
  readonly document: EventTarget & { readonly visibilityState: string };
}

/** Keeps what is on the screen, every 10 s and when the page is left or hidden: phones end hidden pages unasked. */
export class LastStateKeeper {
  readonly #storage: Pick<Storage, 'setItem'> | undefined;
  readonly #read: () => LastState | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #end = new AbortController();

  /**
   * @param storage See {@link pageStorage}.
   * @param read What is on the screen; `undefined` while that is nothing, or is itself an old state.
   */
  constructor(
    storage: Pick<Storage, 'setItem'> | undefined,
    read: () => LastState | undefined,
    { window, document }: Leaving = globalThis,
  ) {
    this.#storage = storage;
    this.#read = read;
    this.#timer = setInterval(() => this.keep(), KEEP_EVERY_MS);
    const { signal } = this.#end;
    window.addEventListener('pagehide', () => this.keep(), { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && this.keep(), {
      signal,
    });
  }

  /** Keeps it now, for example before another race is shown. */
  keep(): void {
    const state = this.#read();
    if (state) keepLastState(this.#storage, state);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#end.abort();
  }
}

/** The storage of this page; `undefined` where a person forbids it. */
export function pageStorage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
