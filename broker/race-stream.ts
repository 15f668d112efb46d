import {
  type ConsumerMessages,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  StorageType,
} from '@nats-io/jetstream';
import { BrokerError, ConfigError } from '../protocol/errors.ts';
import { isRaceName } from '../protocol/position.ts';
import type { NatsConnection } from './connection.ts';
import { expectCopies } from './copies.ts';
import { Presence } from './presence.ts';

/** Error codes of the JetStream API that decide something here; source: nats-server, server/errors.json. */
const API_ERROR = {
  /** A cluster looks for its leader. */
  unavailable: 10008,
  noMessage: 10037,
  notForAccount: 10039,
  nameInUse: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  notEnabled: 10076,
  /** The same from a cluster that has not yet decided on the message before. */
  wrongLastSequencePending: 10164,
} as const;

const ANSWER_WITHIN_MS = 5000;
/** An acknowledgement takes a millisecond; one that is so late was lost with the connection. */
const ACK_WITHIN_MS = 2000;

/** What a consumer tells while all is well: it asks for more, hears a server that has nothing, asks again. */
const ALL_IS_WELL: ReadonlySet<string> = new Set(['next', 'debug', 'discard', 'heartbeat', 'flow_control']);

const NANOS_PER_MS = 1e6;
const READ_AT_ONCE = 200;
const READ_WITHIN_MS = 5000;

/** A message of the stream of a race. `data` is valid for good. */
export interface StreamMessage {
  readonly subject: string;
  readonly seq: number;
  readonly data: Uint8Array;
}

/** A message as it comes from a stream that is followed. */
export interface FollowedMessage extends StreamMessage {
  /** When NATS stored it, by its clock, Unix ms. */
  readonly storedAtMs: number;
}

/** How the stream of a race is kept. */
export interface StreamOptions {
  /** Copies in a cluster, 1–5. @defaultValue 1 */
  readonly replicas?: number;
  /** Messages older than this are dropped; 0 keeps all: the stream is the archive. @defaultValue 0 */
  readonly maxAgeMs?: number;
}

/**
 * Outcome of a publish that expects to be next. `conflict`: the newest message of the subject is another one, nothing
 * was stored. `duplicate`: a message with this id was there already, nothing was stored; NATS does not look whether it
 * has the same bytes, nor at the expected sequence.
 */
export type PublishResult = { readonly seq: number; readonly duplicate: boolean } | 'conflict';

/** Name of the stream of a race. @throws {ConfigError} `bad_race`. */
function streamName(race: string): string {
  if (!isRaceName(race)) {
    throw new ConfigError(
      'bad_race',
      `A race is named by 1 to 32 letters, digits, - or _, but ${JSON.stringify(race)} was given.`,
    );
  }
  return `RACE_${race}`;
}

/** Subjects of a race; `all` is what the stream stores. */
export const subjectsOf = (race: string) => ({
  tick: `race.${race}.tick`,
  keyframe: `race.${race}.keyframe`,
  doc: `race.${race}.doc`,
  catalogue: `race.${race}.catalogue`,
  all: `race.${race}.>`,
});

/** Whether NATS refused a write because the newest message of the subject is not the expected one. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  return code === API_ERROR.wrongLastSequence || code === API_ERROR.wrongLastSequencePending;
}

const codeOf = (error: unknown): number | undefined => (error instanceof JetStreamApiError ? error.code : undefined);

const natsAway = () => new BrokerError('nats_away', 'The connection to NATS is lost.', { retryable: true });

/** The client has no class for the first, and turns "no responders" into it. */
const isWithoutJetStream = (error: Error): boolean =>
  error.name === 'JetStreamNotEnabled' ||
  codeOf(error) === API_ERROR.notEnabled ||
  codeOf(error) === API_ERROR.notForAccount;

/** The JetStream of a connection. @param answerWithinMs How long a request may take. */
export const jetStreamOf = (connection: NatsConnection, answerWithinMs: number): JetStreamClient =>
  jetstream(connection, { timeout: answerWithinMs });

/** The one JetStream stream of one race: its sequence is the position of everything about the race. */
export class RaceStream {
  readonly race: string;
  readonly name: string;
  readonly subjects: ReturnType<typeof subjectsOf>;
  readonly #js: JetStreamClient;
  readonly #jsm: JetStreamManager;

  readonly #connection: NatsConnection;
  /** Of those that publish. */
  #presence: Presence | undefined;

  private constructor(connection: NatsConnection, race: string, js: JetStreamClient, jsm: JetStreamManager) {
    this.#connection = connection;
    this.race = race;
    this.name = streamName(race);
    this.subjects = subjectsOf(race);
    this.#js = js;
    this.#jsm = jsm;
  }

