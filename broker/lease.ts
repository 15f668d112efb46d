import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from './connection.ts';

const BUCKET = 'slipstream_leases';
/** A holder that says nothing for this long has lost the lease. */
const TTL_MS = 2000;
const RENEW_MS = 500;
const RETRY_MS = 200;

/** The right to publish one race. It only decides who tries: what keeps the stream whole is the expected sequence. */
export interface Lease {
  /** Resolves when the lease is lost: another process may have it now. Never resolves after `release()`. */
  readonly lost: Promise<void>;
  /** Lets the next one have it at once. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  readonly name: string;
  /** Who asks, for people who look into the bucket. */
  readonly holder: string;
  /** Called once when somebody else holds it and this process waits. */
  readonly onWaiting?: (holder: string) => void;
  readonly signal?: AbortSignal;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until nobody else holds the lease, then holds it. Rejects with the signal's reason when aborted. */
export async function acquireLease(connection: NatsConnection, options: LeaseOptions): Promise<Lease> {
  const bucket = await new Kvm(connection).create(BUCKET, { ttl: TTL_MS, history: 1 });
  let isWaiting = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const revision = await tryCreate(bucket, options);
    if (revision !== undefined) return hold(bucket, options, revision);
    if (!isWaiting) {
      isWaiting = true;
      options.onWaiting?.((await bucket.get(options.name))?.string() ?? 'unknown');
    }
    await pause(RETRY_MS);
  }
}

async function tryCreate(bucket: KV, options: LeaseOptions): Promise<number | undefined> {
  try {
    return await bucket.create(options.name, options.holder);
  } catch (error) {
    const entry = await bucket.get(options.name);
    if (entry && entry.operation === 'PUT') return undefined;
    // Not held by anybody: the refusal had another reason, such as NATS being away. Waiting is right then too.
    if (entry === null) return undefined;
    throw error;
  }
}

function hold(bucket: KV, options: LeaseOptions, first: number): Lease {
  let revision = first;
  let renewedAtMs = performance.now();
  let isReleased = false;
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  const renew = async () => {
    try {
      revision = await bucket.update(options.name, options.holder, revision);
      renewedAtMs = performance.now();
    } catch {
      // Away or overtaken: which one, only time tells. Past the TTL the lease may be somebody else's.
      if (performance.now() - renewedAtMs < TTL_MS || isReleased) return;
      clearInterval(timer);
      resolve();
    }
  };
  const timer = setInterval(() => void renew(), RENEW_MS);
  return {
    lost,
    release: async () => {
      isReleased = true;
      clearInterval(timer);
      await bucket.delete(options.name, { previousSeq: revision }).catch(() => {});
    },
  };
}
