import type { Lease } from '../broker/lease.ts';
import { type RaceStream, subjectsOf } from '../broker/race-stream.ts';
import type { RaceDocument } from '../protocol/document.ts';
import { BrokerError, ConfigError, TelemetryError } from '../protocol/errors.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { randomEpoch } from './epoch.ts';
import { overlay, withMissing } from './handover.ts';
import type { IngestOptions } from './ingest.ts';
import { Intake, TICK_MS } from './intake.ts';
import { type BacklogReport, Publisher, type PublisherOptions } from './publisher.ts';
import type { TickClose } from './race-clock.ts';
import { advanceDocument, createDocument, mergeFacts } from './race-document.ts';
import { RACE_START, type RunIdentity } from './race-publisher.ts';
import { findStandstill, readNewest, type Standstill, seqsOf } from './recovery.ts';
import { Spool, SpoolError, type SpoolLeft } from './spool.ts';
import { planSpool } from './spool-plan.ts';
import { publishLeft, resumeSpool } from './spooled-race.ts';
import { TickWriter } from './tick-writer.ts';

type PublisherStart = Pick<PublisherOptions, 'stream' | 'lastSeqs' | 'left'>;

/** A machine clock that is behind the stream by less is waited for, by more it is an error. */
const MAX_CLOCK_BEHIND_MS = 10_000;
/** A tick closed later than this counts as late. */
const LATE_TICK_MS = 100;
/** How long `stop()` waits for NATS to take what is closed. */
const FLUSH_WITHIN_MS = 5000;
/** A fenced race is taken up again by itself, but not twice within this: somebody else is writing then. */
const FENCED_AGAIN_MS = 10_000;
const RESUME_RETRY_MS = 500;

/** What a tick was published as; the oracle of tests and the numbers of benches. */
export interface PublishedTick extends TickClose {
  readonly tick: number;
  readonly field: Field;
}

/** One race on the air: from the frames of the sources to the messages in its stream, as long as the lease is held. */
export class RaceRun {
  /** Resolves after `stop()`, rejects after `fail()`; the sources have stopped then. */
  readonly done: Promise<void>;
  readonly #settle: { resolve: () => void; reject: (error: Error) => void };
  readonly #options: IngestOptions;
  readonly #intake: Intake;
  readonly #spool: Spool | undefined;
  // Set when NATS is there.
  #stream: RaceStream | undefined;
  #lease: Lease | undefined;
  /** What this run goes on from, until NATS is there. */
  #left: SpoolLeft | undefined;
  #document: RaceDocument;
  // Set by #goOn.
  #publisher!: Publisher;
  #writer!: TickWriter;
  #isStoodDown = false;
  #hasBegun = false;
  #ending: Promise<void> | undefined;
  /** Aborted when the run ends, or is not to start any more. */
  readonly #over = new AbortController();
  #fencedAtMs = Number.NEGATIVE_INFINITY;

