import { type KV, keepCopies, openBucket } from './bucket.ts';
import type { NatsConnection } from './connection.ts';
import { isConflict } from './race-stream.ts';

const BUCKET = 'slipstream_leases';
/** A holder that says nothing for this long has lost the lease. */
const TTL_MS = 2000;
const RENEW_MS = 500;
const RETRY_MS = 200;
/** A question without an answer is asked again after this, so that one lost message costs no lease. */
const ANSWER_WITHIN_MS = 1000;
/** When NATS comes back after it was away, the one who held the lease before is given this long to claim it again. */
const PATIENCE_MS = 2500;
/** How often a lease that is nobody's is claimed, when somebody else seems to have claimed it a moment before. */
const CLAIM_TRIES = 3;
/** Nobody waits longer for NATS to forget a lease: it expires by itself. */
const RELEASED_WITHIN_MS = TTL_MS;

/** The right to publish one race. It only decides who tries: what keeps the stream whole is the expected sequence. */
export interface Lease {
  /**
   * Resolves when somebody else holds the lease. While NATS is away it is nobody's, and stays ours if nobody takes it
   * afterwards. Never resolves after `release()`.
   */
  readonly lost: Promise<void>;
  /** Asks NATS whether the lease is ours, and waits while NATS is away. `false` when it is lost or released. */
  confirm(): Promise<boolean>;
  /** Lets the next one have it at once. Safe to call twice. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  readonly name: string;
  /** Who asks, for people who look into the bucket. */
  readonly holder: string;
  /** Copies of the leases of all races in a cluster, 1–5; a bucket that has fewer gets them. @defaultValue 1 */
  readonly replicas?: number;
  /** Called once when somebody else holds it and this process waits. */
  readonly onWaiting?: (holder: string) => void;
  /** Called when NATS does not answer or refuses, once for each message in a row; it is tried again. */
  readonly onProblem?: (message: string) => void;
  readonly signal?: AbortSignal;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until nobody else holds the lease, then holds it. Rejects with the signal's reason when aborted. */
export async function acquireLease(connection: NatsConnection, options: LeaseOptions): Promise<Lease> {
  const entry = new LeaseEntry(connection, options);
  let isWaiting = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const outcome = await entry.claim();
    if (outcome === 'ours') return hold(entry);
    if (outcome === 'taken' && !isWaiting) {
      isWaiting = true;
      options.onWaiting?.(entry.holder);
    }
    if (outcome === 'unknown') {
      while (!(await entry.isAnswered())) {
        options.signal?.throwIfAborted();
        await pause(RETRY_MS);
      }
      await pause(PATIENCE_MS);
    } else {
      await pause(RETRY_MS);
    }
  }
}

function hold(entry: LeaseEntry): Lease {
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  let isOver = false;
  // One question at a time: two renewals on one revision would refuse each other.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const result = turn.then(action);
    turn = result;
    return result;
  };
  const renew = () =>
    inTurn(async () => {
      const outcome = isOver ? 'taken' : await entry.claim();
      if (outcome === 'taken' && !isOver) {
        isOver = true;
        resolve();
      }
      return outcome;
    });
  void (async () => {
    while (!isOver) {
      await pause(RENEW_MS);
      await renew();
    }
  })();
  return {
    lost,
    confirm: async () => {
      for (;;) {
        const outcome = await renew();
        if (outcome !== 'unknown') return outcome === 'ours';
        await pause(RETRY_MS);
      }
    },
    release: async () => {
      const released = inTurn(async () => {
        if (isOver) return;
        isOver = true;
        await entry.giveUp();
      });
      await Promise.race([released, pause(RELEASED_WITHIN_MS)]);
    },
  };
}

/** The entry of one lease in the bucket, seen by one that wants to be its holder. Never throws: NATS may be away. */
class LeaseEntry {
  readonly #connection: NatsConnection;
  readonly #options: LeaseOptions;
  /** What only this claimant writes, so that it knows its own entry after an answer was lost. */
  readonly #token: string;
  #bucket: KV | undefined;
  /** Revision that our entry has, 0 for none. */
  #revision = 0;
  #problem = '';
  holder = 'unknown';

  constructor(connection: NatsConnection, options: LeaseOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#token = `${crypto.randomUUID()} ${options.holder}`;
  }

  /** Makes or renews the entry; `unknown` when NATS gave no answer that decides. */
  async claim(): Promise<'ours' | 'taken' | 'unknown'> {
    return (await this.#ask((bucket) => this.#write(bucket))) ?? 'unknown';
  }

  /** Whether NATS is there, without claiming anything. */
  async isAnswered(): Promise<boolean> {
    return (await this.#ask(async (bucket) => ({ entry: await bucket.get(this.#options.name) }))) !== undefined;
  }

  async #ask<T>(question: (bucket: KV) => Promise<T>): Promise<T | undefined> {
    try {
      this.#bucket ??= await this.#open();
      const answer = await question(this.#bucket);
      this.#problem = '';
      return answer;
    } catch (error) {
      this.#report(error as Error);
      // NATS may have come back without its data, and then without the bucket.
      this.#bucket = undefined;
      return undefined;
    }
  }

  async #open(): Promise<KV> {
    const { replicas = 1 } = this.#options;
    const options = { ttlMs: TTL_MS, answerWithinMs: ANSWER_WITHIN_MS, replicas };
    const bucket = await openBucket(this.#connection, BUCKET, options);
    await keepCopies(this.#connection, BUCKET, options).catch((error) => this.#report(error as Error));
    return bucket;
  }

  async #write(bucket: KV): Promise<'ours' | 'taken'> {
    const { name } = this.#options;
    for (let tries = 0; tries < CLAIM_TRIES; tries++) {
      try {
        this.#revision =
          this.#revision === 0
            ? await bucket.create(name, this.#token)
            : await bucket.update(name, this.#token, this.#revision);
        return 'ours';
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
      const entry = await bucket.get(name);
      const isHeld = entry?.operation === 'PUT';
      const isOurs = isHeld && entry.string() === this.#token;
      // Ours, renewed by a message whose answer was lost; or nobody's, when it expired or was given back meanwhile.
      this.#revision = isOurs ? entry.revision : 0;
      if (isOurs) return 'ours';
      if (!isHeld) continue;
      this.holder = entry.string().split(' ').slice(1).join(' ');
      return 'taken';
    }
    // Somebody else claims it in the same moments, and is faster.
    return 'taken';
  }

  /** Removes our entry; when that fails, it ends by itself after its time to live. */
  async giveUp(): Promise<void> {
    await this.#ask((bucket) => bucket.delete(this.#options.name, { previousSeq: this.#revision }));
  }

  #report({ message }: Error): void {
    if (message === this.#problem) return;
    this.#problem = message;
    this.#options.onProblem?.(message);
  }
}
