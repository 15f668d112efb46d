import { setTimeout as pause } from 'node:timers/promises';
import { type SessionsBucket, type StoredSession, sessionKeyOf } from '../broker/sessions-bucket.ts';
import { formatSession, type Session } from '../protocol/session.ts';
import type { SessionDesk, SessionDevice } from './session-desk.ts';
import type { SessionDoor } from './session-door.ts';
import { SessionStore } from './session-store.ts';

/**
 * What is known of a session. `deleted`: a fan did that, and nothing can be stored under its id. `busy`: too many
 * requests at the moment. `away`: NATS does not answer.
 */
export type SessionState =
  | { readonly kind: 'known'; readonly revision: number; readonly text: string }
  | { readonly kind: 'deleted'; readonly revision: number }
  | { readonly kind: 'unknown' | 'busy' | 'away' };

export type SaveResult =
  | { readonly kind: 'saved'; readonly revision: number }
  /** Another device has saved since; or the session is not there any more. Nothing was stored. */
  | { readonly kind: 'conflict'; readonly current: SessionState }
  | { readonly kind: 'busy' | 'away' };

export interface SessionsOptions {
  readonly open: () => Promise<SessionsBucket>;
  readonly door: SessionDoor;
  readonly desk: SessionDesk;
  readonly isConnected: () => boolean;
  readonly nowMs: () => number;
  readonly report: (code: string, detail: unknown) => void;
}

/** Deleting goes on against devices that save at the same time. */
const DELETE_TRIES = 5;
/** Sessions that are read again in a second because a device could not be told before. */
const LATE_PER_SECOND = 500;

/** The sessions as one edge serves them: it holds none, NATS does. Nothing here throws. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #store: SessionStore;

  constructor(options: SessionsOptions) {
    this.#options = options;
    const { open, isConnected, report, desk } = options;
    this.#store = new SessionStore({
      ...{ open, isConnected, report },
      onChange: (stored) => desk.take(stored.key, stored.revision, stateOf(stored)),
      onNewLife: () => desk.forgetAll(),
    });
  }

  get tally(): SessionDoor['tally'] {
    return this.#options.door.tally;
  }

  /** Devices that are told of changes. */
  get devices(): number {
    return this.#options.desk.size;
  }

  read(id: string): Promise<SessionState> {
    return this.#read(sessionKeyOf(id));
  }

  async #read(key: string): Promise<SessionState> {
    return this.#options.door.mayAsk(this.#options.nowMs()) ? this.#get(key) : { kind: 'busy' };
  }

  async #get(key: string): Promise<SessionState> {
    const found = await this.#store.ask(async (bucket) => ({ stored: await bucket.get(key) }));
    return found ? stateOf(found.stored) : { kind: 'away' };
  }

  /** @param expected The revision that the device knows, 0 for a session that is to be made. */
  async save(id: string, session: Session, expected: number): Promise<SaveResult> {
    const { door, nowMs } = this.#options;
    const key = sessionKeyOf(id);
    if (!door.maySave(key, expected === 0, nowMs())) return { kind: 'busy' };
    const revision = await this.#store.ask((bucket) => bucket.put(key, formatSession(session), expected));
    if (revision === undefined) return { kind: 'away' };
    return revision === 'conflict' ? { kind: 'conflict', current: await this.#get(key) } : { kind: 'saved', revision };
  }

  /** @returns `deleted`, also when it was that before; `unknown` when there is nothing to delete. */
  async delete(id: string): Promise<Exclude<SessionState['kind'], 'known'>> {
    const { door, nowMs } = this.#options;
    if (!door.mayAsk(nowMs())) return 'busy';
    const key = sessionKeyOf(id);
    for (let n = 0; n < DELETE_TRIES; n++) {
      const state = await this.#get(key);
      if (state.kind !== 'known') return state.kind;
      const done = await this.#store.ask((bucket) => bucket.delete(key, state.revision));
      if (done !== 'conflict') return done ?? 'away';
      await pause(n);
    }
    return 'busy';
  }

  /**
   * Tells a device what is stored, and from then on every change.
   * @param holds The revision that it knows already.
   * @returns what ends it; `undefined` when the session has too many devices here.
   */
  attach(id: string, device: SessionDevice, holds?: number): (() => void) | undefined {
    const { desk } = this.#options;
    const key = sessionKeyOf(id);
    if (!desk.attach(key, device, holds)) return undefined;
    this.#store.follow();
    void this.#refresh(key);
    return () => desk.detach(key, device);
  }

  async #refresh(key: string): Promise<void> {
    const { desk } = this.#options;
    const before = desk.revisionOf(key);
    const state = await this.#read(key);
    if (state.kind === 'busy' || state.kind === 'away') desk.excuse(key, state);
    // Nothing was there when it was asked; if it was made since, that was told.
    else if ('revision' in state) desk.take(key, state.revision, state);
    else if (desk.revisionOf(key) === before) desk.take(key, 0, state);
  }

  /** Tells devices what they could not be told before; to be called about once a second. */
  sweep(): void {
    if (!this.#options.isConnected()) return;
    for (const key of this.#options.desk.takeLate(LATE_PER_SECOND)) void this.#refresh(key);
  }

  /** NATS is there again. */
  reconnected(): void {
    this.#store.reconnected();
  }

  stop(): void {
    this.#store.stop();
  }
}

function stateOf(stored: StoredSession | undefined): SessionState {
  if (!stored) return { kind: 'unknown' };
  const { revision, text } = stored;
  return text === undefined ? { kind: 'deleted', revision } : { kind: 'known', revision, text };
}
