import type { Catalogue } from '../protocol/catalogue.ts';
import { formatPosition } from '../protocol/position.ts';
import type { FanSetOptions } from './courier.ts';
import type { FanSink } from './fan.ts';
import { FanSet } from './fan-set.ts';
import { History } from './history.ts';
import type { JsonWish } from './json-fan.ts';
import { JsonFans } from './json-fans.ts';
import { PollAnswers } from './poll-answers.ts';
import { BASE_FORM, BINARY_FORM, jsonForm } from './poll-forms.ts';
import { PollRoom } from './poll-room.ts';
import type { Feed, RaceOrigin } from './race-origin.ts';
import type { RaceState } from './race-state.ts';
import { ReplyCache } from './reply-cache.ts';
import { Rounds } from './rounds.ts';
import { Segments } from './segments.ts';

/** Memory for the segments of a race, and of one that is over: there may be many. */
const GOING_BYTES = 64 * 1024 * 1024;
const OVER_BYTES = 16 * 1024 * 1024;

/**
 * So many fans are served between two looks at what else there is to do: handshakes, pings, requests wait 13 to 32 ms,
 * as fast as the machine is. A look costs as much as twenty sends: nothing that it needs is in the processor's caches.
 */
const FANS_AT_ONCE = 2000;

/** Parts of what fans missed that are sent between two looks at what else there is to do. */
const PARTS_AT_ONCE = 16;

/** Long polls that are looked at between two looks at what else there is to do. */
const POLLS_AT_ONCE = 500;
/** People are fewer, and each costs more. */
const PEOPLE_AT_ONCE = 50;

/** What a race tells of its turns; all times in ms. */
interface RaceEvents {
  /** The state is in another catalogue than before. */
  onCatalogue(catalogue: Catalogue): void;
  /** @param lateMs From the close of a tick, by the clock of ingest, to its turn here. */
  onTick(lateMs: number): void;
  /**
   * All fans have been served once.
   * @param tookMs From the first fan to the last. @param encodedMs Of that, spent on slices, each made once for all fans.
   */
  onPass(tookMs: number, encodedMs: number): void;
}

/** What a race is told of the edge that it is on. */
export interface RaceOptions
  extends Omit<FanSetOptions, 'readStream' | 'onRead' | 'onReplay' | 'isStreamAway' | 'isOver'> {
  /** Whether one more long poll may wait on the edge. */
  readonly mayWait: () => boolean;
}

/** One race on this edge: its stream, its state, its fans, and the long polls of those who have no socket. */
export class Race {
  readonly name: string;
  readonly fans: FanSet;
  readonly pollAnswers: Readonly<Record<'binary' | 'base' | 'json', PollAnswers>>;
  readonly polls: PollRoom;
  /** What is over of the race, for those who rewind. */
  readonly segments: Segments;
  /** The same for charts. */
  readonly history: History;
  /** Those who read JSON. */
  readonly people: JsonFans;
  // What they get is made of whatever state there is: it need not stand still for them.
  readonly #pollRounds = new Rounds((nowMs) => this.polls.serve(nowMs, POLLS_AT_ONCE));
  readonly #peopleRounds = new Rounds((nowMs) => this.people.serve(nowMs, PEOPLE_AT_ONCE));
  /** Answers over HTTP about the newest tick. */
  readonly replies = new ReplyCache();
  readonly #feed: Feed;
  readonly tickMs: number;
  readonly #events: RaceEvents;
  readonly #report: FanSetOptions['report'];
  #isServing = false;
  #isReplaying = false;
  #passBeganAtMs = 0;
  #encodedBeforeMs = 0;
  /** How long it took to serve all fans the last time. */
  #passMs = 0;
  /** What was in the way of following, and how often; each is reported once. */
  readonly problems = new Map<string, number>();
  state: RaceState | undefined;