  /**
   * @param answerWithinMs How long a request may take that has no time of its own. @defaultValue 5000
   * @throws {BrokerError} `no_jetstream` when the server runs without JetStream; `jetstream_away`, retryable.
   */
  static async open(connection: NatsConnection, race: string, answerWithinMs = ANSWER_WITHIN_MS): Promise<RaceStream> {
    streamName(race);
    const options = { timeout: answerWithinMs };
    try {
      return new RaceStream(
        connection,
        race,
        jetstream(connection, options),
        await jetstreamManager(connection, options),
      );
    } catch (cause) {
      const { message } = cause as Error;
      const at = `NATS at ${connection.getServer()}`;
      if (isWithoutJetStream(cause as Error))
        throw new BrokerError(
          'no_jetstream',
          `${at} does not offer JetStream (${message}); start it with --jetstream.`,
          { cause },
        );
      throw new BrokerError(
        'jetstream_away',
        `JetStream of ${at} does not answer (${message}); it may be starting, or its cluster be looking for a leader.`,
        { cause, retryable: true },
      );
    }
  }

  /** Names of all races that this NATS holds a stream of. */
  static async list(connection: NatsConnection): Promise<string[]> {
    const races: string[] = [];
    const jsm = await jetstreamManager(connection);
    for await (const name of jsm.streams.names()) if (name.startsWith('RACE_')) races.push(name.slice('RACE_'.length));
    return races.sort();
  }

