import type { CloseReason } from '../protocol/codes.ts';
import type { RepairKind } from '../protocol/control.ts';
import { PROTOCOL_VERSION } from '../protocol/tick-message.ts';
import type { Delivery, Repair } from './delivery.ts';
import type { Fan } from './fan.ts';
import { type EdgeLimits, reconnectWindowMs } from './limits.ts';

/** Sums since the start of the edge. */
export interface FanTally {
  ticks: number;
  frames: number;
  bytes: number;
  /** Tick frames that joined several ticks because the fan read too slowly. */
  conflated: number;
  readonly repairs: Record<RepairKind, number>;
  readonly closed: Partial<Record<CloseReason, number>>;
  refused: number;
}

/** What a set of fans is told of the place it lives in. */
export interface FanSetOptions {
  readonly race: string;
  readonly edge: string;
  readonly tickMs: number;
  readonly limits: EdgeLimits;
  /** Fans on the whole edge: they all come back when it dies. */
  readonly fansOnEdge: () => number;
  /** Told of what should never happen. */
  readonly report: (code: string, detail: unknown) => void;
}

/** Hands fans what a delivery made for them, and notes what each holds afterwards. */
export class Courier {
  readonly #options: FanSetOptions;
  readonly tally: FanTally = {
    ticks: 0,
    frames: 0,
    bytes: 0,
    conflated: 0,
    repairs: { deltas: 0, composite: 0, snapshot: 0 },
    closed: {},
    refused: 0,
  };

  constructor(options: FanSetOptions) {
    this.#options = options;
  }

  /** Welcome, receipt and repair. */
  join(fan: Fan, delivery: Delivery, repair: Repair, nowMs: number): void {
    this.#hand(fan, delivery, repair, true, nowMs);
  }

  /** Everything that a live fan misses: what it is owed, or the ticks since its last one in one frame. */
  catchUp(fan: Fan, delivery: Delivery, nowMs: number): void {
    const head = delivery.state.head!;
    if (!fan.owed && fan.tick === head.tick && !fan.isDocStale) return;
    const frames = fan.owed ? undefined : delivery.live(fan);
    if (!frames) {
      const owed = fan.owed ?? { reason: 'too_old', hasWelcome: false, isConflated: true };
      if (owed.isConflated) this.tally.conflated++;
      this.#hand(fan, delivery, delivery.owedSnapshot(fan, owed), owed.hasWelcome, nowMs);
      return;
    }
    if (head.tick - fan.tick > 1) this.tally.conflated++;
    if (frames.length === 1) this.#send(fan, frames, nowMs);
    else fan.sink.batch(() => this.#send(fan, frames, nowMs));
    // Only a tick frame carries the cars that were added: without one they go on waiting.
    if (fan.tick !== head.tick) fan.pending.clear();
    this.#hasAll(fan, delivery);
  }

  /** One change of the document for a fan that holds everything before it. */
  patch(fan: Fan, { state }: Delivery, frame: Uint8Array, nowMs: number): void {
    this.#send(fan, [frame], nowMs);
    fan.seq = state.seq;
  }

  /** @param random Spreads the fans over the window. */
  bye(fan: Fan, random: () => number): void {
    const window = reconnectWindowMs(this.#options.fansOnEdge(), this.#options.limits);
    fan.say({ type: 'bye', reason: 'going_away', reconnectInMs: Math.round(random() * window) });
  }

  #hand(fan: Fan, delivery: Delivery, { receipt, frames }: Repair, hasWelcome: boolean, nowMs: number): void {
    this.tally.repairs[receipt.kind]++;
    fan.sink.batch(() => {
      if (hasWelcome) this.#welcome(fan, delivery);
      fan.say(receipt);
      this.#send(fan, frames, nowMs);
    });
    fan.pending.clear();
    this.#hasAll(fan, delivery);
  }

  #welcome(fan: Fan, { state }: Delivery): void {
    const { race, edge, tickMs, limits, fansOnEdge } = this.#options;
    fan.say({
      type: 'welcome',
      version: PROTOCOL_VERSION,
      race,
      epoch: state.epoch,
      catalogue: state.catalogue.hash,
      tickMs,
      heartbeatMs: limits.heartbeatMs,
      reconnectWindowMs: reconnectWindowMs(fansOnEdge(), limits),
      edge,
    });
  }

  #send(fan: Fan, frames: readonly Uint8Array[], nowMs: number): void {
    for (const frame of frames) {
      fan.sink.sendFrame(frame);
      this.tally.bytes += frame.length;
    }
    this.tally.frames += frames.length;
    fan.lastSentAtMs = nowMs;
  }

  #hasAll(fan: Fan, { state }: Delivery): void {
    fan.tick = state.head!.tick;
    fan.seq = state.seq;
    fan.epoch = state.epoch;
    fan.isDocStale = false;
    fan.owed = undefined;
  }
}
