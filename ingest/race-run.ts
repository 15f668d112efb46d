import type { Lease } from '../broker/lease.ts';
import { type RaceStream, subjectsOf } from '../broker/race-stream.ts';
import type { RaceDocument, RaceFacts } from '../protocol/document.ts';
import { BrokerError, ConfigError, TelemetryError } from '../protocol/errors.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { Counters } from './counters.ts';
import { Downsampler, type FrameOutcome } from './downsampler.ts';
import type { IngestOptions } from './ingest.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
import { RaceClock, type TickClose } from './race-clock.ts';
import { advanceDocument, createDocument, mergeFacts } from './race-document.ts';
import {
  encodePreamble,
  encodeTickMessage,
  encodeTrailers,
  RACE_START,
  type RacePoint,
  type RunIdentity,
} from './race-publisher.ts';
import { findStandstill, readNewest, type Standstill, seqsOf } from './recovery.ts';
import type { Frame, SourceSink } from './source.ts';
import { Spool, SpoolError, type SpoolLeft } from './spool.ts';
import { planSpool } from './spool-plan.ts';
import { publishLeft, resumeSpool } from './spooled-race.ts';

export const TICK_MS = 500;
/** A machine clock that is behind the stream by less is waited for, by more it is an error. */
const MAX_CLOCK_BEHIND_MS = 10_000;
/** The document and the keyframe of a tick can wait until edges have sent the tick itself; in real ms. */
const TRAIL_AFTER_MS = 50;
/** A tick closed later than this counts as late. */
const LATE_TICK_MS = 100;
/** How long `stop()` waits for NATS to take what is closed. */
const FLUSH_WITHIN_MS = 5000;
/** A fenced race is taken up again by itself, but not twice within this: somebody else is writing then. */
const FENCED_AGAIN_MS = 10_000;
const RESUME_RETRY_MS = 500;

/** What is worth saying of a frame that was dropped, beyond the name of its outcome. */
const OUTCOME_DETAIL: Partial<Record<FrameOutcome, string>> = {
  field_full: `${MAX_CARS} cars have raced in this epoch; name those that may with --only and start ingest again`,
};

/** What a tick was published as; the oracle of tests and the numbers of benches. */
export interface PublishedTick extends TickClose {
  readonly tick: number;
  readonly field: Field;
}

