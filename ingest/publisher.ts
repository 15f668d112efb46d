import type { RaceStream } from '../broker/race-stream.ts';
import { BrokerError } from '../protocol/errors.ts';
import { Backlog } from './backlog.ts';
import type { Outgoing } from './outgoing.ts';
import { type Spool, SpoolError, type SpoolIdentity, type SpoolLeft } from './spool.ts';

type Stream = Pick<RaceStream, 'publish' | 'last' | 'at' | 'range'>;

/** What waits for NATS. */
export interface BacklogReport {
  readonly messages: number;
  readonly bytes: number;
  readonly blockedMs: number;
}

export interface PublisherOptions {
  /** @defaultValue None yet: everything waits until {@link Publisher.attach}. */
  readonly stream?: Stream;
  /** Newest sequence of each subject at the start; 0 for none. */
  readonly lastSeqs: ReadonlyMap<string, number>;
  /** Messages that may wait in memory. @defaultValue 1800, five minutes of ticks, patches and keyframes */
  readonly maxWaiting?: number;
  /** Where messages wait that NATS does not take, and whose they are. @defaultValue memory */
  readonly spool?: { readonly store: Spool; readonly identity: SpoolIdentity };
  /** What an earlier process has left in the spool; it is published first, from the message with number `from` on. */
  readonly left?: { readonly found: SpoolLeft; readonly from: number };
  /**
   * Called once, when nothing can be published any more: `fenced` when somebody else has written, `stream_lost` when
   * NATS no longer has what it had acknowledged, `spool_full`, or why the spool cannot be read back.
   */
  readonly onFatal: (error: BrokerError | SpoolError) => void;
  /** Called when the spool cannot be used; messages wait in memory then. */
  readonly onSpoolProblem?: (error: SpoolError) => void;
  /** Called for every failed try; the publisher goes on by itself. */
  readonly onRetry?: (error: Error) => void;
  /** Called when NATS has taken nothing for some seconds, and every half minute from then on, with the last reason. */
  readonly onBlocked?: (problem: string) => void;
  /** Called when NATS takes messages again after {@link onBlocked}. @param waiting Messages that were kept meanwhile. */
  readonly onUnblocked?: (waiting: number) => void;
}

const RETRY_MS = 250;
/** One lost answer is no news; that tries have failed for so long is. */
const BLOCKED_AFTER_MS = 3000;
const TELL_EVERY_MS = 30_000;
/** What NATS has not taken after this goes to the spool; an acknowledgement takes a millisecond. */
const SPILL_AFTER_MS = 250;
/** A stream is believed to be gone when NATS has said so this many times in a row. */
const GONE_ANSWERS = 4;

