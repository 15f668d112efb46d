import { setTimeout as pause } from 'node:timers/promises';
import type { SessionsBucket, StoredSession } from '../broker/sessions-bucket.ts';

const RETRY_MS = 500;

export interface SessionStoreOptions {
  readonly open: () => Promise<SessionsBucket>;
  /** A request to a NATS that is known to be away would only wait for its end. */
  readonly isConnected: () => boolean;
  /** Told when NATS does not answer or refuses, once for each message in a row. */
  readonly report: (code: string, detail: unknown) => void;
  /** Every change, in order, once somebody wants to hear of changes. */
  readonly onChange: (stored: StoredSession) => void;
  /** NATS has lost its data, or is heard for the first time. */
  readonly onNewLife: () => void;
}

/**
 * The sessions in NATS, through all its absences: one bucket for requests, and one consumer that tells what changes. That
 * is one for the edge and not one for each fan: all changes come here and most are dropped, which costs less than
 * tens of thousands of consumers cost NATS. Nothing here throws.
 */
export class SessionStore {
  readonly #options: SessionStoreOptions;
  #bucket: Promise<SessionsBucket> | undefined;
  #problem = '';
  #isFollowing = false;
  #isStopped = false;
  #wake = () => {};
  #life = '';
  /** The newest change that was told. */
  #seen = 0;

  constructor(options: SessionStoreOptions) {
    this.#options = options;
  }

  /** @returns the answer; `undefined` when NATS gives none. */
  async ask<T>(question: (bucket: SessionsBucket) => Promise<T>): Promise<T | undefined> {
    if (this.#isStopped || !this.#options.isConnected()) return undefined;
    this.#bucket ??= this.#options.open();
    const asked = this.#bucket;
    try {
      const bucket = await asked;
      // Somebody has removed it, and here it was made anew: the consumer is of the old one.
      if (this.#life !== '' && bucket.life !== this.#life) this.#wake();
      const answer = await question(bucket);
      this.#problem = '';
      return answer;
    } catch (error) {
      // NATS may have come back without its data, and then without the bucket.
      this.#letGo(asked);
      this.#tell(error as Error);
      return undefined;
    }
  }

  #letGo(bucket: Promise<SessionsBucket> | undefined): void {
    if (this.#bucket === bucket) this.#bucket = undefined;
  }

  #tell(error: Error): void {
    if (error.message === this.#problem) return;
    this.#problem = error.message;
    this.#options.report('sessions_unavailable', error);
  }

  /** From now on changes are told. Safe to call again. */
  follow(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    void this.#run();
  }

  /** NATS is there again: what changed meanwhile has to be told, and it may have lost everything. */
  reconnected(): void {
    this.#letGo(this.#bucket);
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const following = await this.ask((bucket) => this.#follow(bucket, resolve));
      if (!following) {
        await pause(RETRY_MS);
        continue;
      }
      await woken;
      following.stop();
    }
  }

  #follow(bucket: SessionsBucket, onEnd: () => void): Promise<{ stop(): void }> {
    if (bucket.life !== this.#life) {
      this.#life = bucket.life;
      this.#seen = bucket.revision;
      this.#options.onNewLife();
    }
    const onChange = (stored: StoredSession) => {
      this.#seen = stored.revision;
      this.#options.onChange(stored);
    };
    return bucket.follow(this.#seen, onChange, onEnd);
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }
}