  /**
   * Makes the stream when it is not there; an existing one is left as it is.
   * @throws {BrokerError} `nats_too_old`, `nats_alone` when it cannot keep so many copies; `stream_refused`, retryable while NATS does not answer or a cluster looks for its leader.
   */
  async ensure({ replicas = 1, maxAgeMs = 0 }: StreamOptions = {}): Promise<void> {
    expectCopies(this.#connection.info!, replicas);
    try {
      // Whoever takes over a race needs its leader alone; the cluster itself may still look for one.
      if (await this.range()) return;
      await this.#jsm.streams.add({
        name: this.name,
        subjects: [this.subjects.all],
        storage: StorageType.File,
        num_replicas: replicas,
        max_age: maxAgeMs * NANOS_PER_MS,
        duplicate_window: 120_000 * NANOS_PER_MS,
      });
    } catch (cause) {
      const code = codeOf(cause);
      if (code === API_ERROR.nameInUse) return;
      throw new BrokerError(
        'stream_refused',
        `NATS does not make the stream ${this.name}: ${(cause as Error).message}.`,
        { cause, retryable: code === undefined || code === API_ERROR.unavailable },
      );
    }
  }

  /** First and last sequence that the stream holds, `undefined` when there is no stream. */
  async range(): Promise<{ firstSeq: number; lastSeq: number } | undefined> {
    try {
      const { state } = await this.#jsm.streams.info(this.name);
      return { firstSeq: state.first_seq, lastSeq: state.last_seq };
    } catch (error) {
      if (codeOf(error) === API_ERROR.streamNotFound) return undefined;
      throw error;
    }
  }

  /** The newest message of a subject, `undefined` when there is none. */
  last(subject: string): Promise<StreamMessage | undefined> {
    return this.#get({ last_by_subj: subject });
  }

  /** The message with a sequence, `undefined` when the stream does not hold it. */
  at(seq: number): Promise<StreamMessage | undefined> {
    return this.#get({ seq });
  }

  async #get(query: { last_by_subj: string } | { seq: number }): Promise<StreamMessage | undefined> {
    try {
      const message = await this.#jsm.streams.getMessage(this.name, query);
      return message ? { subject: message.subject, seq: message.seq, data: message.data } : undefined;
    } catch (error) {
      const code = codeOf(error);
      if (code === API_ERROR.noMessage || code === API_ERROR.streamNotFound) return undefined;
      throw error;
    }
  }

  /**
   * Stores a message exactly once, if the newest one of its subject is `expectedLastSeq` (0 for none).
   * @param id A retry with the same id within two minutes stores nothing and gives the first sequence again.
   * @throws when NATS cannot be reached in time; the message may or may not be stored then: retry with the same id.
   *   A connection that comes back is waited for within that time, and one that goes away is not.
   * @throws {BrokerError} `no_stream`, retryable: NATS is there, but nobody takes the subject.
   */
  async publish(subject: string, data: Uint8Array, id: string, expectedLastSeq: number): Promise<PublishResult> {
    this.#presence ??= new Presence(this.#connection);
    if (!(await this.#presence.untilUp(ACK_WITHIN_MS))) throw natsAway();
    try {
      const answer = this.#js.publish(subject, data, {
        msgID: id,
        expect: { lastSubjectSequence: expectedLastSeq },
        timeout: ACK_WITHIN_MS,
      });
      const ack = await this.#presence.answered(answer, natsAway);
      return { seq: ack.seq, duplicate: ack.duplicate };
    } catch (error) {
      if (isConflict(error)) return 'conflict';
      // The client makes this of "no responders", and does not export the class.
      if (error instanceof Error && error.name === 'JetStreamNotEnabled') {
        throw new BrokerError('no_stream', `NATS has no stream for ${subject}.`, { retryable: true, cause: error });
      }
      throw error;
    }
  }

  /**
   * The messages from `first` to `last` in order, those that the stream still has; `last` must have been stored.
   * @throws {BrokerError} `stream_slow`, retryable, when they do not come in time.
   */
  async read(first: number, last: number, withinMs: number): Promise<StreamMessage[]> {
    if (first > last) return [];
    const consumer = await this.#js.consumers.get(this.name, this.#startingAt(first));
    const messages: StreamMessage[] = [];
    const batch = await consumer.fetch({ max_messages: last - first + 1, expires: withinMs });
    for await (const { subject, seq, data } of batch) {
      if (seq <= last) messages.push({ subject, seq, data });
      if (seq >= last) break;
    }
    // It would live on for minutes in the server.
    void consumer.delete().catch(() => {});
    const isThere = batch.getReceived() > 0 && (messages.at(-1)?.seq ?? last) >= last;
    if (isThere) return messages;
    throw new BrokerError(
      'stream_slow',
      `The stream ${this.name} did not deliver sequence ${last} within ${withinMs} ms.`,
      { retryable: true },
    );
  }

  /**
   * The messages of one subject behind a sequence, in order, up to the newest one that is there now.
   * @throws {BrokerError} `stream_slow`, retryable, when they do not come in time.
   */
  async readSubject(subject: string, afterSeq: number, take: (message: StreamMessage) => void): Promise<void> {
    const newest = await this.last(subject);
    let seq = afterSeq;
    if (!newest || newest.seq <= afterSeq) return;
    const consumer = await this.#js.consumers.get(this.name, {
      ...this.#startingAt(afterSeq + 1),
      filter_subjects: subject,
    });
    while (seq < newest.seq) {
      const before = seq;
      for await (const message of await consumer.fetch({ max_messages: READ_AT_ONCE, expires: READ_WITHIN_MS })) {
        seq = message.seq;
        take({ subject, seq, data: message.data });
        if (seq >= newest.seq) break;
      }
      if (seq === before) {
        const what = `The stream ${this.name} did not deliver sequence ${newest.seq} within ${READ_WITHIN_MS} ms.`;
        throw new BrokerError('stream_slow', what, { retryable: true });
      }
    }
    void consumer.delete().catch(() => {});
  }

  /** Lets a stream that holds nothing go on with this sequence; what it holds before is removed. */
  async beginAt(seq: number): Promise<void> {
    if (seq > 1) await this.#jsm.streams.purge(this.name, { seq });
  }

  /** Uses up the next sequences, so that the message after them gets the one that it had elsewhere. */
  async leaveEmpty(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const { seq } = await this.#js.publish(`race.${this.race}.empty`, new Uint8Array(0), { timeout: ACK_WITHIN_MS });
      await this.#jsm.streams.deleteMessage(this.name, seq, false);
    }
  }

  #startingAt(seq: number) {
    return {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, seq),
      // Clients older than 2.10 and servers of 2.9 know a single filter only, as a string.
      filter_subjects: this.subjects.all,
    };
  }

  /**
   * Delivers every message from `startSeq` on, in order and without gaps, through reconnects, until `stop()`.
   * @param onMessage Synchronous; when it throws, nothing more is delivered.
   * @param onProblem What the consumer meets on the way (`stream_not_found`, …); `ended` when it has given up.
   */
  async follow(
    startSeq: number,
    onMessage: (message: FollowedMessage) => void,
    onProblem: (type: string) => void = () => {},
  ): Promise<{ stop(): Promise<void> }> {
    let nextSeq = startSeq;
    let isStopped = false;
    let current: ConsumerMessages | undefined;
    const begin = async () => {
      const consumer = await this.#js.consumers.get(this.name, this.#startingAt(nextSeq));
      const messages = await consumer.consume({
        max_messages: 500,
        callback: (message: JsMsg) => {
          nextSeq = message.seq + 1;
          const storedAtMs = Number(message.timestampNanos / BigInt(NANOS_PER_MS));
          onMessage({ subject: message.subject, seq: message.seq, data: message.data, storedAtMs });
        },
      });
      current = messages;
      if (isStopped) void messages.close();
      void watch(messages);
      void messages.closed().then(() => {
        if (!isStopped && current === messages) onProblem('ended');
      });
    };
    const watch = async (messages: ConsumerMessages) => {
      for await (const { type } of messages.status()) {
        if (!ALL_IS_WELL.has(type)) onProblem(type);
        if (type !== 'ordered_consumer_recreated' || isStopped) continue;
        // What the client makes anew after a reconnect stalls: it goes on counting what it had asked the old one for,
        // and asks for no more. A consumer of our own making does not.
        current = undefined;
        void messages.close();
        begin().catch(() => onProblem('ended'));
        return;
      }
    };
    await begin();
    return {
      stop: async () => {
        isStopped = true;
        await current?.close();
      },
    };
  }
}
