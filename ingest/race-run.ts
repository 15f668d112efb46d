import type { Lease } from '../broker/lease.ts';
import type { RaceStream } from '../broker/race-stream.ts';
import type { RaceDocument, RaceFacts } from '../protocol/document.ts';
import { type BrokerError, ConfigError, TelemetryError } from '../protocol/errors.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { Counters } from './counters.ts';
import { Downsampler, type FrameOutcome } from './downsampler.ts';
import type { IngestOptions } from './ingest.ts';
import { Publisher } from './publisher.ts';
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
import { findStandstill } from './recovery.ts';
import type { Frame, SourceSink } from './source.ts';
import { Spool, type SpoolError } from './spool.ts';
import { publishLeft } from './spooled-race.ts';

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
  readonly #stream: RaceStream;
  readonly #lease: Lease;
  readonly #raceClock: RaceClock;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #spool: Spool | undefined;
  #downsampler: Downsampler;
  #document: RaceDocument;
  // Where the race stands in the stream. Set by #takeUp.
  #identity!: RunIdentity;
  #point!: RacePoint;
  #publisher!: Publisher;
  #isFirst = true;
  #hasBegun = false;
  /** Messages of the newest tick that are still to be made. */
  #trail: (() => void) | undefined;
  #ending: Promise<void> | undefined;
  #fencedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: IngestOptions, stream: RaceStream, lease: Lease) {
    const { catalogue, clock, race, sources, only } = options;
    this.#options = options;
    this.#only = only && new Set(only);
    if (this.#only && this.#only.size > MAX_CARS) {
      throw new ConfigError('too_many_cars', `A race has at most ${MAX_CARS} cars, not ${this.#only.size}.`);
    }
    this.#stream = stream;
    this.#lease = lease;
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
  async start(): Promise<void> {
    const { clock, sources } = this.#options;
    const closedAtMs = await this.#takeUp();
    const sink = this.#createSink();
    try {
      for (const source of sources) await source.start(sink);
    } catch (error) {
      this.#publisher.stop();
      await this.#stopSources();
      throw error;
    }
    this.#raceClock.start(Math.max(clock.nowMs(), closedAtMs));
  }

  /**
   * Reads where the race stands in the stream and goes on there, or begins a new epoch.
   * @param loss Why the end of the stream must not be continued, though it can be read.
   * @returns Close time of the last tick, 0 for none.
   */
  async #takeUp(loss?: string): Promise<number> {
    const { race, catalogue, clock, sources, stream: options } = this.#options;
    await this.#stream.ensure(options);
    const left = await this.#publishLeft();
    const found = await findStandstill(this.#stream);
    const { standstill, lastSeqs } = found;
    const problem = found.problem ?? loss ?? left?.loss ?? this.#missesSlots(standstill?.field);
    if (problem) this.#log('warn', `Race ${race} begins a new epoch: ${problem}`);
    const isSame = standstill?.catalogue.hash === catalogue.hash;
    if (standstill && !isSame) this.#log('info', `Race ${race} begins a new epoch: it has another catalogue.`);
    const continued = isSame && !problem ? standstill : undefined;
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
    this.#identity = { epoch, catalogue, subjects: this.#stream.subjects };
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
    this.#publisher = new Publisher({
      stream: this.#stream,
      lastSeqs,
      ...(this.#spool && { spool: { store: this.#spool, identity: { epoch, catalogue: catalogue.hash } } }),
      onSpoolProblem: (error) => this.#tellSpoolProblem(error),
      onFatal: (error) => void this.#resume(error),
      onRetry: (error) => this.counters.add('publish_retry', error.message),
      onBlocked: (problem) =>
        this.#log(
          'warn',
          `NATS takes nothing of race ${race} (${problem}): look at its log and its disk; the ticks wait in ${this.#spool?.folder ?? 'memory'}.`,
        ),
      onUnblocked: (waiting) => this.#log('info', `NATS takes race ${race} again; ${waiting} messages have waited.`),
    });
    this.#hasBegun = true;
    return continued?.closeAtMs ?? 0;
  }

  /** What waited when the process before this one ended, or when this one lost the stream, goes first. */
  async #publishLeft() {
    return this.#spool && publishLeft(this.#spool, this.#stream, (level, message) => this.#log(level, message));
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
    if (error.code === 'spool_full' || isAgain || !(await this.#lease.confirm())) return this.fail(error);
    this.#log('warn', `Race ${this.#options.race} is taken up again: ${error.message}`);
    // What fans have seen of an epoch must not be told them again in another way.
    const loss = error.code === 'stream_lost' ? error.message : undefined;
    while (!this.#ending) {
      try {
        const closedAtMs = await this.#takeUp(loss);
        if (this.#ending) this.#publisher.stop();
        else this.#raceClock.start(Math.max(this.#options.clock.nowMs(), closedAtMs));
        return;
      } catch (cause) {
        if (cause instanceof TelemetryError && !cause.retryable) return this.fail(cause);
        this.counters.add('publish_retry', (cause as Error).message);
        await new Promise((resolve) => setTimeout(resolve, RESUME_RETRY_MS));
      }
    }
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