/** One race on the air: from the frames of the sources to the messages in its stream, as long as the lease is held. */
export class RaceRun {
  readonly counters: Counters;
  /** Resolves after `stop()`, rejects after `fail()`; the sources have stopped then. */
  readonly done: Promise<void>;
  readonly #settle: { resolve: () => void; reject: (error: Error) => void };
  readonly #options: IngestOptions;
  readonly #raceClock: RaceClock;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #spool: Spool | undefined;
  #downsampler: Downsampler;
  #document: RaceDocument;
  // Set when there is a connection to NATS.
  #stream: RaceStream | undefined;
  #lease: Lease | undefined;
  /** What the run goes on from, until the stream is there. */
  #left: SpoolLeft | undefined;
  #isStoodDown = false;
  // Where the race stands. Set by #goOn.
  #identity!: RunIdentity;
  #point!: RacePoint;
  #publisher!: Publisher;
  #isFirst = true;
  #hasBegun = false;
  /** Messages of the newest tick that are still to be made. */
  #trail: (() => void) | undefined;
  #ending: Promise<void> | undefined;
  #fencedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: IngestOptions) {
    const { catalogue, clock, race, sources, only } = options;
    this.#options = options;
    this.#only = only && new Set(only);
    if (this.#only && this.#only.size > MAX_CARS) {
      throw new ConfigError('too_many_cars', `A race has at most ${MAX_CARS} cars, not ${this.#only.size}.`);
    }
    this.#spool = options.spool && new Spool({ ...options.spool, race });
    this.counters = new Counters((name, detail) => {
      if (name.includes(':')) this.#log('warn', `Refused for the first time: ${name}${detail ? ` (${detail})` : ''}.`);
    });
    // Named at once, so that whoever looks finds a 0.
    for (const name of ['frames', 'samples', 'ticks', 'late_ticks', 'skipped_turns', 'publish_retry']) {
      this.counters.add(name, '', 0);
    }
    this.#downsampler = new Downsampler({ catalogue, tickMs: TICK_MS, nowMs: clock.nowMs() });
    this.#document = createDocument(race, sources[0]?.kind ?? 'live', Math.round(clock.nowMs()));
    this.#raceClock = new RaceClock(clock, TICK_MS, (close) => this.#closeTick(close));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#settle = { resolve, reject };
    this.done = promise;
    promise.catch(() => {});
  }

  get epoch(): string {
    return this.#identity.epoch;
  }

  /** Finds the place in the stream, starts the sources and then the clock. Nothing is written before the first tick. */
  async start(stream: RaceStream, lease: Lease): Promise<void> {
    this.#stream = stream;
    this.#lease = lease;
    const closedAtMs = await this.#takeUp(stream);
    await this.#startSources();
    this.#startClock(closedAtMs);
  }

  /**
   * Starts without NATS, from what waits in the spool: that knows more than the stream. The ticks wait there too, until
   * {@link attach}.
   * @returns `false` when there is nothing that can be continued; nothing has happened then.
   */
  async startFromSpool(): Promise<boolean> {
    const { catalogue, race } = this.#options;
    const spool = this.#spool;
    const resumed = spool && resumeSpool(spool, catalogue, (level, message) => this.#log(level, message));
    if (!spool || !resumed) return false;
    const { left, standstill } = resumed;
    const problem = this.#missesSlots(standstill.field);
    if (problem) {
      this.#log('warn', `Race ${race} does not go on before NATS is there: ${problem}`);
      spool.close();
      return false;
    }
    this.#left = left;
    let closedAtMs: number;
    try {
      closedAtMs = this.#goOn(standstill, subjectsOf(race));
    } catch (error) {
      spool.close();
      throw error;
    }
    this.#publisher = this.#createPublisher({
      lastSeqs: left.settled.lastSeqs,
      left: { found: left, from: left.settled.upTo },
    });
    await this.#startSources();
    this.#startClock(closedAtMs);
    return true;
  }

  /** Somebody else holds the lease: makes no ticks until {@link attach}. */
  standDown(): void {
    this.#isStoodDown = true;
    this.#raceClock.stop();
  }

  /** Gives the stream to a run that was started without: what waits is published, if it follows what is there. */
  async attach(stream: RaceStream, lease: Lease): Promise<void> {
    this.#stream = stream;
    this.#lease = lease;
    const newest = await this.#persist(async () => {
      await stream.ensure(this.#options.stream);
      return readNewest(stream);
    });
    if (!newest || this.#ending) return;
    const { settled } = this.#left!;
    try {
      const plan = planSpool(this.#left!, newest, stream.subjects.tick, this.#spool!.readAll(settled.upTo));
      if (plan.kind === 'publish') {
        this.#publisher.attach(stream, seqsOf(newest), plan.from);
        this.#log(
          'info',
          `NATS is there; ${this.#publisher.waiting} messages of race ${this.#options.race} have waited.`,
        );
        if (this.#isStoodDown) this.#startClock(this.#point.closeAtMs);
        return;
      }
      this.#publisher.stop();
      await this.#resume(new BrokerError(plan.isLoss ? 'stream_lost' : 'overtaken', `${plan.reason}.`));
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      this.#publisher.stop();
      await this.#resume(error);
    }
  }

  async #startSources(): Promise<void> {
    const sink = this.#createSink();
    try {
      for (const source of this.#options.sources) await source.start(sink);
    } catch (error) {
      this.#publisher.stop();
      await this.#stopSources();
      throw error;
    }
  }

  /** @param closedAtMs Close time of the last tick, 0 for none. */
  #startClock(closedAtMs: number): void {
    this.#raceClock.start(Math.max(this.#options.clock.nowMs(), closedAtMs));
  }

  /**
   * Reads where the race stands in the stream and goes on there, or begins a new epoch.
   * @param loss Why the end of the stream must not be continued, though it can be read.
   * @returns Close time of the last tick, 0 for none.
   */
  async #takeUp(stream: RaceStream, loss?: string): Promise<number> {
    const { race, catalogue, stream: options } = this.#options;
    await stream.ensure(options);
    const left = await this.#publishLeft(stream);
    const { standstill, lastSeqs, problem: damage } = await findStandstill(stream);
    const problem = damage ?? loss ?? left?.loss ?? this.#missesSlots(standstill?.field);
    if (problem) this.#log('warn', `Race ${race} begins a new epoch: ${problem}`);
    const isSame = standstill?.catalogue.hash === catalogue.hash;
    if (standstill && !isSame) this.#log('info', `Race ${race} begins a new epoch: it has another catalogue.`);
    const closedAtMs = this.#goOn(isSame && !problem ? standstill : undefined, stream.subjects);
    this.#publisher = this.#createPublisher({ stream, lastSeqs });
    return closedAtMs;
  }

  /** Goes on where the race stands, or begins an epoch. @returns Close time of the last tick, 0 for none. */
  #goOn(continued: Standstill | undefined, subjects: RunIdentity['subjects']): number {
    const { race, catalogue, clock, sources } = this.#options;
    // Only what cars send is bound to the time of day: a race at 20 times the speed is hours ahead of it.
    if (continued && sources.every(({ kind }) => kind !== 'live')) clock.skipTo?.(continued.closeAtMs);
    const behindMs = (continued?.closeAtMs ?? 0) - clock.nowMs();
    if (behindMs > MAX_CLOCK_BEHIND_MS) {
      throw new ConfigError(
        'clock_behind',
        `The clock of this machine is ${Math.round(behindMs / 1000)} s behind the last tick of race ${race}; set the clock.`,
      );
    }
    const epoch = continued?.epoch ?? randomEpoch();
    this.#identity = { epoch, catalogue, subjects };
    this.#point = continued ?? RACE_START;
    this.#isFirst = true;
    this.#trail = undefined;
    if (continued) {
      this.#log('info', `Race ${race} goes on after tick ${continued.tick} in epoch ${epoch}.`);
      // Later on, we know more than the stream: what the sources have said since.
      if (!this.#hasBegun) this.#document = withKind(continued.document, sources[0]?.kind);
      const { field } = continued;
      this.#downsampler = new Downsampler({ catalogue, tickMs: TICK_MS, field, nowMs: clock.nowMs() });
    } else {
      this.#log('info', `Race ${race} begins in epoch ${epoch}.`);
    }
    this.#hasBegun = true;
    return continued?.closeAtMs ?? 0;
  }

  #createPublisher(start: Pick<PublisherOptions, 'stream' | 'lastSeqs' | 'left'>): Publisher {
    const { race, catalogue } = this.#options;
    const identity = { epoch: this.#identity.epoch, catalogue: catalogue.hash };
    const where = this.#spool?.folder ?? 'memory';
    return new Publisher({
      ...start,
      ...(this.#spool && { spool: { store: this.#spool, identity } }),
      onSpoolProblem: (error) => this.#tellSpoolProblem(error),
      onFatal: (error) => void this.#resume(error),
      onRetry: (error) => this.counters.add('publish_retry', error.message),
      onBlocked: (problem) =>
        this.#log(
          'warn',
          `NATS takes nothing of race ${race} (${problem}): look at its log and its disk; the ticks wait in ${where}.`,
        ),
      onUnblocked: (waiting) => this.#log('info', `NATS takes race ${race} again; ${waiting} messages have waited.`),
    });
  }

  /** What waited when the process before this one ended, or when this one lost the stream, goes first. */
  async #publishLeft(stream: RaceStream) {
    return this.#spool && publishLeft(this.#spool, stream, (level, message) => this.#log(level, message));
  }

  #tellSpoolProblem({ message }: SpoolError): void {
    this.#log('warn', `${message.replace(/\.$/, '')}: what NATS does not take waits in memory.`);
  }

  /**
   * The stream is not what we left there. If the race is still ours, we take it up again where the stream ends now:
   * the last breath of a publisher before us may have come late, or NATS may have lost data.
   */
  async #resume(error: BrokerError | SpoolError): Promise<void> {
    this.#raceClock.stop();
    this.#trail = undefined;
    const nowMs = performance.now();
    // What is lost again and again, as when somebody deletes the stream, is begun anew as often.
    const isAgain = error.code === 'fenced' && nowMs - this.#fencedAtMs < FENCED_AGAIN_MS;
    if (error.code === 'fenced') this.#fencedAtMs = nowMs;
    const [stream, lease] = [this.#stream, this.#lease];
    if (error.code === 'spool_full' || isAgain || !stream || !(await lease?.confirm())) return this.fail(error);
    this.#log('warn', `Race ${this.#options.race} is taken up again: ${error.message}`);
    // What fans have seen of an epoch must not be told them again in another way.
    const loss = error.code === 'stream_lost' ? error.message : undefined;
    const closedAtMs = await this.#persist(() => this.#takeUp(stream, loss));
    if (closedAtMs === undefined) return;
    if (this.#ending) this.#publisher.stop();
    else this.#startClock(closedAtMs);
  }

  /** Tries until NATS answers. @returns `undefined` when the run ends before, or has failed. */
  async #persist<T>(question: () => Promise<T>): Promise<T | undefined> {
    while (!this.#ending) {
      try {
        return await question();
      } catch (cause) {
        if (cause instanceof TelemetryError && !cause.retryable) {
          this.fail(cause);
          return undefined;
        }
        this.counters.add('publish_retry', (cause as Error).message);
        await new Promise((resolve) => setTimeout(resolve, RESUME_RETRY_MS));
      }
    }
    return undefined;
  }

  /** Why the cars that may race do not fit into the epoch of this field, if so: invented cars can have used it up. */
  #missesSlots(field: Field | undefined): string | undefined {
    if (!field || !this.#only) return undefined;
    const known = new Set(field.cars);
    const missing = [...this.#only].filter((car) => !known.has(car)).length;
    if (field.cars.length + missing <= MAX_CARS) return undefined;
    return `The old one had ${field.cars.length} cars, so that not all of those that may race would find a place.`;
  }

  #log(level: 'info' | 'warn', message: string): void {
    this.#options.onLog?.(level, message);
  }

  #createSink(): SourceSink {
    return {
      frame: (frame) => this.#takeFrame(frame),
      facts: (facts: RaceFacts) => {
        const roster = facts.roster?.filter(({ car }) => this.#mayRace(car));
        this.#document = mergeFacts(this.#document, { ...facts, ...(roster && { roster }) });
      },
      refuse: (reason, detail) =>
        this.counters.add(reason === 'unknown_channel' ? `unknown_channel:${detail}` : `refused:${reason}`, detail),
    };
  }

  #mayRace(car: string): boolean {
    if (!this.#only || this.#only.has(car)) return true;
    this.counters.add(`unknown_car:${car}`, 'it is not one of those that may race');
    return false;
  }

  #takeFrame(frame: Frame): void {
    if (this.#ending) return;
    if (!this.#mayRace(frame.car)) return;
    const outcome = this.#downsampler.add(frame, this.#options.clock.nowMs());
    if (outcome === 'fresh' || outcome === 'new_clock') {
      this.counters.add('frames');
      this.counters.add('samples', '', frame.count);
    }
    if (outcome !== 'fresh') this.counters.add(`${outcome}:${frame.car}`, OUTCOME_DETAIL[outcome]);
  }

  #closeTick(close: TickClose): void {
    try {
      this.#publishTick(close);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  /** The tick leaves first; what follows it in the stream is worked out when it is with the fans. */
  #publishTick(close: TickClose): void {
    this.#trail?.();
    const closeAtMs = Math.round(close.closeAtMs);
    const field = this.#downsampler.close(closeAtMs);
    const before = this.#point;
    const tick = before.tick + 1;
    const message = encodeTickMessage(this.#identity, before, field, closeAtMs);
    this.#publisher.send(...encodePreamble(this.#identity, before), message);
    const trail = () => {
      this.#trail = undefined;
      this.#document = advanceDocument(this.#document, this.#options.catalogue, field, closeAtMs);
      const next = { field, document: this.#document, closeAtMs };
      const { messages, point } = encodeTrailers(this.#identity, before, next, this.#isFirst);
      this.#isFirst = false;
      this.#point = point;
      this.#publisher.send(...messages);
    };
    this.#trail = trail;
    setTimeout(() => {
      if (this.#trail !== trail) return;
      try {
        trail();
      } catch (error) {
        this.fail(error as Error);
      }
    }, TRAIL_AFTER_MS);
    this.counters.add('ticks');
    if (close.lateByMs > LATE_TICK_MS) this.counters.add('late_ticks');
    if (close.skipped > 0) this.counters.add('skipped_turns', '', close.skipped);
    this.#options.onTick?.({ ...close, tick, field });
  }

  /** Ends the run at once; what is not in the stream yet is given up. */
  fail(error: Error): void {
    this.#ending ??= this.#endFailed(error);
  }

  async #endFailed(error: Error): Promise<void> {
    this.#raceClock.stop();
    this.#publisher.stop();
    await this.#stopSources();
    this.#settle.reject(error);
  }

  /** Takes no more frames and publishes what is closed. Safe to call twice, also after `fail()`. */
  stop(): Promise<void> {
    this.#ending ??= this.#endStopped();
    return this.#ending;
  }

  async #endStopped(): Promise<void> {
    this.#raceClock.stop();
    await this.#stopSources();
    this.#trail?.();
    await this.#publisher.flush(FLUSH_WITHIN_MS);
    const { waiting } = this.#publisher;
    if (waiting > 0) {
      const where = this.#spool ? `; they wait in ${this.#spool.folder} for the next start` : '';
      this.#log('warn', `NATS did not take the last ${waiting} messages of race ${this.#options.race}${where}.`);
    }
    this.#publisher.stop();
    this.#settle.resolve();
  }

  async #stopSources(): Promise<void> {
    const results = await Promise.allSettled(this.#options.sources.map((source) => source.stop()));
    for (const result of results) {
      if (result.status === 'rejected') this.#log('warn', `A source did not stop in good order: ${result.reason}.`);
    }
  }
}

const withKind = (document: RaceDocument, kind = document.session.kind): RaceDocument => ({
  ...document,
  session: { ...document.session, kind },
});

const randomEpoch = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('');
