import type { NatsConnection } from '../broker/connection.ts';
import { type FollowedMessage, RaceStream } from '../broker/race-stream.ts';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';
import { ProtocolError, TelemetryError } from '../protocol/errors.ts';
import { readStreamHead, type StreamHead } from '../protocol/tick-message.ts';
import { type Applied, RaceState } from './race-state.ts';

/** Messages before the last keyframe that fill the ring, so that a new edge can resume the fans of an old one. */
const WARM_UP_MESSAGES = 600;
const RETRY_MS = 500;
/** A question that was under way to a server that died is never answered: it is asked again after this. */
const ANSWER_WITHIN_MS = 2500;
/** A stream that says nothing for this long is asked whether it has gone on without us. */
const SILENCE_MS = 1500;
/** A server of a cluster that has just started or been elected may need so long to have all messages at hand. */
const SHORT_FOR_MS = 10_000;
const STOP_WITHIN_MS = 1000;

/** What a follower tells; all calls are synchronous and in order. */
export interface FollowerEvents {
  /**
   * A message was applied to a state that is up to date. Another `state` than before means: begin anew.
   * @param storedAtMs When NATS stored it, by its clock, Unix ms.
   */
  onAdvance(state: RaceState, applied: Applied, storedAtMs: number): void;
  /** Something is in the way; the follower goes on trying. */
  onProblem(code: string, detail?: unknown): void;
}

/** Where to begin: the last keyframe and what is needed to read it. */
interface Start {
  readonly head: StreamHead;
  readonly keyframeSeq: number;
  readonly lastSeq: number;
  readonly catalogue: Catalogue;
}

type Ending = 'stopped' | 'anew' | 'again';

/** Follows the stream of one race for ever, through whatever NATS and the publisher do, until `stop()`. */
export class Follower {
  readonly #connection: NatsConnection;
  readonly #race: string;
  readonly #events: FollowerEvents;
  readonly #stopping = Promise.withResolvers<'stopped'>();
  #isStopped = false;
  #isAnswered = true;
  #isHeld = false;
  #isTaking = false;
  /** What came since {@link hold}. */
  readonly #waiting: (() => void)[] = [];
  readonly #done: Promise<void>;

  constructor(connection: NatsConnection, race: string, events: FollowerEvents) {
    this.#connection = connection;
    this.#race = race;
    this.#events = events;
    this.#done = this.#run();
  }