  /** @throws {ConfigError} `too_many_cars`. */
  constructor(options: IngestOptions) {
    const { clock, race, sources } = options;
    this.#options = options;
    this.#spool = options.spool && new Spool({ ...options.spool, race });
    this.#document = createDocument(race, sources[0]?.kind ?? 'live', Math.round(clock.nowMs()));
    this.#intake = new Intake(options, {
      onTick: (close, field) => this.#publishTick(close, field),
      onFacts: (facts) => {
        this.#document = mergeFacts(this.#document, facts);
      },
      onFailure: (error) => this.fail(error),
      log: (level, message) => this.#log(level, message),
    });
    // Named at once, so that whoever looks finds a 0.
    for (const name of ['ticks', 'caught_up_ticks', 'late_ticks', 'skipped_turns', 'publish_retry']) {
      this.counters.add(name, '', 0);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#settle = { resolve, reject };
    this.done = promise;
    promise.catch(() => {});
  }

  get epoch(): string {
    return this.#writer.epoch;
  }

  get counters() {
    return this.#intake.counters;
  }

  get backlog(): BacklogReport {
    return this.#publisher.backlog;
  }

  /** Takes what cars send while another process publishes. Does not throw. */
  standBy(): Promise<void> {
    return this.#intake.standBy();
  }

  /** Ends what never went on the air. Safe to call twice. */
  abandon(): Promise<void> {
    return this.#intake.stop();
  }

  /**
   * Finds the place in the stream, starts the sources and then the clock. Nothing is written before the first tick.
   * @throws what the sources and NATS throw, `lease_lost`, the reason of `signal`; {@link abandon} must follow.
   */
  async start(stream: RaceStream, lease: Lease, signal?: AbortSignal): Promise<void> {
    this.#stream = stream;
    this.#lease = lease;
    signal?.addEventListener('abort', () => this.#over.abort(signal.reason), { once: true });
    const closedAtMs = await this.#patiently(
      () => this.#takeUp(stream),
      async (error) => {
        signal?.throwIfAborted();
        // A cluster that has lost its leader finds another one, and whoever has stood by is needed then.
        this.#log('warn', `Race ${this.#options.race} waits for NATS (${error.message}).`);
        if (!(await lease.confirm())) throw leaseLost(this.#options.race);
      },
    );
    await this.#startSources();
    this.#goOnAir(closedAtMs);
  }

  async #startSources(): Promise<void> {
    try {
      await this.#intake.startSources();
    } catch (error) {
      this.#publisher.stop();
      throw error;
    }
  }

  /**
   * Starts without NATS, from what waits in the spool: that knows more than the stream. The ticks wait there too, until
   * {@link attach}.
   * @returns `false` when nothing waits that can be continued; nothing has happened then.
   * @throws what the sources throw; {@link abandon} must follow.
   */
  async startFromSpool(): Promise<boolean> {
    const { catalogue, race } = this.#options;
    const spool = this.#spool;
    const resumed = spool && resumeSpool(spool, catalogue, (level, message) => this.#log(level, message));
    if (!spool || !resumed) return false;
    const { left, standstill } = resumed;
    try {
      const problem = missesSlots(standstill.field, this.#options.only);
      if (problem) {
        this.#log('warn', `Race ${race} does not go on before NATS is there: ${problem}`);
        return false;
      }
      this.#left = left;
      const { lastSeqs, upTo } = left.settled;
      const closedAtMs = this.#goOn(standstill, subjectsOf(race), { lastSeqs, left: { found: left, from: upTo } });
      await this.#startSources();
      this.#goOnAir(closedAtMs);
      return true;
    } finally {
      if (!this.#publisher) spool.close();
    }
  }

  /** Somebody else holds the lease: until {@link attach} ticks are remembered, and not published. */
  standDown(): void {
    this.#intake.leaveAir();
    this.#writer.finish();
    this.#isStoodDown = true;
  }

  /** Gives the stream to a run that was started without: what waits is published, if it follows what is there. */
  async attach(stream: RaceStream, lease: Lease): Promise<void> {
    this.#stream = stream;
    this.#lease = lease;
    const { race, stream: options } = this.#options;
    const ask = async () => {
      await stream.ensure(options);
      return readNewest(stream);
    };
    const newest = await this.#patiently(ask, (cause) => this.#expectRunning(cause));
    if (this.#ending) return;
    const left = this.#left!;
    try {
      const plan = planSpool(left, newest, stream.subjects.tick, this.#spool!.readAll(left.settled.upTo));
      if (plan.kind === 'publish') {
        this.#publisher.attach(stream, seqsOf(newest), plan.from);
        this.#log('info', `NATS is there; ${this.#publisher.waiting} messages of race ${race} have waited.`);
        if (this.#isStoodDown) this.#goOnAir(this.#writer.point.closeAtMs);
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

  #expectRunning(cause: Error): void {
    if (this.#ending) throw cause;
  }

  /**
   * Publishes what has closed here behind the end of the stream and was published by nobody, and from then on every
   * tick as it closes: the time in which nobody held the race leaves no hole in it.
   */
  #goOnAir(closedAtMs: number): void {
    let { field } = this.#writer.point;
    let lastAtMs = closedAtMs;
    // A new epoch begins now, with what is known. In an old one the last tick may lack what came when it closed.
    for (const { closeAtMs, news, facts } of closedAtMs > 0 ? this.#intake.since(closedAtMs) : []) {
      field = overlay(field, news);
      if (facts) this.#document = mergeFacts(this.#document, facts);
      if (closeAtMs === closedAtMs) continue;
      const lateByMs = this.#options.clock.nowMs() - closeAtMs;
      const skipped = Math.max(0, Math.floor((closeAtMs - lastAtMs) / TICK_MS) - 1);
      lastAtMs = closeAtMs;
      this.counters.add('caught_up_ticks');
      this.#publishTick({ closeAtMs, lateByMs, skipped }, field);
    }
    this.#document = mergeFacts(this.#document, this.#intake.openFacts);
    this.#intake.goOnAir(withMissing(field, this.#intake.field), closedAtMs);
  }

  /**
   * Reads where the race stands in the stream and goes on there, or begins a new epoch.
   * @param loss Why the end of the stream must not be continued, though it can be read.
   * @returns Close time of the last tick, 0 when a new epoch begins.
   */
  async #takeUp(stream: RaceStream, loss?: string): Promise<number> {
    const { race, catalogue, only, stream: options } = this.#options;
    await stream.ensure(options);
    const left = await this.#publishLeft(stream);
    const { standstill, lastSeqs, problem: damage } = await findStandstill(stream);
    const problem = damage ?? loss ?? left?.loss ?? missesSlots(standstill?.field, only);
    if (problem) this.#log('warn', `Race ${race} begins a new epoch: ${problem}`);
    const isSame = standstill?.catalogue.hash === catalogue.hash;
    if (standstill && !isSame) this.#log('info', `Race ${race} begins a new epoch: it has another catalogue.`);
    return this.#goOn(isSame && !problem ? standstill : undefined, stream.subjects, { stream, lastSeqs });
  }

  /** Goes on where the race stands, or begins an epoch. @returns Close time of the last tick, 0 for a new epoch. */
  #goOn(continued: Standstill | undefined, subjects: RunIdentity['subjects'], start: PublisherStart): number {
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
    if (continued) {
      this.#log('info', `Race ${race} goes on after tick ${continued.tick} in epoch ${epoch}.`);
      // Later on, we know more than the stream: what the sources have said since.
      if (!this.#hasBegun) this.#document = withKind(continued.document, sources[0]?.kind);
    } else {
      this.#log('info', `Race ${race} begins in epoch ${epoch}.`);
    }
    this.#hasBegun = true;
    this.#publisher = this.#createPublisher(epoch, start);
    this.#writer = new TickWriter({ epoch, catalogue, subjects }, continued ?? RACE_START, this.#publisher, {
      advance: (field, closeAtMs) => {
        this.#document = advanceDocument(this.#document, catalogue, field, closeAtMs);
        return this.#document;
      },
      onFailure: (error) => this.fail(error),
    });
    return continued?.closeAtMs ?? 0;
  }

  #createPublisher(epoch: string, start: PublisherStart): Publisher {
    const { race, catalogue } = this.#options;
    const identity = { epoch, catalogue: catalogue.hash };
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
          `NATS takes nothing of race ${race} (${problem}): look at its log and its disk; ${describeBacklog(this.#publisher.backlog)} in ${where}.`,
        ),
      onUnblocked: (waiting) => this.#log('info', `NATS takes race ${race} again; ${waiting} messages have waited.`),
    });
  }

  /** What waited when the process before this one ended, or when this one lost the stream, goes first. */
  async #publishLeft(stream: RaceStream) {
    const say = (level: 'info' | 'warn', message: string) => this.#log(level, message);
    return this.#spool && publishLeft(this.#spool, stream, say, this.#over.signal);
  }

  #tellSpoolProblem({ message }: SpoolError): void {
    this.#log('warn', `${message.replace(/\.$/, '')}: what NATS does not take waits in memory.`);
  }

  /**
   * The stream is not what we left there. If the race is still ours, we take it up again where the stream ends now:
   * the last breath of a publisher before us may have come late, or NATS may have lost data.
   */
  async #resume(error: BrokerError | SpoolError): Promise<void> {
    this.#intake.leaveAir();
    this.#writer.drop();
    const nowMs = performance.now();
    // What is lost again and again, as when somebody deletes the stream, is begun anew as often.
    const isAgain = error.code === 'fenced' && nowMs - this.#fencedAtMs < FENCED_AGAIN_MS;
    if (error.code === 'fenced') this.#fencedAtMs = nowMs;
    const [stream, lease] = [this.#stream, this.#lease];
    if (error.code === 'spool_full' || isAgain || !stream || !lease) return this.fail(error);
    if (!(await lease.confirm())) return this.fail(leaseLost(this.#options.race));
    this.#log('warn', `Race ${this.#options.race} is taken up again: ${error.message}`);
    // What fans have seen of an epoch must not be told them again in another way.
    const loss = error.code === 'stream_lost' ? error.message : undefined;
    try {
      const takeUp = () => this.#takeUp(stream, loss);
      const closedAtMs = await this.#patiently(takeUp, (cause) => this.#expectRunning(cause));
      if (this.#ending) this.#publisher.stop();
      else this.#goOnAir(closedAtMs);
    } catch (cause) {
      this.fail(cause as Error);
    }
  }

  /** Asks NATS until it answers. @param mayRetry Throws when it is not to be asked again after this error. */
  async #patiently<T>(ask: () => Promise<T>, mayRetry: (error: Error) => void | Promise<void>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof TelemetryError && !error.retryable) throw error;
        await mayRetry(error as Error);
        this.counters.add('publish_retry', (error as Error).message);
        await new Promise((resolve) => setTimeout(resolve, RESUME_RETRY_MS));
      }
    }
  }

  #log(level: 'info' | 'warn', message: string): void {
    this.#options.onLog?.(level, message);
  }

  #publishTick(close: TickClose, field: Field): void {
    const tick = this.#writer.write(field, Math.round(close.closeAtMs));
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
    this.#over.abort(error);
    this.#publisher.stop();
    await this.#intake.stop();
    this.#settle.reject(error);
  }

  /** Takes no more frames and publishes what is closed. Safe to call twice, also after `fail()`. */
  stop(): Promise<void> {
    this.#ending ??= this.#endStopped();
    return this.#ending;
  }

  async #endStopped(): Promise<void> {
    this.#over.abort(new Error('The ingest was stopped.'));
    await this.#intake.stop();
    this.#writer.finish();
    await this.#publisher.flush(FLUSH_WITHIN_MS);
    const { waiting } = this.#publisher;
    if (waiting > 0) {
      const where = this.#spool ? `; they wait in ${this.#spool.folder} for the next start` : '';
      this.#log('warn', `NATS did not take the last ${waiting} messages of race ${this.#options.race}${where}.`);
    }
    this.#publisher.stop();
    this.#settle.resolve();
  }
}

export const leaseLost = (race: string): BrokerError =>
  new BrokerError('lease_lost', `Another process publishes race ${race} now.`);

const describeBacklog = ({ messages, bytes, blockedMs }: BacklogReport): string =>
  `${messages} messages (${(bytes / 1e6).toFixed(2)} MB) have waited for ${Math.round(blockedMs / 1000)} s`;

/** Why the cars that may race do not fit into the epoch of a field, if so: invented cars can have used it up. */
function missesSlots(field: Field | undefined, only: readonly string[] | undefined): string | undefined {
  if (!field || !only) return undefined;
  const known = new Set(field.cars);
  const missing = [...new Set(only)].filter((car) => !known.has(car)).length;
  if (field.cars.length + missing <= MAX_CARS) return undefined;
  return `The old one had ${field.cars.length} cars, so that not all of those that may race would find a place.`;
}

const withKind = (document: RaceDocument, kind = document.session.kind): RaceDocument => ({
  ...document,
  session: { ...document.session, kind },
});
