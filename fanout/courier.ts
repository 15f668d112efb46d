import type { CloseReason } from '../protocol/codes.ts';
import type { RepairKind } from '../protocol/control.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { PROTOCOL_VERSION } from '../protocol/tick-message.ts';
import type { Delivery, Repair } from './delivery.ts';
import type { Fan } from './fan.ts';
import { NO_FRAMES } from './frame-maker.ts';
import { type EdgeLimits, reconnectWindowMs } from './limits.ts';

/** Sums since the start of the edge. */
export interface FanTally {
  ticks: number;
  frames: number;
  bytes: number;
  /** Tick frames that joined several ticks because the fan read too slowly. */
  conflated: number;
  /** Tick frames that joined several ticks because the fan asked for fewer. */
  paced: number;
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
    paced: 0,
    repairs: { deltas: 0, composite: 0, snapshot: 0 },
    closed: {},
    refused: 0,
  };

  constructor(options: FanSetOptions) {
    this.#options = options;
  }

  /** Welcome, receipt and repair. */
  join(fan: Fan, delivery: Delivery, repair: Repair): void {
    this.#hand(fan, delivery, repair, true);
  }

  /**
   * Everything that a live fan misses: what it is owed, or the ticks since its last one in one frame. Runs for every
   * fan and tick: makes nothing that other fans cannot share.
   */
  catchUp(fan: Fan, delivery: Delivery): void {
    const { maker, state } = delivery;
    const head = state.head!;
    if (head.tick < fan.dueTick) return;
    const base = fan.owed ? undefined : state.ring.byTick(fan.tick);
    if (!base) {
      const owed = fan.owed ?? { reason: 'too_old', hasWelcome: false, isConflated: true };
      if (owed.isConflated) this.tally.conflated++;
      this.#hand(fan, delivery, delivery.owedSnapshot(fan, owed), owed.hasWelcome);
      return;
    }
    const isConflated = head.tick > fan.dueTick;
    if (isConflated) this.tally.conflated++;
    else if (head.tick - base.tick > 1) this.tally.paced++;
    const flags = isConflated ? FRAME_FLAG.conflated : 0;
    const frame = maker.frame(fan.choice!, base, flags, fan.pending);
    const document = fan.wantsDoc ? maker.documentSince(base, fan.seq, flags) : NO_FRAMES;
    if (document.length === 0) fan.sink.sendFrame(frame);
    else fan.sink.sendFrames(document, frame);
    this.#count(document);
    this.tally.frames++;
    this.tally.bytes += frame.length;
    this.#hasAll(fan, delivery);
  }

  /** The document travels with the ticks; while none come, it comes on its own. */
  catchUpDocument(fan: Fan, { maker, state }: Delivery): void {
    const head = state.head!;
    if (fan.tick !== head.tick || fan.owed || !fan.wantsDoc) return;
    const document = maker.documentSince(head, fan.seq, 0);
    if (document.length === 0) return;
    this.#send(fan, document);
    fan.seq = state.seq;
  }

  /** @param random Spreads the fans over the window. */
  bye(fan: Fan, random: () => number): void {
    const window = reconnectWindowMs(this.#options.fansOnEdge(), this.#options.limits);
    fan.say({ type: 'bye', reason: 'going_away', reconnectInMs: Math.round(random() * window) });
  }

  #hand(fan: Fan, delivery: Delivery, { receipt, frames }: Repair, hasWelcome: boolean): void {
    this.tally.repairs[receipt.kind]++;
    fan.sink.batch(() => {
      if (hasWelcome) this.#welcome(fan, delivery);
      fan.say(receipt);
      this.#send(fan, frames);
    });
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

  #send(fan: Fan, frames: readonly Uint8Array[]): void {
    for (const frame of frames) fan.sink.sendFrame(frame);
    this.#count(frames);
  }

  #count(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.tally.bytes += frame.length;
    this.tally.frames += frames.length;
  }

  #hasAll(fan: Fan, { state }: Delivery): void {
    fan.tick = state.head!.tick;
    fan.seq = state.seq;
    fan.epoch = state.epoch;
    fan.owed = undefined;
    fan.pending = undefined;
    fan.dueTick = fan.pace.after(fan.tick);
  }
}
