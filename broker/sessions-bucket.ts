import { createHash } from 'node:crypto';
import { MAX_SESSION_BYTES } from '../protocol/session.ts';
import { type KV, openBucket } from './bucket.ts';
import type { NatsConnection } from './connection.ts';
import { expectCopies } from './copies.ts';
import { isConflict, jetStreamOf } from './race-stream.ts';

const BUCKET = 'slipstream_sessions';
const ANSWER_WITHIN_MS = 2000;
/** Beside the session a message holds its subject and headers. */
const MAX_VALUE_BYTES = MAX_SESSION_BYTES + 1024;
const NANOS_PER_MS = 1e6;

/** How sessions are kept. */
export interface SessionsBucketOptions {
  /** A session that nobody saved for longer is forgotten. At least two minutes. */
  readonly ttlMs: number;
  /** Room for all sessions; when it is used up, those are forgotten that were saved longest ago. */
  readonly maxBytes: number;
  /** Copies in a cluster. */
  readonly replicas: number;
}

/** What stands under a key: the text of a session, or nothing because somebody deleted it. */
export interface StoredSession {
  readonly key: string;
  /** Grows with every change of any session. */
  readonly revision: number;
  /** `undefined`: deleted, which is remembered for as long as a session would be. */
  readonly text: string | undefined;
}

/**
 * The key under which a session is stored. It does not tell the id: who can list the bucket, or reads what NATS logs,
 * learns what sessions hold, but cannot act as one of their fans.
 */
export const sessionKeyOf = (id: string): string => createHash('sha256').update(id).digest('base64url');

/** The sessions in NATS. */
export class SessionsBucket {
  readonly #kv: KV;
  /** Changes when NATS has lost its data. */
  readonly life: string;
  /** Newest revision when the bucket was opened. */
  readonly revision: number;

  private constructor(kv: KV, life: string, revision: number) {
    this.#kv = kv;
    this.life = life;
    this.revision = revision;
  }

  /**
   * Opens the bucket, makes it when it is not there, and sets what is wanted of it. Throws when NATS does not answer, cannot
   * keep so many copies, or refuses.
   */
  static async open(connection: NatsConnection, options: SessionsBucketOptions): Promise<SessionsBucket> {
    const { ttlMs, replicas, maxBytes } = options;
    expectCopies(connection.info!, replicas);
    const kv = await openBucket(connection, BUCKET, {
      ...{ ttlMs, replicas },
      ...{ answerWithinMs: ANSWER_WITHIN_MS, maxValueBytes: MAX_VALUE_BYTES },
    });
    const { created, config, state } = (await kv.status()).streamInfo;
    const wanted = {
      max_age: ttlMs * NANOS_PER_MS,
      max_bytes: maxBytes,
      num_replicas: replicas,
      // A full bucket that refuses could be filled by anybody, and would then stay so; fans who are here save often.
      discard: 'old' as typeof config.discard,
    };
    const isAsWanted = Object.entries(wanted).every(([name, value]) => config[name as keyof typeof wanted] === value);
    if (!isAsWanted) {
      const jsm = await jetStreamOf(connection, ANSWER_WITHIN_MS).jetstreamManager(false);
      await jsm.streams.update(config.name, { ...config, ...wanted });
    }
    return new SessionsBucket(kv, created, state.last_seq);
  }

  /** Throws when NATS does not answer. */
  async get(key: string): Promise<StoredSession | undefined> {
    const entry = await this.#kv.get(key);
    return entry ? { key, ...readEntry(entry) } : undefined;
  }

  /**
   * Stores a session if the one that is there has the expected revision.
   * @param expected 0: there must be none, and none that was deleted.
   * @returns the revision from now on. Throws when NATS does not answer: it may or may not be stored then.
   */
  async put(key: string, text: string, expected: number): Promise<number | 'conflict'> {
    try {
      return await this.#kv.put(key, text, { previousSeq: expected });
    } catch (error) {
      if (isConflict(error)) return 'conflict';
      throw error;
    }
  }

  /** Deletes what has this revision. Throws when NATS does not answer. */
  async delete(key: string, revision: number): Promise<'deleted' | 'conflict'> {
    try {
      await this.#kv.delete(key, { previousSeq: revision });
      return 'deleted';
    } catch (error) {
      if (isConflict(error)) return 'conflict';
      throw error;
    }
  }

  /**
   * Tells every change of every session behind a revision, in order, until it is stopped.
   * @param onChange Synchronous. @param onEnd NATS tells no more, and nobody stopped it.
   */
  async follow(
    revision: number,
    onChange: (stored: StoredSession) => void,
    onEnd: () => void,
  ): Promise<{ stop(): void }> {
    const changes = await this.#kv.watch({ resumeFromRevision: revision + 1 });
    let isStopped = false;
    void (async () => {
      for await (const entry of changes) {
        if (isStopped) return;
        onChange({ key: entry.key, ...readEntry(entry) });
      }
      if (!isStopped) onEnd();
    })();
    return {
      stop: () => {
        isStopped = true;
        changes.stop();
      },
    };
  }
}

const readEntry = (entry: { revision: number; operation: string; string(): string }) => ({
  revision: entry.revision,
  text: entry.operation === 'PUT' ? entry.string() : undefined,
});
