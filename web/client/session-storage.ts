import { EMPTY_SESSION, formatSession, isSessionId, parseSession, type Session } from '../../protocol/session.ts';

/** As much of `localStorage` as is used here. */
export interface SessionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const KEY = 'slipstream-session';
/** The session that this device had before it took over another one. */
const OWN_KEY = 'slipstream-session-own';

/** A session on this device: so that it is there before an edge answers, and when none does. */
interface Kept {
  readonly id: string;
  readonly session: Session;
}

/** Keeps the session of this device. A storage that is full, forbidden or damaged keeps nothing, and harms nothing. */
export class SessionKeeper {
  readonly #storage: SessionStorage | undefined;

  constructor(storage: SessionStorage | undefined) {
    this.#storage = storage;
  }

  read(): Kept | undefined {
    return this.#read(KEY);
  }

  #read(key: string): Kept | undefined {
    const text = this.#try((storage) => storage.getItem(key));
    if (!text) return undefined;
    const id = text.slice(0, 22);
    if (!isSessionId(id)) return undefined;
    try {
      return { id, session: parseSession(text.slice(22)) };
    } catch {
      // The id is what counts: an edge has the rest.
      return { id, session: EMPTY_SESSION };
    }
  }

  /** Keeps this session instead of any other one. */
  take({ id, session }: Kept): void {
    this.#try((storage) => storage.setItem(KEY, id + formatSession(session)));
  }

  /** Keeps what has become of a session, unless another one has taken its place, perhaps in another tab. */
  update(kept: Kept): void {
    if (this.read()?.id === kept.id) this.take(kept);
  }

  /** Another session takes the place of the one that is kept, which can be had again by {@link takeBack}. */
  setAside(): void {
    const kept = this.read();
    // Of two that were taken over one after the other, neither is the device's own.
    if (!kept || this.#read(OWN_KEY)) return;
    this.#try((storage) => storage.setItem(OWN_KEY, kept.id + formatSession(kept.session)));
  }

  /** The session that was set aside, if one was; it is that no more. */
  takeBack(): Kept | undefined {
    const own = this.#read(OWN_KEY);
    this.#try((storage) => storage.removeItem(OWN_KEY));
    return own;
  }

  /** Forgets a session, unless another one has taken its place. */
  forget(id: string): void {
    if (this.read()?.id === id) this.#try((storage) => storage.removeItem(KEY));
  }

  #try<T>(use: (storage: SessionStorage) => T): T | undefined {
    try {
      return this.#storage && use(this.#storage);
    } catch {
      // Browsers throw when a person forbids storage or it is full: the session then lives as long as the page.
      return undefined;
    }
  }
}

/** The storage of a browser; `undefined` where there is none or it may not be used. */
export function browserStorage(): SessionStorage | undefined {
  try {
    return typeof localStorage === 'undefined' ? undefined : localStorage;
  } catch {
    return undefined;
  }
}
