import { setTimeout as pause } from 'node:timers/promises';
import { type SessionsBucket, sessionKeyOf } from '../broker/sessions-bucket.ts';
import { formatSession, type Session } from '../protocol/session.ts';
import type { SessionDoor } from './session-door.ts';

/**
 * What is known of a session. `deleted`: a fan did that, and nothing can be stored under its id. `busy`: too many
 * requests at the moment. `away`: NATS does not answer.
 */
export type SessionState =
  | { readonly kind: 'known'; readonly revision: number; readonly text: string }
  | { readonly kind: 'unknown' | 'deleted' | 'busy' | 'away' };

export type SaveResult =
  | { readonly kind: 'saved'; readonly revision: number }
  /** Another device has saved since; or the session is not there any more. Nothing was stored. */
  | { readonly kind: 'conflict'; readonly current: SessionState }
  | { readonly kind: 'busy' | 'away' };

export interface SessionsOptions {
  readonly open: () => Promise<SessionsBucket>;
  readonly door: SessionDoor;
  /** A request to a NATS that is known to be away would only wait for its end. */
  readonly isConnected: () => boolean;
  readonly nowMs: () => number;
  /** Told when NATS does not answer or refuses, once for each message in a row. */
  readonly report: (code: string, detail: unknown) => void;
}

/** Deleting goes on against devices that save at the same time. */
const DELETE_TRIES = 5;

/** The sessions as one edge serves them: it holds none, NATS does. Nothing here throws. */
export class Sessions {
  readonly #options: SessionsOptions;
  #bucket: Promise<SessionsBucket> | undefined;
  #problem = '';

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get tally(): SessionDoor['tally'] {
    return this.#options.door.tally;
  }

  async read(id: string): Promise<SessionState> {
    if (!this.#options.door.mayAsk(this.#options.nowMs())) return { kind: 'busy' };
    return this.#get(sessionKeyOf(id));
  }

  async #get(key: string): Promise<SessionState> {
    const found = await this.#ask(async (bucket) => ({ stored: await bucket.get(key) }));
    if (!found) return { kind: 'away' };
    const { stored } = found;
    if (!stored) return { kind: 'unknown' };
    const { revision, text } = stored;
    return text === undefined ? { kind: 'deleted' } : { kind: 'known', revision, text };
  }

  /** @param expected The revision that the device knows, 0 for a session that is to be made. */
  async save(id: string, session: Session, expected: number): Promise<SaveResult> {
    const { door, nowMs } = this.#options;
    const key = sessionKeyOf(id);
    if (!door.maySave(key, expected === 0, nowMs())) return { kind: 'busy' };
    const revision = await this.#ask((bucket) => bucket.put(key, formatSession(session), expected));
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
      const done = await this.#ask((bucket) => bucket.delete(key, state.revision));
      if (done !== 'conflict') return done ?? 'away';
      await pause(n);
    }
    return 'busy';
  }

  async #ask<T>(question: (bucket: SessionsBucket) => Promise<T>): Promise<T | undefined> {
    if (!this.#options.isConnected()) return undefined;
    this.#bucket ??= this.#options.open();
    const asked = this.#bucket;
    try {
      const answer = await question(await asked);
      this.#problem = '';
      return answer;
    } catch (error) {
      // NATS may have come back without its data, and then without the bucket.
      if (this.#bucket === asked) this.#bucket = undefined;
      this.#tell(error as Error);
      return undefined;
    }
  }

  #tell(error: Error): void {
    if (error.message === this.#problem) return;
    this.#problem = error.message;
    this.#options.report('sessions_unavailable', error);
  }
}
