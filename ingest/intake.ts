import type { RaceFacts } from '../protocol/document.ts';
import { ConfigError } from '../protocol/errors.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { Counters } from './counters.ts';
import { Downsampler, type FrameOutcome } from './downsampler.ts';
import { type HeardTick, joinFacts, RECENT_TICKS } from './handover.ts';
import type { IngestOptions } from './ingest.ts';
import { RaceClock, type TickClose } from './race-clock.ts';
import type { Frame, Source, SourceSink } from './source.ts';

export const TICK_MS = 500;

/** What is worth saying of a frame that was dropped, beyond the name of its outcome. */
const OUTCOME_DETAIL: Partial<Record<FrameOutcome, string>> = {
  field_full: `${MAX_CARS} cars have raced in this epoch; name those that may with --only and start ingest again`,
};

interface IntakeEvents {
  /** A tick has closed. Called only while the race is on the air here. */
  onTick(close: TickClose, field: Field): void;
  /** A source has said something of the race. */
  onFacts(facts: RaceFacts): void;
  /** A tick could not be closed. */
  onFailure(error: Error): void;
  log(level: 'info' | 'warn', message: string): void;
}

/**
 * The half of ingest that does not care who publishes: takes the frames of the sources and closes a tick every
 * {@link TICK_MS}. A standby runs it all the time, so that it knows every value when it takes over, and the ticks that
 * nobody has published meanwhile.
 */
export class Intake {
  readonly counters: Counters;
  readonly #options: IngestOptions;
  readonly #events: IntakeEvents;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #raceClock: RaceClock;
  readonly #downsampler: Downsampler;
  readonly #started = new Set<Source>();
  readonly #recent: HeardTick[] = [];
  /** What sources have said of the race in the open tick. */
  #facts: RaceFacts | undefined;
  #isOnAir = false;
  #isStopped = false;

  constructor(options: IngestOptions, events: IntakeEvents) {
    const { catalogue, clock, only } = options;
    this.#options = options;
    this.#events = events;
    this.#only = only && new Set(only);
    if (this.#only && this.#only.size > MAX_CARS) {
      throw new ConfigError('too_many_cars', `A race has at most ${MAX_CARS} cars, not ${this.#only.size}.`);
    }
    this.counters = new Counters((name, detail) => {
      if (name.includes(':')) events.log('warn', `Refused for the first time: ${name}${detail ? ` (${detail})` : ''}.`);
    });
    // Named at once, so that whoever looks finds a 0.
    for (const name of ['frames', 'samples']) this.counters.add(name, '', 0);
    this.#downsampler = new Downsampler({ catalogue, tickMs: TICK_MS });
    this.#raceClock = new RaceClock(clock, TICK_MS, (close) => this.#close(close));
  }

  /**
   * Takes what cars send while another ingest publishes. What is simulated or recorded runs only on the air. A source
   * that cannot be opened beside the other ingest, as on the same machine, is tried again by {@link startSources}.
   */
  async standBy(): Promise<void> {
    for (const source of this.#options.sources.filter(({ kind }) => kind === 'live')) {
      try {
        await this.#start(source);
      } catch (error) {
        const why = (error as Error).message.replace(/\.$/, '');
        this.#events.log('warn', `${source.name} begins only when this ingest takes over (${why}).`);
      }
    }
    if (this.#started.size > 0 && !this.#isStopped) this.#raceClock.start(this.#options.clock.nowMs());
  }

  /** Starts the sources that do not run yet. @throws whatever they throw. */
  async startSources(): Promise<void> {
    for (const source of this.#options.sources) await this.#start(source);
  }

  async #start(source: Source): Promise<void> {
    if (this.#started.has(source) || this.#isStopped) return;
    await source.start(this.#sink);
    this.#started.add(source);
  }

  readonly #sink: SourceSink = {
    frame: (frame) => this.#takeFrame(frame),
    facts: (facts) => {
      const roster = facts.roster?.filter(({ car }) => this.#mayRace(car));
      const nowMs = Math.round(this.#options.clock.nowMs());
      const control = facts.control?.map((message) => ({ atMs: nowMs, ...message }));
      const known = { ...facts, ...(roster && { roster }), ...(control && { control }) };
      this.#facts = joinFacts(this.#facts ?? {}, known);
      this.#events.onFacts(known);
    },
    refuse: (reason, detail) =>
      this.counters.add(reason === 'unknown_channel' ? `unknown_channel:${detail}` : `refused:${reason}`, detail),
  };

  #mayRace(car: string): boolean {
    if (!this.#only || this.#only.has(car)) return true;
    this.counters.add(`unknown_car:${car}`, 'it is not one of those that may race');
    return false;
  }

  #takeFrame(frame: Frame): void {
    if (this.#isStopped || !this.#mayRace(frame.car)) return;
    const outcome = this.#downsampler.add(frame, this.#options.clock.nowMs());
    if (outcome === 'fresh' || outcome === 'new_clock') {
      this.counters.add('frames');
      this.counters.add('samples', '', frame.count);
    }
    if (outcome !== 'fresh') this.counters.add(`${outcome}:${frame.car}`, OUTCOME_DETAIL[outcome]);
  }

  #close(close: TickClose): void {
    try {
      const closeAtMs = Math.round(close.closeAtMs);
      const field = this.#downsampler.close(closeAtMs);
      this.#recent.push({ closeAtMs, news: this.#downsampler.news, facts: this.#facts });
      this.#facts = undefined;
      if (this.#recent.length > RECENT_TICKS) this.#recent.shift();
      if (this.#isOnAir) this.#events.onTick(close, field);
    } catch (error) {
      this.#events.onFailure(error as Error);
    }
  }

  /** All that is known of the cars here, in slots of our own until {@link goOnAir}. */
  get field(): Field {
    return this.#downsampler.field;
  }

  /** Ticks that closed here from a race time on, oldest first. */
  since(closeAtMs: number): HeardTick[] {
    return this.#recent.filter((tick) => tick.closeAtMs >= closeAtMs);
  }

  /** What sources have said of the race in the tick that is open. */
  get openFacts(): RaceFacts {
    return this.#facts ?? {};
  }

  /**
   * From now on ticks are published.
   * @param field What is known of all cars: the last tick in the stream, and what was heard {@link since}.
   * @param closedAtMs Race time up to which ticks are in the stream; 0 for none.
   */
  goOnAir(field: Field, closedAtMs: number): void {
    const nowMs = this.#options.clock.nowMs();
    this.#downsampler.adopt(field, nowMs);
    this.#isOnAir = true;
    if (this.#raceClock.isRunning) this.#raceClock.skipTo(closedAtMs);
    else this.#raceClock.start(Math.max(nowMs, closedAtMs));
  }

  /** Ticks are closed and remembered, and not published, until {@link goOnAir}. */
  leaveAir(): void {
    this.#isOnAir = false;
  }

  /** Closes no more ticks and takes no more frames. Safe to call twice. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#isOnAir = false;
    this.#raceClock.stop();
    const results = await Promise.allSettled(this.#options.sources.map((source) => source.stop()));
    for (const result of results) {
      if (result.status === 'rejected')
        this.#events.log('warn', `A source did not stop in good order: ${result.reason}.`);
    }
  }
}
