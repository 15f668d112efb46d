import type { NatsConnection } from '../broker/connection.ts';
import { acquireLease, type Lease } from '../broker/lease.ts';
import { RaceStream, type StreamOptions } from '../broker/race-stream.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { BrokerError } from '../protocol/errors.ts';
import { leaseLost, type PublishedTick, RaceRun } from './race-run.ts';
import type { Clock, Source } from './source.ts';

export { TICK_MS } from './intake.ts';
export type { PublishedTick };

export interface IngestOptions {
  readonly connection: NatsConnection;
  /** 1–32 letters, digits, - or _. */
  readonly race: string;
  readonly catalogue: Catalogue;
  readonly sources: readonly Source[];
  readonly clock: Clock;
  readonly stream?: StreamOptions;
  /** Where messages wait that NATS does not take: a folder of this race alone. @defaultValue memory, five minutes of them */
  readonly spool?: { readonly folder: string; readonly maxBytes: number };
  /** The only cars that may race; frames of others are counted and dropped. @defaultValue all */
  readonly only?: readonly string[];
  /** Who we are, for the lease. @defaultValue `ingest <pid>` */
  readonly holder?: string;
  readonly onLog?: (level: 'info' | 'warn', message: string) => void;
  /** Called after each tick was handed to the publisher. */
  readonly onTick?: (tick: PublishedTick) => void;
}

export interface Ingest {
  /** Changes when NATS loses the data of the race. */
  readonly epoch: string;
  /** Counts by name: frames, samples, ticks, late_ticks, refusals by reason, channels and cars by name. */
  counts(): Record<string, number>;
  /** Takes no more frames, publishes what is closed (within 5 s), gives the lease back. Safe to call twice. */
  stop(): Promise<void>;
  /** Resolves after `stop()`; rejects when the race cannot be published any more. Nothing runs then. */
  readonly done: Promise<void>;
}

/**
 * Runs the ingest of one race: frames in, ticks out. Waits while another process holds the race, and takes what the cars
 * send meanwhile: it goes on with the values of that moment, and with every tick of the last 30 s that nobody published.
 *
 * A race that is already in the stream is continued: same epoch, next tick number, deltas on the state that fans have.
 * @param signal Ends the waiting and the start; a race that runs is ended by `stop()`.
 * @throws {ConfigError} `clock_behind`, `too_many_cars`; whatever the sources and NATS throw; the reason of `signal`. Nothing runs then.
 */
export async function startIngest(options: IngestOptions, signal?: AbortSignal): Promise<Ingest> {
  const { connection, race } = options;
  const log = options.onLog ?? (() => {});
  const stream = await openPatiently(options, signal);
  const run = new RaceRun(options, stream);
  let standby: Promise<void> | undefined;
  let lease: Lease | undefined;
  try {
    lease = await acquireLease(connection, {
      name: race,
      holder: options.holder ?? `ingest ${process.pid}`,
      onWaiting: (holder) => {
        log('warn', `Race ${race} is published by ${holder}; standing by.`);
        standby = run.standBy();
      },
      onProblem: (message) => log('warn', `The lease on race ${race} waits for NATS (${message}).`),
      replicas: options.stream?.replicas ?? 1,
      ...(signal ? { signal } : {}),
    });
    await standby;
    await run.start(lease, signal);
    if (signal?.aborted) {
      await run.stop();
      throw signal.reason;
    }
  } catch (error) {
    await standby;
    await run.abandon();
    await lease?.release();
    throw error;
  }
  void lease.lost.then(() => run.fail(leaseLost(race)));
  // The next one need not wait until the entry of a failed one expires.
  const held = lease;
  const done = run.done.finally(() => held.release());
  // Whoever does not look at `done` must not be ended by an unhandled rejection.
  done.catch(() => {});
  return {
    get epoch() {
      return run.epoch;
    },
    counts: () => run.counters.toObject(),
    done,
    stop: async () => {
      await run.stop();
      await held.release();
    },
  };
}

const OPEN_RETRY_MS = 500;

/** Waits for a JetStream that starts, or whose cluster looks for a leader. @throws {BrokerError} `no_jetstream`. */
async function openPatiently({ connection, race, onLog }: IngestOptions, signal?: AbortSignal): Promise<RaceStream> {
  let problem = '';
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await RaceStream.open(connection, race);
    } catch (error) {
      if (!(error instanceof BrokerError && error.retryable)) throw error;
      if (error.message !== problem) onLog?.('warn', error.message);
      problem = error.message;
    }
    await new Promise((resolve) => setTimeout(resolve, OPEN_RETRY_MS));
  }
}

/** Everything that {@link keepIngest} needs: sources are made anew for each turn, because they cannot be started twice. */
export interface KeptIngestOptions extends Omit<IngestOptions, 'sources'> {
  readonly createSources: () => Source[];
  /** The race is on the air here. */
  readonly onAir?: (ingest: Ingest) => void;
}

/**
 * Keeps one race on the air until `signal`, as one of several: an ingest that finds that another one has taken its place,
 * because it was stopped or cut off for too long, stands by again.
 * @returns when the signal has ended it in good order.
 * @throws as {@link startIngest}, and what ends an ingest for another reason.
 */
export async function keepIngest(options: KeptIngestOptions, signal: AbortSignal): Promise<void> {
  const { createSources, onAir, onLog, ...rest } = options;
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  while (!signal.aborted) {
    try {
      const ingest = await startIngest({ ...rest, sources: createSources(), ...(onLog && { onLog }) }, signal);
      onAir?.(ingest);
      await Promise.race([aborted, ingest.done]);
      await ingest.stop();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof BrokerError && error.code === 'lease_lost')) throw error;
      onLog?.('warn', `${error.message.replace(/ now\.$/, '')} meanwhile; standing by again.`);
    }
  }
}
