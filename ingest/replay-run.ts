import type { RaceStream } from '../broker/race-stream.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { RaceDocument } from '../protocol/document.ts';
import type { BrokerError } from '../protocol/errors.ts';
import type { Field } from '../protocol/field.ts';
import { randomEpoch } from './epoch.ts';
import { TICK_MS } from './intake.ts';
import { Publisher } from './publisher.ts';
import {
  encodePreamble,
  encodeTickMessage,
  encodeTrailers,
  RACE_START,
  type RacePoint,
  type RunIdentity,
} from './race-publisher.ts';
import { findStandstill } from './recovery.ts';
import { shiftDocument } from './shift-document.ts';
import { SlotMap } from './slot-map.ts';
import type { Clock } from './source.ts';

/** A tick of a race that was. */
export interface PastTick {
  readonly field: Field;
  readonly document: RaceDocument;
  /** When it closed then, Unix ms. */
  readonly closeAtMs: number;
}

export interface ReplayOptions {
  readonly stream: RaceStream;
  readonly catalogue: Catalogue;
  /** Race time; its speed is the speed of the replay. */
  readonly clock: Clock;
  /** In order; where the close time goes back, the race begins again. */
  readonly ticks: AsyncIterable<PastTick>;
  /** What the page says of where the race comes from. */
  readonly origin: string;
  /** Called after each tick was handed to the publisher. @param lateByMs Race ms after it was due. */
  readonly onTick?: (tick: { readonly tick: number; readonly field: Field; readonly lateByMs: number }) => void;
  readonly onLog?: (level: 'info' | 'warn', message: string) => void;
}

/** Messages that may wait for NATS before the replay waits for them. */
const MAX_WAITING = 200;
/** How soon it is looked again whether NATS has taken them; race ms. */
const LOOK_AGAIN_MS = 100;

/**
 * Publishes a race that was as one that is: tick by tick with the same quantised states, at the times that it had, moved to
 * now. What is in the stream already is continued, as by any publisher.
 * @param signal Ends it after the tick that is under way; what was published is in the stream then.
 * @throws {BrokerError} what the publisher cannot mend; whatever `ticks` throws; {ConfigError} `too_many_cars`.
 */
export async function replayRace(options: ReplayOptions, signal: AbortSignal): Promise<void> {
  const run = await ReplayRun.begin(options);
  await run.play(signal);
}

class ReplayRun {
  readonly #options: ReplayOptions;
  readonly #identity: RunIdentity;
  readonly #slots: SlotMap;
  readonly #publisher: Publisher;
  #point: RacePoint;
  #isFirst = true;
  #failure: BrokerError | undefined;
  /** Race time of the last tick, and when it closed in its own time. */
  #closeAtMs: number;
  #pastAtMs: number | undefined;
  #shiftMs = 0;
  #shown: { readonly past: RaceDocument; readonly now: RaceDocument } | undefined;

  private constructor(
    options: ReplayOptions,
    identity: RunIdentity,
    point: RacePoint,
    closeAtMs: number,
    lastSeqs: ReadonlyMap<string, number>,
  ) {
    this.#options = options;
    this.#identity = identity;
    this.#point = point;
    this.#closeAtMs = closeAtMs;
    this.#slots = new SlotMap(point.field.cars);
    const log = options.onLog ?? (() => {});
    this.#publisher = new Publisher({
      stream: options.stream,
      lastSeqs,
      onFatal: (error) => {
        this.#failure = error;
      },
      onBlocked: (problem) => log('warn', `NATS takes nothing (${problem}); the replay waits.`),
      onUnblocked: () => log('info', 'NATS takes messages again; the replay goes on.'),
    });
  }

  static async begin(options: ReplayOptions): Promise<ReplayRun> {
    const { stream, catalogue, clock } = options;
    await stream.ensure();
    const { standstill, lastSeqs } = await findStandstill(stream);
    const continued = standstill?.catalogue.hash === catalogue.hash ? standstill : undefined;
    const identity = { epoch: continued?.epoch ?? randomEpoch(), catalogue, subjects: stream.subjects };
    const lastAtMs = Math.max(clock.nowMs(), continued?.closeAtMs ?? 0);
    return new ReplayRun(options, identity, continued ?? RACE_START, Math.round(lastAtMs), lastSeqs);
  }

  async play(signal: AbortSignal): Promise<void> {
    try {
      for await (const past of this.#options.ticks) {
        await this.#publish(past, signal);
        if (signal.aborted) break;
      }
      await this.#publisher.flush();
      if (this.#failure) throw this.#failure;
    } finally {
      this.#publisher.stop();
    }
  }

  async #publish(past: PastTick, signal: AbortSignal): Promise<void> {
    const isAgain = this.#pastAtMs === undefined || past.closeAtMs <= this.#pastAtMs;
    if (isAgain) this.#shiftMs = this.#closeAtMs + TICK_MS - past.closeAtMs;
    const closeAtMs = past.closeAtMs + this.#shiftMs;
    await this.#until(closeAtMs, signal);
    if (signal.aborted) return;
    this.#pastAtMs = past.closeAtMs;
    this.#closeAtMs = closeAtMs;
    const field = this.#slots.map(past.field);
    const next = { field, document: this.#show(past.document, isAgain), closeAtMs };
    const before = this.#point;
    const { messages, point } = encodeTrailers(this.#identity, before, next, this.#isFirst);
    const tick = encodeTickMessage(this.#identity, before, field, closeAtMs);
    this.#publisher.send(...encodePreamble(this.#identity, before), tick, ...messages);
    this.#isFirst = false;
    this.#point = point;
    const lateByMs = this.#options.clock.nowMs() - closeAtMs;
    this.#options.onTick?.({ tick: point.tick, field: past.field, lateByMs });
  }

  /** The document with the times of today. */
  #show(past: RaceDocument, isAgain: boolean): RaceDocument {
    if (this.#shown?.past === past && !isAgain) return this.#shown.now;
    const { race } = this.#options.stream;
    const { session } = past;
    const kind = session?.kind === 'simulation' ? 'simulation' : 'recording';
    const now = shiftDocument(
      { ...past, session: { ...session, race, kind, origin: this.#options.origin } },
      this.#shiftMs,
    );
    this.#shown = { past, now };
    return now;
  }

  /** Waits until it is time, and NATS has taken what was before. */
  async #until(atMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const isReady = () => clock.nowMs() >= atMs && this.#publisher.waiting < MAX_WAITING;
    while (!signal.aborted && !this.#failure && !isReady()) {
      await wait(clock, Math.max(atMs, clock.nowMs() + LOOK_AGAIN_MS), signal);
    }
    if (this.#failure) throw this.#failure;
  }
}

/** Resolves at a race time, or when `signal` aborts. */
function wait(clock: Clock, atMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.callAt(atMs, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
