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

/** Gives a bucket that has fewer copies than `replicas` as many. @throws when the cluster cannot. */
export async function keepCopies(
  connection: NatsConnection,
  name: string,
  { answerWithinMs, replicas = 1 }: BucketOptions,
): Promise<void> {
  const { streams } = await jetStreamOf(connection, answerWithinMs).jetstreamManager();
  const stream = `KV_${name}`;
  const { config } = await streams.info(stream);
  if (config.num_replicas < replicas) await streams.update(stream, { num_replicas: replicas });
}
