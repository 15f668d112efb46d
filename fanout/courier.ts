import type { CloseReason } from '../protocol/codes.ts';
import type { Receipt, RepairKind } from '../protocol/control.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { PROTOCOL_VERSION } from '../protocol/tick-message.ts';
import type { Delivery, Repair } from './delivery.ts';
import { type Fan, NEVER } from './fan.ts';
import { NO_FRAMES } from './frame-maker.ts';
import { type EdgeLimits, reconnectWindowMs } from './limits.ts';
import type { ReadStream } from './past.ts';
import type { RingEntry } from './ring.ts';
import type { Standstill } from './standstill.ts';

/** Repairs of one kind. `tookMs`: from the question to the receipt. */
interface RepairSum {
  count: number;
  ticks: number;
  bytes: number;
  tookMs: number;
}

const noRepairs = (): RepairSum => ({ count: 0, ticks: 0, bytes: 0, tookMs: 0 });

/** Sums since the start of the edge. */
export interface FanTally {
  ticks: number;
  frames: number;
  bytes: number;
  /** Tick frames that joined several ticks because the fan read too slowly. */
  conflated: number;
  /** Tick frames that joined several ticks because the fan asked for fewer. */
  paced: number;
  readonly repairs: Record<RepairKind, RepairSum>;
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
  /** Reads what lies before the ring. */
  readonly readStream: ReadStream;
  /** More of it is known, for whoever else asked. */
  readonly onRead: () => void;
  /** Whether NATS, or the stream in it, does not answer. */
  readonly isStreamAway: () => boolean;
  /** No tick will come any more, and none is missing. @defaultValue false */
  readonly isOver?: boolean;
  /** There are fans for {@link FanSet.replay}. */
  readonly onReplay: () => void;
  /** Told of what should never happen. */
  readonly report: (code: string, detail: unknown) => void;
}

/** Hands fans what a delivery made for them, and notes what each holds afterwards. */
export class Courier {
  readonly #options: FanSetOptions;
  readonly #standstill: Standstill;
  readonly tally: FanTally = {
    ticks: 0,
    frames: 0,
    bytes: 0,
    conflated: 0,
    paced: 0,
    repairs: { deltas: noRepairs(), composite: noRepairs(), snapshot: noRepairs() },
    closed: {},
    refused: 0,
  };

  constructor(options: FanSetOptions, standstill: Standstill) {
    this.#options = options;
    this.#standstill = standstill;
  }

  /** Welcome, receipt and repair. */
  join(fan: Fan, delivery: Delivery, repair: Repair): void {
    this.#hand(fan, delivery, repair, true);
  }

  /** Welcome and document of a fan that missed the ticks after `base` and gets each of them with {@link replay}. */
  beginReplay(fan: Fan, delivery: Delivery, base: RingEntry, sinceSeq: number): void {
    const { maker, state } = delivery;
    fan.sink.batch(() => {
      this.#welcome(fan, delivery);
      if (fan.wantsDoc) this.#send(fan, maker.documentSince(base, sinceSeq, FRAME_FLAG.repair));
    });
    fan.tick = base.tick;
    fan.seq = sinceSeq;
    fan.epoch = state.epoch;
    fan.dueTick = NEVER;
    fan.replay = { docSeq: state.seq, readingSinceMs: undefined };
  }

  /**
   * The next part of what such a fan missed.
   * @returns `more`, `done`: it has everything, `unread`: the stream is read first, `gone`: it cannot be had any more.
   */
  replay(fan: Fan, delivery: Delivery, nowMs: number): 'more' | 'done' | 'unread' | 'gone' {
    const found = delivery.part(fan, nowMs);
    if (typeof found === 'string') return found;
    const { part, receipt } = found;
    // Not the same object where it was read out of the stream.
    const isDone = part.to.tick === delivery.state.head!.tick;
    this.#note(receipt);
    fan.sink.batch(() => {
      fan.say(receipt);
      if (isDone && fan.wantsDoc) this.#send(fan, this.#documentAfter(fan.replay!.docSeq, delivery));
      this.#send(fan, [part.bundle]);
    });
    fan.tick = part.to.tick;
    fan.seq = part.to.seq;
    fan.pending = undefined;
    fan.replay!.readingSinceMs = undefined;
    if (!isDone) return 'more';
    fan.replay = undefined;
    this.#hasAll(fan, delivery);
    return 'done';
  }

  #documentAfter(seq: number, { maker, state }: Delivery): readonly Uint8Array[] {
    const base = state.ring.atSeq(seq);
    return base ? maker.documentSince(base, seq, FRAME_FLAG.repair) : maker.document(FRAME_FLAG.repair);
  }

  #note({ kind, ticks, bytes, tookMs }: Receipt): void {
    const sum = this.tally.repairs[kind];
    sum.count++;
    sum.ticks += ticks;
    sum.bytes += bytes;
    sum.tookMs += tookMs;
  }

  /**
   * Everything that a live fan misses: what it is owed, or the ticks since its last one in one frame. Runs for every
   * fan and tick: makes nothing that other fans cannot share.
   */
  catchUp(fan: Fan, delivery: Delivery, nowMs: number): void {
    const { maker, state } = delivery;
    const head = state.head!;
    if (head.tick < fan.dueTick) return;
    const base = fan.owed ? undefined : state.ring.byTick(fan.tick);
    if (!base) {
      const owed = fan.owed ?? { reason: 'too_old', hasWelcome: false, isConflated: true, sinceMs: nowMs };
      if (owed.isConflated) this.tally.conflated++;
      this.#hand(fan, delivery, delivery.owedSnapshot(fan, owed, nowMs), owed.hasWelcome);
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
    if (fan.tick !== head.tick || fan.owed || fan.replay || !fan.wantsDoc) return;
    const document = maker.documentSince(head, fan.seq, 0);
    if (document.length === 0) return;
    this.#send(fan, document);
    fan.seq = state.seq;
  }

  #hand(fan: Fan, delivery: Delivery, { receipt, frames }: Repair, hasWelcome: boolean): void {
    this.#note(receipt);
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
    this.#standstill.tell(fan);
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