  constructor(origin: RaceOrigin, options: RaceOptions, events: RaceEvents) {
    this.#events = events;
    this.#report = options.report;
    this.name = options.race;
    this.tickMs = options.tickMs;
    const { isOver } = origin;
    const facts = { race: this.name, tickMs: this.tickMs, maxBytes: isOver ? OVER_BYTES : GOING_BYTES };
    this.segments = new Segments(origin.segments, facts, () => performance.now());
    this.history = new History(this.segments, origin.segments);
    this.fans = new FanSet({
      ...options,
      isOver,
      readStream: origin.readStream((error) => this.#note('past', error)),
      onReplay: () => this.#replaySoon(),
      onRead: () => {
        this.#pollRounds.soon(this.polls.hasRead());
        this.#peopleRounds.soon(this.people.hasRead());
      },
      isStreamAway: () => origin.isAway(),
    });
    this.pollAnswers = {
      binary: new PollAnswers(this.name, this.tickMs, BINARY_FORM),
      base: new PollAnswers(this.name, this.tickMs, BASE_FORM),
      json: new PollAnswers(this.name, this.tickMs, jsonForm(this.name)),
    };
    const { standstill } = this.fans;
    const known = () => this.fans.delivery;
    this.polls = new PollRoom({ ...options, known, standstill });
    this.people = new JsonFans({ ...options, standstill, delivery: known });
    this.#feed = origin.follow({
      onAdvance: (state, applied, storedAtMs) => {
        if (this.state !== state) events.onCatalogue(state.catalogue);
        this.state = state;
        const nowMs = Date.now();
        if (applied.kind === 'tick') events.onTick(nowMs - applied.entry.closeAtMs);
        if (this.fans.advance(state, applied, nowMs, storedAtMs)) this.#serveSoon();
        this.#pollRounds.soon(this.polls.advance(applied));
        this.#peopleRounds.soon(this.people.advance(applied));
      },
      onProblem: (code, detail) => this.#note(code, detail),
    });
  }

  /** Ticks go out. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** What is over could not be read. */
  noteUnread(error: unknown): void {
    this.#note('segments', error);
  }

  #note(code: string, detail: unknown): void {
    if (!this.problems.has(code)) this.#report(code, detail);
    this.problems.set(code, (this.problems.get(code) ?? 0) + 1);
  }

  /** Fans get what they missed between the ticks, so that nobody who is live waits for it. */
  #replaySoon(): void {
    if (this.#isReplaying) return;
    this.#isReplaying = true;
    setImmediate(() => this.#replay());
  }

  #replay(): void {
    this.#isReplaying = this.fans.replay(Date.now(), PARTS_AT_ONCE);
    if (this.#isReplaying) setImmediate(() => this.#replay());
  }

  /** Does what is due by the clock; to be called about once a second. */
  sweep(nowMs: number): void {
    this.fans.sweep(nowMs);
    this.#pollRounds.soon(this.polls.sweep());
    if (this.state) this.#peopleRounds.soon(this.people.sweep(nowMs));
  }

  /**
   * Serves all fans with what was applied; until then the state stands still. Every tick gets a pass of its own, also
   * when many come at once, as after an outage. Only when passes take longer than ticks, all that has come is applied
   * before the next one: ticks are joined for all fans alike, instead of falling ever further behind.
   */
  #serveSoon(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    const isOverloaded = this.#passMs > this.tickMs;
    if (!isOverloaded) this.#feed.hold();
    if (!isOverloaded && this.#feed.waiting === 0) this.#beginPass();
    else setImmediate(() => this.#beginPass());
  }

  #beginPass(): void {
    this.#feed.hold();
    this.#passBeganAtMs = performance.now();
    this.#encodedBeforeMs = this.#encodedMs;
    this.#serve();
  }

  #serve(): void {
    if (this.fans.serve(Date.now(), FANS_AT_ONCE)) {
      setImmediate(() => this.#serve());
      return;
    }
    this.#passMs = performance.now() - this.#passBeganAtMs;
    this.#events.onPass(this.#passMs, this.#encodedMs - this.#encodedBeforeMs);
    this.#isServing = false;
    this.#feed.release();
  }

  get #encodedMs(): number {
    return this.fans.delivery?.maker.encoder.spentMs ?? 0;
  }

  /** Takes in somebody who reads JSON. There must be a state. @returns what to call when its connection is closed, and when it takes more. */
  welcome(sink: FanSink, wish: JsonWish, retryMs: number): { closed(): void; drained(): void } {
    const fan = this.people.add(sink, wish, retryMs, Date.now());
    this.#peopleRounds.soon(true);
    return {
      closed: () => this.people.remove(fan),
      drained: () => this.#peopleRounds.soon(this.people.drained(fan)),
    };
  }

  get position(): string | undefined {
    return this.state && formatPosition(this.state);
  }

  stop(): Promise<void> {
    return this.#feed.stop();
  }
}
