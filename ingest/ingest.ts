import { setTimeout as pause } from 'node:timers/promises';
import type { NatsConnection } from '../broker/connection.ts';
import { expectCopies } from '../broker/copies.ts';
import { acquireLease, type Lease } from '../broker/lease.ts';
import { RaceStream, type StreamOptions } from '../broker/race-stream.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { BrokerError } from '../protocol/errors.ts';
import type { BacklogReport } from './publisher.ts';
import { leaseLost, type PublishedTick, RaceRun } from './race-run.ts';
import type { Clock, Source } from './source.ts';

export { TICK_MS } from './intake.ts';
export type { PublishedTick };

const ASK_AGAIN_MS = 500;

export interface IngestOptions {
  /**
   * Stays the caller's. One that is still to come: until then the race goes on from what waits in the spool, and where
   * that cannot be continued it waits.
   */
  readonly connection: NatsConnection | Promise<NatsConnection>;
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
  /** What NATS has not taken yet, and for how long it has taken nothing. */
  backlog(): BacklogReport;
  /** Takes no more frames, publishes what is closed (within 5 s), gives the lease back. Safe to call twice. */
  stop(): Promise<void>;
  /** Resolves after `stop()`; rejects when the race cannot be published any more. Nothing runs then. */
  readonly done: Promise<void>;
}

/** What a publisher needs of NATS. */
interface Seat {
  readonly stream: RaceStream;
  readonly lease: Lease;
}

/** Opens the stream and waits for the lease. @param onTaken Called when another process holds it. */
async function takeSeat(options: IngestOptions, onTaken: () => void, signal?: AbortSignal): Promise<Seat> {
  const { race, stream: { replicas = 1 } = {} } = options;
  const log = options.onLog ?? (() => {});
  const connection = await options.connection;
  expectCopies(connection.info!, replicas);
  const stream = await openPatiently(connection, options, signal);
  const lease = await acquireLease(connection, {
    name: race,
    holder: options.holder ?? `ingest ${process.pid}`,
    onWaiting: (holder) => {
      log('warn', `Race ${race} is published by ${holder}; standing by.`);
      onTaken();
    },
    onProblem: (message) => log('warn', `The lease on race ${race} waits for NATS (${message}).`),
    replicas,
    ...(signal ? { signal } : {}),
  });
  return { stream, lease };
}

/** Asks for a seat until there is one: a NATS that is just coming up may refuse at first. */
async function takeSeatInTime(options: IngestOptions, onTaken: () => void, signal: AbortSignal): Promise<Seat> {
  let told = '';
  for (;;) {
    try {
      return await takeSeat(options, onTaken, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { message } = error as Error;
      if (message !== told) options.onLog?.('warn', message);
      told = message;
      await pause(ASK_AGAIN_MS);
    }
  }
}

/**
 * Runs the ingest of one race: frames in, ticks out. Waits while another process holds the race, and takes what the cars
 * send meanwhile: it goes on with the values of that moment, and with every tick of the last 30 s that nobody published.
 *
 * A race that is already in the stream is continued: same epoch, next tick number, deltas on the state that fans have.
 * What an earlier process has left in the spool is published before that.
 * @param signal Ends the waiting and the start; a race that runs is ended by `stop()`.
 * @throws {ConfigError} `clock_behind`, `too_many_cars`; whatever the sources and NATS throw; the reason of `signal`. Nothing runs then.
 */
export async function startIngest(options: IngestOptions, signal?: AbortSignal): Promise<Ingest> {
  if (options.connection instanceof Promise) {
    const ingest = await startFromSpool(options, signal);
    if (ingest) return ingest;
    options.onLog?.('warn', `Race ${options.race} waits for NATS: nothing in the spool can be continued without.`);
  }
  const run = new RaceRun(options);
  let standby: Promise<void> | undefined;
  let lease: Lease | undefined;
  const standBy = () => {
    standby = run.standBy();
  };
  try {
    const seat = await takeSeat(options, standBy, signal);
    lease = seat.lease;
    await standby;
    await run.start(seat.stream, lease, signal);
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
  return new RunningIngest(options.race, run, lease);
}

/** Starts on what waits in the spool, and looks for NATS meanwhile; `undefined` when that cannot be continued. */
async function startFromSpool(options: IngestOptions, signal?: AbortSignal): Promise<Ingest | undefined> {
  const run = new RaceRun(options);
  try {
    if (!(await run.startFromSpool())) return undefined;
  } catch (error) {
    await run.abandon();
    throw error;
  }
  const ingest = new RunningIngest(options.race, run);
  const isOver = signal ? AbortSignal.any([signal, ingest.isOver]) : ingest.isOver;
  const join = async () => {
    const { stream, lease } = await takeSeatInTime(options, () => run.standDown(), isOver);
    ingest.hold(lease);
    await run.attach(stream, lease);
  };
  join().catch((error) => run.fail(error));
  return ingest;
}

class RunningIngest implements Ingest {
  readonly done: Promise<void>;
  readonly #race: string;
  readonly #run: RaceRun;
  readonly #over = new AbortController();
  #lease: Lease | undefined;

  constructor(race: string, run: RaceRun, lease?: Lease) {
    this.#race = race;
    this.#run = run;
    if (lease) this.hold(lease);
    // The next one need not wait until the entry of a failed one expires.
    this.done = run.done.finally(() => this.#giveUp());
    // Whoever does not look at `done` must not be ended by an unhandled rejection.
    this.done.catch(() => {});
  }

  get epoch() {
    return this.#run.epoch;
  }

  /** Aborted when the ingest has ended. */
  get isOver(): AbortSignal {
    return this.#over.signal;
  }

  hold(lease: Lease): void {
    this.#lease = lease;
    void lease.lost.then(() => this.#run.fail(leaseLost(this.#race)));
    if (this.isOver.aborted) void lease.release();
  }

  counts() {
    return this.#run.counters.toObject();
  }

  backlog() {
    return this.#run.backlog;
  }

  async stop(): Promise<void> {
    await this.#run.stop();
    await this.#giveUp();
  }

  async #giveUp(): Promise<void> {
    this.#over.abort();
    await this.#lease?.release();
  }
}

/** Waits for a JetStream that starts, or whose cluster looks for a leader. @throws {BrokerError} `no_jetstream`. */
async function openPatiently(
  connection: NatsConnection,
  { race, onLog }: IngestOptions,
  signal?: AbortSignal,
): Promise<RaceStream> {
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
    await pause(ASK_AGAIN_MS);
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
