import type { RaceStream } from '../broker/race-stream.ts';
import { BrokerError } from '../protocol/errors.ts';

/** A message on its way into the stream. */
export interface Outgoing {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Identity for exactly-once, such as `<epoch>:<tick>`. */
  readonly id: string;
}

export interface PublisherOptions {
  readonly stream: Pick<RaceStream, 'publish' | 'last'>;
  /** Newest sequence of each subject at the start; 0 for none. */
  readonly lastSeqs: ReadonlyMap<string, number>;
  /** Messages that may wait while NATS is away. @defaultValue 1800, five minutes of ticks, patches and keyframes */
  readonly maxWaiting?: number;
  /** Called once, when nothing can be published any more. */
  readonly onFatal: (error: BrokerError) => void;
  /** Called for every failed try; the publisher goes on by itself. */
  readonly onRetry?: (error: Error) => void;
}

const RETRY_MS = 250;

/**
 * Writes messages into the stream of a race: in order, each exactly once, or not at all.
 *
 * Every message names the sequence that must be the newest of its subject, so a second writer, an old leader or a
 * late retry can never fork the stream: whoever is second is refused and stops. One message is under way at a time;
 * order is worth more here than the fraction of a millisecond that pipelining would save at 2 Hz.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #lastSeqs: Map<string, number>;
  readonly #waiting: Outgoing[] = [];
  #isSending = false;
  #isStopped = false;
  #idle: (() => void)[] = [];

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#lastSeqs = new Map(options.lastSeqs);
  }

  /** Messages not yet acknowledged. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes messages that belong together; returns at once. The bytes must not change afterwards. */
  send(...messages: Outgoing[]): void {
    if (this.#isStopped) return;
    const limit = this.#options.maxWaiting ?? 1800;
    if (this.#waiting.length + messages.length > limit) {
      this.#fail(
        new BrokerError(
          'spool_full',
          `NATS has taken nothing for so long that ${this.#waiting.length} messages wait, the limit is ${limit}; start NATS and then ingest again.`,
        ),
      );
      return;
    }
    this.#waiting.push(...messages);
    if (!this.#isSending) void this.#drain();
  }

  /** Resolves when everything is in the stream, or the publisher has stopped. */
  async flush(): Promise<void> {
    if (this.#waiting.length > 0 && !this.#isStopped) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Gives up what still waits. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #drain(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0 && !this.#isStopped) {
      const message = this.#waiting[0]!;
      try {
        const seq = await this.#store(message);
        if (this.#isStopped) break;
        this.#lastSeqs.set(message.subject, seq);
        this.#waiting.shift();
      } catch (error) {
        if (error instanceof BrokerError && !error.retryable) this.#fail(error);
        else {
          this.#options.onRetry?.(error as Error);
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    }
    this.#isSending = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Sequence under which the message stands in the stream. @throws {BrokerError} `fenced` when another writer came first. */
  async #store(message: Outgoing): Promise<number> {
    const { stream } = this.#options;
    const expected = this.#lastSeqs.get(message.subject) ?? 0;
    const result = await stream.publish(message.subject, message.data, message.id, expected);
    if (result !== 'conflict') return result.seq;
    // A try that timed out may have been stored and have left the server's two minutes of duplicate detection.
    const newest = await stream.last(message.subject);
    if (newest && newest.seq > expected && equal(newest.data, message.data)) return newest.seq;
    throw new BrokerError(
      'fenced',
      `Another publisher has written to ${message.subject} after sequence ${expected}; this one stops so that the race has one truth.`,
    );
  }

  #fail(error: BrokerError): void {
    this.stop();
    this.#options.onFatal(error);
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);
