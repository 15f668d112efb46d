import type { Hello, Receipt } from '../protocol/control.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { formatPosition } from '../protocol/position.ts';
import { type Choice, ChoiceBook } from './choice.ts';
import type { Fan, OwedSnapshot } from './fan.ts';
import { docPatchFrame, FrameMaker } from './frame-maker.ts';
import type { RaceState } from './race-state.ts';
import { isSmallerByFar, type ResumePlan } from './resume-plan.ts';
import type { RingEntry } from './ring.ts';

/** Frames that bring a fan to the newest position, in the order in which they are sent. Good until the next repair. */
export interface Repair {
  readonly receipt: Receipt;
  readonly frames: readonly Uint8Array[];
}

const sizeOf = (frames: readonly Uint8Array[]): number => frames.reduce((sum, frame) => sum + frame.length, 0);

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

  constructor(state: RaceState) {
    this.state = state;
    this.book = new ChoiceBook(state.catalogue);
    this.maker = new FrameMaker(state);
  }

  /** The position of whoever has read everything. */
  get position(): string {
    return formatPosition(this.state);
  }

  /** Puts a plan into frames. */
  repair(plan: ResumePlan, choice: Choice, hello: Hello): Repair {
    const from = hello.since ? formatPosition(hello.since) : undefined;
    const sinceSeq = hello.since?.seq ?? 0;
    if (plan.kind === 'snapshot') return this.#snapshot(choice, hello.doc, plan.reason, from, 0, FRAME_FLAG.repair);
    if (plan.kind === 'composite') return this.#composite(plan.base, choice, hello, from, sinceSeq);
    const { tickFrames, frames } = this.#deltas(plan.base, plan.ticks, choice, hello.doc, sinceSeq);
    const bytes = sizeOf(tickFrames);
    if (plan.ticks.length > 1) {
      const composite = this.#composite(plan.base, choice, hello, from, sinceSeq);
      if (isSmallerByFar(composite.receipt.bytes, bytes)) return composite;
    }
    return { receipt: this.#receipt('deltas', from, plan.ticks.length, bytes), frames };
  }

  #receipt(
    kind: Receipt['kind'],
    from: string | undefined,
    ticks: number,
    bytes: number,
    reason?: Receipt['reason'],
  ): Receipt {
    return {
      type: 'repair',
      kind,
      ...(from === undefined ? {} : { from }),
      to: this.position,
      ticks,
      bytes,
      ...(reason ? { reason } : {}),
    };
  }

  #deltas(base: RingEntry, ticks: readonly RingEntry[], choice: Choice, hasDoc: boolean, sinceSeq: number) {
    const isWhole = hasDoc && [base, ...ticks].some((entry) => hasWhole(entry, sinceSeq));
    const patchesOf = (entry: RingEntry) => (hasDoc && !isWhole ? patchFrames(entry, sinceSeq) : []);
    const frames = isWhole ? [...this.maker.document(FRAME_FLAG.repair)] : patchesOf(base);
    const tickFrames: Uint8Array[] = [];
    let before = base;
    for (const entry of ticks) {
      const frame = this.maker.missed(choice, before, entry);
      tickFrames.push(frame);
      frames.push(frame, ...patchesOf(entry));
      before = entry;
    }
    return { tickFrames, frames };
  }

  #composite(base: RingEntry, choice: Choice, hello: Hello, from: string | undefined, sinceSeq: number): Repair {
    const frame = this.maker.frame(choice, base, FRAME_FLAG.repair);
    const receipt = this.#receipt('composite', from, this.state.head!.tick - base.tick, frame.length);
    const document = hello.doc ? this.maker.documentSince(base, sinceSeq, FRAME_FLAG.repair) : [];
    return { receipt, frames: [...document, frame] };
  }

  #snapshot(
    choice: Choice,
    hasDoc: boolean,
    reason: Receipt['reason'],
    from: string | undefined,
    ticks: number,
    flags: number,
  ): Repair {
    const frame = this.maker.frame(choice, undefined, flags);
    const document = hasDoc ? this.maker.document(flags) : [];
    return { receipt: this.#receipt('snapshot', from, ticks, frame.length, reason), frames: [...document, frame] };
  }

  /** The whole state for a fan that is attached already. */
  owedSnapshot(fan: Fan, { reason, isConflated }: OwedSnapshot): Repair {
    const isSameEpoch = fan.epoch === this.state.epoch;
    const ticks = isSameEpoch ? Math.max(0, this.state.head!.tick - fan.tick) : 0;
    const flags = FRAME_FLAG.repair | (isConflated ? FRAME_FLAG.conflated : 0);
    return this.#snapshot(fan.choice!, fan.wantsDoc, reason, formatPosition(fan), ticks, flags);
  }
}

const hasWhole = ({ docs }: RingEntry, sinceSeq: number): boolean =>
  docs.some(({ seq, patch }) => seq > sinceSeq && !patch);

const patchFrames = (entry: RingEntry, sinceSeq: number): Uint8Array[] =>
  entry.docs.flatMap(({ seq, patch }) =>
    patch && seq > sinceSeq ? [docPatchFrame(entry, seq, patch, FRAME_FLAG.repair)] : [],
  );