/**
 * Writes messages into the stream of a race: in order, each exactly once, or not at all.
 *
 * Every message names the sequence that must be the newest of its subject, so a second writer, an old leader or a
 * late retry can never fork the stream: whoever is second is refused and stops. One message is under way at a time;
 * order is worth more here than the fraction of a millisecond that pipelining would save at 2 Hz.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  #stream: Stream | undefined;
  #lastSeqs: Map<string, number>;
  readonly #backlog: Backlog;
  #isSending = false;
  #isStopped = false;
  #idle: (() => void)[] = [];
  #goneAnswers = 0;
  #lastProblem = 'nothing was tried yet';
  /** Since when every try has failed. */
  #failingSinceMs: number | undefined;
  #isBlocked = false;
  #tellAgainAtMs = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#lastSeqs = new Map(options.lastSeqs);
    const { maxWaiting = 1800, spool, left, onSpoolProblem } = options;
    this.#backlog = new Backlog({
      maxInMemory: maxWaiting,
      ...(spool && { spool: spool.store, identity: spool.identity }),
      ...(onSpoolProblem && { onSpoolProblem }),
    });
    if (!left) return;
    this.#backlog.adopt(left.found, left.from);
    if (this.#stream) void this.#drain();
    else this.#failingSinceMs = performance.now();
  }

  /**
   * Gives the stream to a publisher that was made without.
   * @param lastSeqs Newest sequence of each subject.
   * @param from Number of the first message that is not in the stream yet.
   */
  attach(stream: Stream, lastSeqs: ReadonlyMap<string, number>, from: number): void {
    if (this.#isStopped) return;
    this.#stream = stream;
    this.#lastSeqs = new Map(lastSeqs);
    try {
      this.#backlog.skipTo(from, this.#lastSeqs);
    } catch (error) {
      this.#fail(this.#explain(error));
      return;
    }
    void this.#drain();
  }

  /** Messages not yet acknowledged. */
  get waiting(): number {
    return this.#backlog.length;
  }

  /** What waits, and for how long NATS has taken nothing, in ms; 0 while it takes messages. */
  get backlog(): BacklogReport {
    const sinceMs = this.#failingSinceMs;
    return {
      messages: this.#backlog.length,
      bytes: this.#backlog.bytes,
      blockedMs: sinceMs === undefined ? 0 : Math.round(performance.now() - sinceMs),
    };
  }

  /** Messages that wait in memory alone. */
  get unspooled(): number {
    return this.#backlog.unspooled;
  }

  /** Takes messages that belong together; returns at once. The bytes must not change afterwards. */
  send(...messages: Outgoing[]): void {
    if (this.#isStopped) return;
    try {
      this.#backlog.push(messages, this.#lastSeqs);
    } catch (error) {
      this.#fail(this.#explain(error));
      return;
    }
    if (this.#stream && !this.#isSending) void this.#drain();
  }

  #explain(error: unknown): BrokerError | SpoolError {
    if (!isOurs(error)) throw error;
    if (error.code !== 'spool_full') return error;
    const what = error.message.replace(/\.$/, '');
    return new BrokerError(
      'spool_full',
      `NATS has taken nothing for so long that there is no room for more: ${what} (${this.#lastProblem}); mend NATS and start ingest again.`,
      { cause: error },
    );
  }

  /**
   * Resolves when everything is in the stream, when the publisher has stopped or has no stream, or when the time is over.
   * @param withinMs Real ms. @defaultValue without end
   */
  async flush(withinMs?: number): Promise<void> {
    if (this.#backlog.length === 0 || !this.#stream) return;
    await new Promise<void>((resolve) => {
      const timer = withinMs === undefined ? undefined : setTimeout(resolve, withinMs);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Ends at once. What still waits is in the spool afterwards, for the next process; without one it is given up. */
  stop(): void {
    if (this.#isStopped) return;
    this.#spill();
    this.#end();
  }

  #end(): void {
    this.#isStopped = true;
    this.#backlog.close();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #spill(): void {
    try {
      if (!this.#isStopped) this.#backlog.spill(this.#lastSeqs);
    } catch (error) {
      this.#fail(this.#explain(error));
    }
  }

  async #drain(): Promise<void> {
    this.#isSending = true;
    for (let message = this.#backlog.head; message && !this.#isStopped; message = this.#backlog.head) {
      const patience = setTimeout(() => this.#spill(), SPILL_AFTER_MS);
      try {
        const seq = await this.#store(message);
        if (this.#isStopped) break;
        this.#goneAnswers = 0;
        this.#lastSeqs.set(message.subject, seq);
        this.#noteSuccess();
        this.#backlog.shift(this.#lastSeqs);
      } catch (error) {
        if (this.#isStopped) break;
        const fatal = isFatal(error) ? error : await this.#findLoss(error);
        if (fatal) {
          this.#fail(fatal);
          break;
        }
        this.#noteFailure(error as Error);
        this.#spill();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      } finally {
        clearTimeout(patience);
      }
    }
    this.#isSending = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #noteFailure(error: Error): void {
    this.#lastProblem = error.message;
    this.#options.onRetry?.(error);
    const nowMs = performance.now();
    this.#failingSinceMs ??= nowMs;
    if (nowMs < Math.max(this.#failingSinceMs + BLOCKED_AFTER_MS, this.#tellAgainAtMs)) return;
    this.#tellAgainAtMs = nowMs + TELL_EVERY_MS;
    this.#isBlocked = true;
    this.#options.onBlocked?.(error.message);
  }

  #noteSuccess(): void {
    this.#failingSinceMs = undefined;
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    this.#tellAgainAtMs = 0;
    this.#options.onUnblocked?.(this.#backlog.length);
  }

  /**
   * Sequence under which the message stands in the stream.
   * @throws {BrokerError} `fenced` when another writer came first, `stream_lost`.
   */
  async #store(message: Outgoing): Promise<number> {
    const stream = this.#stream!;
    const { subject } = message;
    const expected = this.#lastSeqs.get(subject) ?? 0;
    const result = await stream.publish(subject, message.data, message.id, expected);
    if (result !== 'conflict' && !result.duplicate) return result.seq;
    // Either way the message may be ours, from a try whose answer was lost. It may also be that of another publisher
    // under the same tick number, for which NATS answers `duplicate` as if all were well.
    const stored = result === 'conflict' ? await stream.last(subject) : await stream.at(result.seq);
    const seq = stored?.seq ?? 0;
    if (stored && seq > expected && equal(stored.data, message.data)) return seq;
    if (result === 'conflict' && seq === expected) {
      throw new BrokerError('unsettled', `NATS has not yet decided on the message before on ${subject}.`, {
        retryable: true,
      });
    }
    if (result === 'conflict' && seq < expected) {
      throw new BrokerError(
        'stream_lost',
        `NATS acknowledged sequence ${expected} of ${subject}, but now its newest is ${seq}: it has lost data.`,
      );
    }
    throw new BrokerError(
      'fenced',
      `Another publisher has written to ${subject} after sequence ${expected}; this one stops so that the race has one truth.`,
    );
  }

  /** Whether NATS answers, but has no stream any more. */
  async #findLoss(error: unknown): Promise<BrokerError | undefined> {
    if (!(error instanceof BrokerError && error.code === 'no_stream')) return undefined;
    try {
      this.#goneAnswers = (await this.#stream!.range()) ? 0 : this.#goneAnswers + 1;
    } catch (cause) {
      this.#options.onRetry?.(cause as Error);
      return undefined;
    }
    if (this.#goneAnswers < GONE_ANSWERS) return undefined;
    return new BrokerError('stream_lost', 'NATS no longer has the stream of this race: it has lost its data.');
  }

  #fail(error: BrokerError | SpoolError): void {
    if (this.#isStopped) return;
    this.#end();
    this.#options.onFatal(error);
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

const isOurs = (error: unknown): error is BrokerError | SpoolError =>
  error instanceof BrokerError || error instanceof SpoolError;

const isFatal = (error: unknown): error is BrokerError | SpoolError => isOurs(error) && !error.retryable;
