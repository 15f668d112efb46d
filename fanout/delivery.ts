import type { Hello, Receipt } from '../protocol/control.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { formatPosition } from '../protocol/position.ts';
import { type Choice, ChoiceBook } from './choice.ts';
import type { Fan, OwedSnapshot } from './fan.ts';
import { FrameMaker } from './frame-maker.ts';
import { Past, type ReadStream } from './past.ts';
import type { RaceState } from './race-state.ts';
import { type ReplayPart, ReplayParts } from './replay-part.ts';
import type { ResumePlan } from './resume-plan.ts';

/** Frames that bring a fan to the newest position, in the order in which they are sent. Good until the next repair. */
export interface Repair {
  readonly receipt: Receipt;
  readonly frames: readonly Uint8Array[];
}

/** A plan that can be carried out at once. */
export type ReadyPlan = Exclude<ResumePlan, { readonly kind: 'wait' }>;

/** What a fan asked for: from which position, and how long it took until now. */
interface Asked {
  readonly from: string | undefined;
  readonly tookMs: number;
}

/**
 * Writes what fans get from one state. Made anew with every beginning of the state, so that no slice, frame or slot
 * of before survives it.
 *
 * Order in every repair: the document before the tick frame that carries the new position. A connection that breaks
 * between the two leaves a client with a frame that does not fit (`gap`), never with a document that is silently old.
 */
export class Delivery {
  readonly state: RaceState;
  readonly book: ChoiceBook;
  readonly maker: FrameMaker;
  readonly past: Past;
  readonly #parts: ReplayParts;

  /** @param onRead See past.ts. */
  constructor(state: RaceState, read: ReadStream, onRead: (nowMs: number) => void) {
    this.state = state;
    this.book = new ChoiceBook(state.catalogue);
    this.maker = new FrameMaker(state);
    this.past = new Past(state, read, onRead);
    this.#parts = new ReplayParts(this.maker.encoder);
  }

  /** The position of whoever has read everything. */
  get position(): string {
    return formatPosition(this.state);
  }

  /** Puts a plan into frames. Missed ticks one by one are no part of it: they follow with {@link part}. */
  repair(plan: ReadyPlan, choice: Choice, hello: Hello, tookMs: number): Repair {
    const from = hello.since && hello.since !== 'garbled' ? hello.since : undefined;
    const known = { from: from && formatPosition(from), tookMs };
    if (plan.kind === 'snapshot') return this.#snapshot(choice, hello.doc, plan.reason, 0, FRAME_FLAG.repair, known);
    const { base } = plan;
    const document = hello.doc ? this.maker.documentSince(base, from?.seq ?? base.seq, FRAME_FLAG.repair) : [];
    const ticks = this.state.head!.tick - base.tick;
    if (plan.kind === 'deltas') return { receipt: this.#receipt('deltas', 0, 0, known), frames: document };
    const frame = this.maker.frame(choice, base, FRAME_FLAG.repair);
    return { receipt: this.#receipt('composite', ticks, frame.length, known), frames: [...document, frame] };
  }

  /**
   * The next of the ticks that a fan missed.
   * @returns `unread` when the stream has to be read first, `gone` when it does not have them any more.
   */
  part(fan: Fan, nowMs: number): { part: ReplayPart; receipt: Receipt } | 'unread' | 'gone' {
    const entries = this.past.from(fan.tick, fan.seq);
    if (typeof entries === 'string') return entries;
    const part = this.#parts.part(fan.choice!, entries, this.state.head!, fan.pending);
    const to = formatPosition({ epoch: this.state.epoch, seq: part.to.seq });
    const known = { from: formatPosition(fan), tookMs: nowMs - fan.askedAtMs };
    return { part, receipt: { ...this.#receipt('deltas', part.ticks, part.frameBytes, known), to } };
  }

  #receipt(kind: Receipt['kind'], ticks: number, bytes: number, { from, tookMs }: Asked): Receipt {
    return { type: 'repair', kind, ...(from === undefined ? {} : { from }), to: this.position, ticks, bytes, tookMs };
  }

  #snapshot(
    choice: Choice,
    hasDoc: boolean,
    reason: Receipt['reason'],
    ticks: number,
    flags: number,
    known: Asked,
  ): Repair {
    const frame = this.maker.frame(choice, undefined, flags);
    const document = hasDoc ? this.maker.document(flags) : [];
    const receipt = { ...this.#receipt('snapshot', ticks, frame.length, known), ...(reason && { reason }) };
    return { receipt, frames: [...document, frame] };
  }

  /** The whole state for a fan that is attached already. */
  owedSnapshot(fan: Fan, { reason, isConflated, sinceMs }: OwedSnapshot, nowMs: number): Repair {
    const isSameEpoch = fan.epoch === this.state.epoch;
    const ticks = isSameEpoch ? Math.max(0, this.state.head!.tick - fan.tick) : 0;
    const flags = FRAME_FLAG.repair | (isConflated ? FRAME_FLAG.conflated : 0);
    const known = { from: formatPosition(fan), tookMs: nowMs - sinceMs };
    return this.#snapshot(fan.choice!, fan.wantsDoc, reason, ticks, flags, known);
  }
}
