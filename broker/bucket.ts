import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from './connection.ts';
import { jetStreamOf } from './race-stream.ts';

export type { KV };

/** How a key-value bucket is kept. */
export interface BucketOptions {
  /** Entries that were not written for longer are forgotten. */
  readonly ttlMs: number;
  /** How long a request may take. */
  readonly answerWithinMs: number;
  /** Largest value. @defaultValue any */
  readonly maxValueBytes?: number;
  /** Copies in a cluster. @defaultValue 1 */
  readonly replicas?: number;
}

/** Opens a bucket, and makes it when it is not there; of each key the newest value is kept. Throws when NATS does not answer. */
export const openBucket = (connection: NatsConnection, name: string, options: BucketOptions): Promise<KV> =>
  new Kvm(jetStreamOf(connection, options.answerWithinMs)).create(name, {
    ttl: options.ttlMs,
    history: 1,
    maxValueSize: options.maxValueBytes ?? -1,
    replicas: options.replicas ?? 1,
    // The leader answers: a copy may not know yet what was just written.
    allow_direct: false,
  });
