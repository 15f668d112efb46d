import { setTimeout as pause } from 'node:timers/promises';
import type { NatsConnection } from '../broker/connection.ts';
import { acquireLease, type Lease } from '../broker/lease.ts';
import { RaceStream, type StreamOptions } from '../broker/race-stream.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { BrokerError } from '../protocol/errors.ts';
import { type PublishedTick, RaceRun, TICK_MS } from './race-run.ts';
import type { Clock, Source } from './source.ts';

export type { PublishedTick };
export { TICK_MS };

const SEAT_RETRY_MS = 500;

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
async function takeSeat(options: IngestOptions, signal: AbortSignal, onTaken?: () => void): Promise<Seat> {
  const { race } = options;
  const log = options.onLog ?? (() => {});
  const connection = await options.connection;
  const stream = await RaceStream.open(connection, race);
  const lease = await acquireLease(connection, {
    name: race,
    holder: options.holder ?? `ingest ${process.pid}`,
    onWaiting: (holder) => {
      log('warn', `Race ${race} is published by ${holder}; standing by.`);
      onTaken?.();
    },
    onProblem: (message) => log('warn', `The lease on race ${race} waits for NATS (${message}).`),
    signal,
  });
  return { stream, lease };
}

/** Asks for a seat until there is one: the NATS that is just coming up may refuse at first. */
async function takeSeatInTime(options: IngestOptions, run: RaceRun, signal: AbortSignal): Promise<Seat> {
  let told = '';
  for (;;) {
    try {
      return await takeSeat(options, signal, () => run.standDown());
    } catch (error) {
      signal.throwIfAborted();
      const { message } = error as Error;
      if (message !== told) options.onLog?.('warn', message);
      told = message;
      await pause(SEAT_RETRY_MS);
    }
  }
}

/**
 * Runs the ingest of one race: frames in, ticks out. Waits while another process holds the race.
 *
 * A race that is already in the stream is continued: same epoch, next tick number, deltas on the state that fans have.
 * @param signal Ends the waiting and the start; a race that runs is ended by `stop()`.
 * @throws {ConfigError} `clock_behind`, `too_many_cars`; whatever the sources and NATS throw; the reason of `signal`. Nothing runs then.
 */
export async function startIngest(options: IngestOptions, signal?: AbortSignal): Promise<Ingest> {
  const { race } = options;
  const ending = new AbortController();
  const isOver = signal ? AbortSignal.any([signal, ending.signal]) : ending.signal;
  let lease: Lease | undefined;
  const hold = (run: RaceRun, seat: Seat) => {
    lease = seat.lease;
    void lease.lost.then(() => run.fail(new BrokerError('lease_lost', `Another process publishes race ${race} now.`)));
  };
  const begin = async (): Promise<RaceRun> => {
    const seat = await takeSeat(options, isOver);
    try {
      const run = new RaceRun(options);
      await run.start(seat.stream, seat.lease);
      hold(run, seat);
      if (!signal?.aborted) return run;
      await run.stop();
      throw signal.reason;
    } catch (error) {
      await seat.lease.release();
      throw error;
    }
  };
  const beginWithoutNats = async (): Promise<RaceRun | undefined> => {
    const run = new RaceRun(options);
    if (!(await run.startFromSpool())) return undefined;
    const join = async () => {
      const seat = await takeSeatInTime(options, run, isOver);
      hold(run, seat);
      if (isOver.aborted) await seat.lease.release();
      else await run.attach(seat.stream, seat.lease);
    };
    join().catch((error) => run.fail(error));
    return run;
  };
  const run = (options.connection instanceof Promise && (await beginWithoutNats())) || (await begin());
  // The next one need not wait until the entry of a failed one expires.
  const done = run.done.finally(() => {
    ending.abort();
    return lease?.release();
  });
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
      ending.abort();
      await lease?.release();
    },
  };
}