  /** Returns when nothing is told any more. What still waits for NATS ends by itself. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopping.resolve('stopped');
    await Promise.race([this.#done, new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref())]);
  }

  /** Until {@link release} the state stands still; what comes meanwhile waits. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Takes what waits, until one of the messages leads to a {@link hold} again. */
  release(): void {
    this.#isHeld = false;
    if (this.#isTaking) return;
    this.#isTaking = true;
    while (!this.#isHeld && this.#waiting.length > 0) this.#waiting.shift()!();
    this.#isTaking = false;
  }

  /** Messages that came and were not taken yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether the stream answered when it was asked last. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        const stream = await RaceStream.open(this.#connection, this.#race, ANSWER_WITHIN_MS);
        const start = await this.#find(stream);
        this.#isAnswered = true;
        const sinceMs = Date.now();
        if (start) await this.#followFrom(stream, start);
        // What ended after a while, as with a new catalogue, goes on at once.
        if (start && Date.now() - sinceMs > RETRY_MS) continue;
      } catch (error) {
        this.#noteTrouble(error);
      }
      await this.#pause(RETRY_MS);
    }
  }

  #noteTrouble(error: unknown): void {
    this.#isAnswered = error instanceof ProtocolError;
    this.#events.onProblem(error instanceof TelemetryError ? error.code : 'nats', error);
  }

  async #pause(ms: number): Promise<void> {
    const wait = Promise.withResolvers<void>();
    const timer = setTimeout(wait.resolve, ms);
    await Promise.race([wait.promise, this.#stopping.promise]);
    clearTimeout(timer);
  }

  async #find(stream: RaceStream): Promise<Start | undefined> {
    const keyframe = await stream.last(stream.subjects.keyframe);
    const message = await stream.last(stream.subjects.catalogue);
    const range = await stream.range();
    if (!keyframe || !message || !range) return undefined;
    const head = readStreamHead(keyframe.data);
    const catalogue = parseCatalogue(new TextDecoder().decode(message.data));
    if (catalogue.tag !== head.catalogueTag) {
      // A catalogue is stored before the first keyframe in it: that one is on its way.
      this.#events.onProblem('wrong_catalogue');
      return undefined;
    }
    return { head, keyframeSeq: keyframe.seq, lastSeq: range.lastSeq, catalogue };
  }

  async #followFrom(stream: RaceStream, start: Start): Promise<void> {
    const state = new RaceState(start.catalogue);
    const nextSeq = Math.max(1, start.keyframeSeq - WARM_UP_MESSAGES);
    const progress: Progress = { nextSeq, isLive: false, shortSinceMs: undefined };
    let ending: Ending = 'again';
    while (ending === 'again' && !this.#isStopped) ending = await this.#consume(stream, start, state, progress);
  }

  /** One consumer, until it is of no use any more. */
  async #consume(stream: RaceStream, start: Start, state: RaceState, progress: Progress): Promise<Ending> {
    const end = Promise.withResolvers<Ending>();
    let heardAtMs = Date.now();
    let isOver = false;
    let isComparing = false;
    const take = (message: FollowedMessage) => {
      if (isOver || message.seq < progress.nextSeq) return;
      progress.nextSeq = message.seq + 1;
      try {
        if (this.#take(stream, start, state, progress, message)) return;
      } catch (error) {
        this.#events.onProblem('internal', error);
      }
      isOver = true;
      end.resolve('anew');
    };
    const onMessage = (message: FollowedMessage) => {
      heardAtMs = Date.now();
      this.#isAnswered = true;
      if (this.#isHeld) this.#waiting.push(() => take(message));
      else take(message);
    };
    let consumer: { stop(): Promise<void> };
    try {
      consumer = await stream.follow(progress.nextSeq, onMessage, (type) => this.#events.onProblem(type));
    } catch (error) {
      // As while a cluster looks for a leader. To begin anew would take from the fans what came meanwhile.
      this.#noteTrouble(error);
      await this.#pause(RETRY_MS);
      return (await this.#compare(stream, state, progress)) ?? 'again';
    }
    const watchdog = setInterval(() => {
      if (isComparing || Date.now() - heardAtMs < SILENCE_MS) return;
      isComparing = true;
      void this.#compare(stream, state, progress).then((verdict) => {
        isComparing = false;
        if (verdict) end.resolve(verdict);
      });
    }, 500);
    const ending = await Promise.race([end.promise, this.#stopping.promise]);
    isOver = true;
    clearInterval(watchdog);
    // Not awaited: without a connection it would wait for one.
    void consumer.stop().catch(() => {});
    return ending;
  }

  /** @returns whether the state can go on after this message. */
  #take(
    stream: RaceStream,
    start: Start,
    state: RaceState,
    progress: Progress,
    { seq, subject, data, storedAtMs }: FollowedMessage,
  ): boolean {
    const { subjects } = stream;
    const isOurs = subject === subjects.tick || subject === subjects.keyframe || subject === subjects.doc;
    const isEarlierLife = seq < start.keyframeSeq && !isOfLife(data, start.head);
    // A copy: the bytes of NATS are views into larger reads, which the ring would hold.
    const applied: Applied = isOurs && !isEarlierLife ? state.apply(seq, data.slice()) : { kind: 'nothing' };
    if (applied.kind === 'catalogue') return false;
    if (progress.isLive) {
      this.#events.onAdvance(state, applied, storedAtMs);
    } else if (state.head && progress.nextSeq > start.lastSeq) {
      // Not before: fans that are attached already would be taken back in time.
      progress.isLive = true;
      this.#events.onAdvance(state, { kind: 'begin', isNewEpoch: true }, storedAtMs);
    }
    return true;
  }

  /** Asks a silent stream where it is. */
  async #compare(stream: RaceStream, state: RaceState, progress: Progress): Promise<Ending | undefined> {
    const { nextSeq } = progress;
    try {
      const range = await stream.range();
      this.#isAnswered = true;
      if (progress.nextSeq !== nextSeq) return undefined;
      const isShort = !range || range.lastSeq < nextSeq - 1;
      if (isShort) return (await this.#hasBegunAnew(stream, state, progress)) ? 'anew' : undefined;
      progress.shortSinceMs = undefined;
      return range.lastSeq >= nextSeq ? 'again' : undefined;
    } catch {
      this.#isAnswered = false;
      this.#events.onProblem('nats_away');
      return undefined;
    }
  }

  /**
   * Whether a stream that is gone or has fewer messages than we have read is in another life: then its epoch is another
   * one. If it is not, its leader is believed only when it goes on saying so.
   */
  async #hasBegunAnew(stream: RaceStream, { epoch }: RaceState, progress: Progress): Promise<boolean> {
    progress.shortSinceMs ??= Date.now();
    if (Date.now() - progress.shortSinceMs >= SHORT_FOR_MS) return true;
    const newest = await stream.last(stream.subjects.keyframe);
    return newest !== undefined && readStreamHead(newest.data).epoch !== epoch;
  }
}

/** How far a state has come in its stream. */
interface Progress {
  nextSeq: number;
  isLive: boolean;
  /** Since when the stream has had fewer messages than were read of it. */
  shortSinceMs: number | undefined;
}

function isOfLife(data: Uint8Array, head: StreamHead): boolean {
  try {
    const own = readStreamHead(data);
    return own.epoch === head.epoch && own.catalogueTag === head.catalogueTag;
  } catch {
    return false;
  }
}
