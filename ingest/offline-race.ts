import type { Catalogue } from '../protocol/catalogue.ts';
import { MAX_CONTROL_TEXT, type RaceDocument, type RaceFacts } from '../protocol/document.ts';
import { Counters } from './counters.ts';
import { Downsampler } from './downsampler.ts';
import type { FieldTally } from './feed-fields.ts';
import { joinFacts } from './handover.ts';
import { TICK_MS } from './ingest.ts';
import { NO_TIMING, type OfficialTiming } from './official-timing.ts';
import { advanceDocument, createDocument, mergeFacts } from './race-document.ts';
import { encodePreamble, encodeTickMessage, encodeTrailers, RACE_START, type RunIdentity } from './race-publisher.ts';
import type { Frame, SourceSink } from './source.ts';

export interface OfflineRaceOptions {
  readonly race: string;
  readonly kind: RaceDocument['session']['kind'];
  readonly catalogue: Catalogue;
  readonly epoch: string;
  /** Race time before the first tick, Unix ms. */
  readonly startMs: number;
}

/** What a recording delivers to: samples and facts like every source, and what only recordings say. */
export interface OfflineSink extends SourceSink, FieldTally {
  /** What the timekeepers say, from now on, of all cars. */
  timing(timing: OfficialTiming): void;
  /** Adds a line to a log of the race. @param name Such as `race-control`. @param atMs When it was said, Unix ms. */
  log(name: string, atMs: number, text: string, more?: Readonly<Record<string, string | number>>): void;
  /** Something came to nothing, under a name of ours. */
  count(name: string): void;
}

/** The log whose lines the document has too. */
export const RACE_CONTROL = 'race-control';

/** A message of the race; `kind` is the rest of its subject behind the name of the race: `tick`, `doc`, … */
export interface OfflineMessage {
  readonly kind: string;
  readonly data: Uint8Array;
}

const KINDS = { catalogue: 'catalogue', tick: 'tick', keyframe: 'keyframe', doc: 'doc' };

/**
 * Makes the messages of a race as ingest does, but without NATS and without waiting: whoever has the frames says when a
 * tick closes. Of the race only the present tick is held.
 */
export class OfflineRace {
  readonly counters = new Counters(() => {});
  readonly #run: RunIdentity;
  readonly #downsampler: Downsampler;
  #nowMs: number;
  #facts: RaceFacts = {};
  #timing: OfficialTiming = NO_TIMING;
  /** The next offset of each log. */
  readonly #logs = new Map<string, number>();
  /** Entries of logs in the open tick. */
  #entries: OfflineMessage[] = [];
  #firstProblem: string | undefined;
  #document: RaceDocument;
  #point = RACE_START;

  constructor({ race, kind, catalogue, epoch, startMs }: OfflineRaceOptions) {
    this.#run = { epoch, catalogue, subjects: KINDS };
    this.#downsampler = new Downsampler({ catalogue, tickMs: TICK_MS });
    this.#nowMs = startMs;
    this.#document = createDocument(race, kind, startMs + TICK_MS);
  }

  readonly sink: OfflineSink = {
    frame: (frame) => this.#takeFrame(frame),
    facts: (facts) => this.#takeFacts(facts),
    refuse: (reason, detail) => this.counters.add(reason === 'unknown_channel' ? `${reason}:${detail}` : reason),
    timing: (timing) => {
      this.#timing = timing;
    },
    log: (name, atMs, text, more = {}) => {
      const offset = this.#logs.get(name) ?? 0;
      this.#logs.set(name, offset + 1);
      const data = new TextEncoder().encode(JSON.stringify({ offset, atMs, text, ...more }));
      this.#entries.push({ kind: `log.${name}`, data });
      if (name === RACE_CONTROL) this.#takeFacts({ control: [{ atMs, text: text.slice(0, MAX_CONTROL_TEXT) }] });
    },
    unused: (path) => this.counters.add(`unused:${path}`),
    malformed: (what) => {
      this.#firstProblem ??= what;
      this.counters.add('malformed');
    },
    count: (name) => this.counters.add(name),
  };

  /** What was wrong with the first thing that was malformed. */
  get firstProblem(): string | undefined {
    return this.#firstProblem;
  }

  get document(): RaceDocument {
    return this.#document;
  }

  /** Cars that have sent anything so far. */
  get cars(): readonly string[] {
    return this.#point.field.cars;
  }

  /** When the open tick closes, Unix ms. */
  get closesAtMs(): number {
    return this.#nowMs + TICK_MS;
  }

  #takeFacts(facts: RaceFacts): void {
    this.#facts = joinFacts(this.#facts, facts);
  }

  #takeFrame(frame: Frame): void {
    const outcome = this.#downsampler.add(frame, Math.max(this.#nowMs, frame.atMs));
    this.counters.add(outcome === 'fresh' || outcome === 'new_clock' ? 'frames' : outcome);
  }

  /** Closes the open tick. @returns Its messages in the order of the stream. */
  close(): OfflineMessage[] {
    const closeAtMs = this.closesAtMs;
    this.#nowMs = closeAtMs;
    const before = this.#point;
    const field = this.#downsampler.close(closeAtMs);
    const told = mergeFacts(this.#document, this.#facts);
    this.#facts = {};
    this.#document = advanceDocument(told, this.#run.catalogue, field, closeAtMs, this.#timing);
    const isFirst = before.tick < 0;
    const trailers = encodeTrailers(this.#run, before, { field, document: this.#document, closeAtMs }, isFirst);
    this.#point = trailers.point;
    const tick = encodeTickMessage(this.#run, before, field, closeAtMs);
    const messages = [...encodePreamble(this.#run, before), tick, ...trailers.messages];
    const entries = this.#entries;
    this.#entries = [];
    return [...messages.map(({ subject, data }) => ({ kind: subject, data })), ...entries];
  }
}
