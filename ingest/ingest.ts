import type { NatsConnection } from '../broker/connection.ts';
import { acquireLease } from '../broker/lease.ts';
import { RaceStream, type StreamOptions } from '../broker/race-stream.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { RaceDocument, RaceFacts } from '../protocol/document.ts';
import { ConfigError, TelemetryError } from '../protocol/errors.ts';
import { EMPTY_FIELD, type Field } from '../protocol/field.ts';
import { Counters } from './counters.ts';
import { Downsampler } from './downsampler.ts';
import { Publisher } from './publisher.ts';
import { RaceClock, type TickClose } from './race-clock.ts';
import { advanceDocument, createDocument, mergeFacts } from './race-document.ts';
import { encodeTickMessage, encodeTrailers, type RacePoint, type RunIdentity } from './race-publisher.ts';
import { findStandstill } from './recovery.ts';
import type { Clock, Frame, Source, SourceSink } from './source.ts';

export const TICK_MS = 500;
/** A machine clock that is behind the stream by less is waited for, by more it is an error. */
const MAX_CLOCK_BEHIND_MS = 10_000;
/** A tick closed later than this counts as late. */
const LATE_TICK_MS = 100;

export interface IngestOptions {
  readonly connection: NatsConnection;
  /** 1–32 letters, digits, - or _. */
  readonly race: string;
  readonly catalogue: Catalogue;
  readonly sources: readonly Source[];
  readonly clock: Clock;
  readonly stream?: StreamOptions;
  /** Who we are, for the lease. @defaultValue `ingest <pid>` */
  readonly holder?: string;
  readonly onLog?: (level: 'info' | 'warn', message: string) => void;
  /** Called after each tick was handed to the publisher. */
  readonly onTick?: (tick: PublishedTick) => void;
}

/** What a tick was published as; the oracle of tests and the numbers of benches. */
export interface PublishedTick extends TickClose {
  readonly tick: number;
  readonly field: Field;
}

export interface Ingest {
  readonly epoch: string;
  /** Counts by name: frames, samples, ticks, late_ticks, refusals by reason, channels and cars by name. */
  counts(): Record<string, number>;
  /** Takes no more frames, publishes what is closed, gives the lease back. */
  stop(): Promise<void>;
  /** Resolves after `stop()`; rejects when the race cannot be published any more. */
  readonly done: Promise<void>;
}

/**
 * Runs the ingest of one race: frames in, ticks out. Waits while another process holds the race.
 *
 * A race that is already in the stream is continued: same epoch, next tick number, deltas on the state that fans have.
 * @throws {ConfigError} `clock_behind`; whatever the sources and NATS throw.
 */
export async function startIngest(options: IngestOptions, signal?: AbortSignal): Promise<Ingest> {
  const { connection, race } = options;
  const log = options.onLog ?? (() => {});
  const stream = await RaceStream.open(connection, race);
  const lease = await acquireLease(connection, {
    name: race,
    holder: options.holder ?? `ingest ${process.pid}`,
    onWaiting: (holder) => log('warn', `Race ${race} is published by ${holder}; standing by.`),
    ...(signal ? { signal } : {}),
  });
  try {
    await stream.ensure(options.stream);
    const run = await IngestRun.begin(options, stream, log);
    void lease.lost.then(() =>
      run.fail(
        new TelemetryError('lease_lost', `The lease on race ${race} was lost; another process may publish it now.`),
      ),
    );
    return {
      epoch: run.epoch,
      counts: () => run.counters.toObject(),
      done: run.done,
      stop: async () => {
        await run.stop();
        await lease.release();
      },
    };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

class IngestRun {
  readonly counters: Counters;
  readonly done: Promise<void>;
  readonly #identity: RunIdentity;
  readonly #options: IngestOptions;
  readonly #downsampler: Downsampler;
  readonly #publisher: Publisher;
  readonly #raceClock: RaceClock;
  readonly #settle: { resolve: () => void; reject: (error: Error) => void };
  #document: RaceDocument;
  #point: RacePoint;
  #isFirst = true;
  /** Messages of the newest tick that are still to be made. */
  #trail: (() => void) | undefined;
  #isStopped = false;

  static async begin(
    options: IngestOptions,
    stream: RaceStream,
    log: (level: 'info' | 'warn', message: string) => void,
  ): Promise<IngestRun> {
    const { race, catalogue, clock, sources } = options;
    const { standstill, lastSeqs, problem } = await findStandstill(stream);
    if (problem) log('warn', `Race ${race} begins a new epoch: ${problem}`);
    const continued = standstill?.catalogue.hash === catalogue.hash ? standstill : undefined;
    const behindMs = (continued?.closeAtMs ?? 0) - clock.nowMs();
    if (behindMs > MAX_CLOCK_BEHIND_MS) {
      throw new ConfigError(
        'clock_behind',
        `The clock of this machine is ${Math.round(behindMs / 1000)} s behind the last tick of race ${race}; set the clock.`,
      );
    }
    const epoch = continued?.epoch ?? randomEpoch();
    log(
      'info',
      continued
        ? `Race ${race} goes on after tick ${continued.tick} in epoch ${epoch}.`
        : `Race ${race} begins in epoch ${epoch}.`,
    );
    const document = continued?.document ?? createDocument(race, sources[0]?.kind ?? 'live', Math.round(clock.nowMs()));
    const point: RacePoint = continued ?? {
      tick: -1,
      field: EMPTY_FIELD,
      document: {} as RaceDocument,
      docRevision: 0,
    };
    const run = new IngestRun(
      options,
      { epoch, catalogue, subjects: stream.subjects },
      point,
      document,
      stream,
      lastSeqs,
    );
    if (!continued) {
      run.#publisher.send({
        subject: stream.subjects.catalogue,
        data: new TextEncoder().encode(catalogue.json),
        id: `${epoch}:c${catalogue.hash}`,
      });
    }
    const sink = run.#createSink();
    try {
      for (const source of sources) await source.start(sink);
    } catch (error) {
      await Promise.all(sources.map((source) => source.stop()));
      run.#publisher.stop();
      throw error;
    }
    run.#raceClock.start(Math.max(clock.nowMs(), continued?.closeAtMs ?? 0));
    return run;
  }

  private constructor(
    options: IngestOptions,
    identity: RunIdentity,
    point: RacePoint,
    document: RaceDocument,
    stream: RaceStream,
    lastSeqs: ReadonlyMap<string, number>,
  ) {
    const { catalogue, clock } = options;
    const log = options.onLog ?? (() => {});
    this.#options = options;
    this.#identity = identity;
    this.#point = point;
    this.#document = document;
    this.counters = new Counters((name, detail) => {
      if (name.includes(':')) log('warn', `Refused for the first time: ${name}${detail ? ` (${detail})` : ''}.`);
    });
    this.#downsampler = new Downsampler({ catalogue, tickMs: TICK_MS, field: point.field, nowMs: clock.nowMs() });
    this.#publisher = new Publisher({
      stream,
      lastSeqs,
      onFatal: (error) => this.fail(error),
      onRetry: (error) => this.counters.add('publish_retry', error.message),
    });
    this.#raceClock = new RaceClock(clock, TICK_MS, (close) => this.#closeTick(close));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#settle = { resolve, reject };
    this.done = promise;
    // Whoever does not look at `done` must not be ended by an unhandled rejection.
    promise.catch(() => {});
  }

  get epoch(): string {
    return this.#identity.epoch;
  }

  #createSink(): SourceSink {
    return {
      frame: (frame) => this.#takeFrame(frame),
      facts: (facts: RaceFacts) => {
        this.#document = mergeFacts(this.#document, facts);
      },
      refuse: (reason, detail) =>
        this.counters.add(reason === 'unknown_channel' ? `unknown_channel:${detail}` : `refused:${reason}`, detail),
    };
  }

  #takeFrame(frame: Frame): void {
    if (this.#isStopped) return;
    const outcome = this.#downsampler.add(frame, this.#options.clock.nowMs());
    if (outcome === 'fresh' || outcome === 'new_clock') {
      this.counters.add('frames');
      this.counters.add('samples', '', frame.count);
    }
    if (outcome !== 'fresh') this.counters.add(`${outcome}:${frame.car}`);
  }

  /** The tick leaves first; what follows it in the stream is worked out when its bytes are on their way. */
  #closeTick(close: TickClose): void {
    this.#trail?.();
    const closeAtMs = Math.round(close.closeAtMs);
    const field = this.#downsampler.close(closeAtMs);
    const before = this.#point;
    this.#publisher.send(encodeTickMessage(this.#identity, before, field, closeAtMs));
    this.#trail = () => {
      this.#trail = undefined;
      this.#document = advanceDocument(this.#document, this.#options.catalogue, field, closeAtMs);
      const next = { field, document: this.#document, closeAtMs };
      const { messages, point } = encodeTrailers(this.#identity, before, next, this.#isFirst);
      this.#isFirst = false;
      this.#point = point;
      this.#publisher.send(...messages);
    };
    setImmediate(() => this.#trail?.());
    this.counters.add('ticks');
    if (close.lateByMs > LATE_TICK_MS) this.counters.add('late_ticks');
    if (close.skipped > 0) this.counters.add('skipped_turns', '', close.skipped);
    this.#options.onTick?.({ ...close, tick: before.tick + 1, field });
  }

  fail(error: TelemetryError): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#raceClock.stop();
    this.#publisher.stop();
    void Promise.all(this.#options.sources.map((source) => source.stop())).then(() => this.#settle.reject(error));
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#raceClock.stop();
    await Promise.all(this.#options.sources.map((source) => source.stop()));
    this.#trail?.();
    await this.#publisher.flush();
    this.#publisher.stop();
    this.#settle.resolve();
  }
}

const randomEpoch = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('');
