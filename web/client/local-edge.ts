import { BundleWriter } from '../../protocol/bundle.ts';
import type { Catalogue } from '../../protocol/catalogue.ts';
import { ERROR_CODES, type ErrorCode } from '../../protocol/codes.ts';
import {
  type ClientMessage,
  type EdgeMessage,
  formatHello,
  type Hello,
  NEXT_ID,
  type Next,
  parseClientMessage,
  type Rate,
  type Receipt,
  strideOf,
  type Wish,
} from '../../protocol/control.ts';
import { applyPatch } from '../../protocol/document-patch.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { MAX_CARS } from '../../protocol/field.ts';
import { encodeDocFrame, FRAME_FLAG } from '../../protocol/frames.ts';
import { pack, unpack } from '../../protocol/pack.ts';
import type { PollHead, StreamRecord } from '../../protocol/poll-answer.ts';
import { formatPosition } from '../../protocol/position.ts';
import {
  applyTick,
  decodeDocPatch,
  decodeKeyframe,
  PROTOCOL_VERSION,
  readStreamHead,
  STREAM_MESSAGE,
} from '../../protocol/tick-message.ts';
import { LocalChoice } from './local-choice.ts';
import { type FieldAt, frameFor } from './local-frames.ts';

/** An edge promises some word every 15 s; a poll is answered after some 11. */
const HEARTBEAT_MS = 15_000;
/** Answers come out of caches: whoever comes back early costs an edge little. */
const WINDOW_MS = 5000;
const NOBODY: ReadonlySet<string> = new Set();

/** Hears what an edge would send. A frame is the listener's to keep. */
export type Hear = (message: string | Uint8Array) => void;

/**
 * Turns answers to long polls, which are the whole field for everybody, into what an edge would send to this client: the
 * welcome, receipts, frames of its choice. Choice and rate change here, without a request. Does no I/O.
 */
export class LocalEdge {
  readonly #hello: Hello;
  readonly #hear: Hear;
  readonly #nowMs: () => number;
  readonly #askedAtMs: number;
  #catalogue: Catalogue | undefined;
  #epoch = '';
  #choice!: LocalChoice;
  /** The newest that is known, and what the client has of it. */
  #head!: FieldAt;
  #held!: FieldAt;
  #pending = new Set<string>();
  /** Frames of the document that go before the next tick frame. */
  #docs: Uint8Array[] = [];
  /** Unknown when the client went on from somewhere: it has its own. */
  #document: unknown;
  #docRevision: number | undefined;
  #stride = 1;
  #dueTick = 0;
  /** Missed ticks are coming: what follows may be more of them. */
  #isRepairing = false;
  /** Why the client gets everything anew as soon as it can. */
  #owed: Receipt['reason'] | undefined;
  #toldStale: string | undefined;

  constructor(hello: Hello, hear: Hear, nowMs: () => number) {
    this.#hello = hello;
    this.#hear = hear;
    this.#nowMs = nowMs;
    this.#askedAtMs = nowMs();
  }

  get isOpen(): boolean {
    return this.#catalogue !== undefined;
  }

  #say(message: EdgeMessage): void {
    this.#hear(JSON.stringify(message));
  }

  /**
   * Takes the next answer. The first one is a snapshot, or begins with the field at the position of the client.
   * @param catalogue The one that the answer is in.
   * @throws {ProtocolError} with an {@link ErrorCode} when the hello cannot be taken: nothing was said. Others when the
   *   answer does not fit: everything must be asked for anew.
   */
  take(head: PollHead, records: readonly StreamRecord[], catalogue: Catalogue): void {
    const isFirst = !this.isOpen;
    if (isFirst) this.#choose(catalogue);
    if (head.kind === 'snapshot') {
      this.#begin(head, records[0], catalogue, isFirst);
      return;
    }
    if (isFirst) this.#goOn(head, records, catalogue);
    else this.#follow(head, records);
    this.#tellStale(head);
  }

  /** @throws {ProtocolError} with an {@link ErrorCode}. */
  #choose(catalogue: Catalogue): void {
    const limits = { maxCars: MAX_CARS, catalogue, hasOwnView: false };
    const hello = parseClientMessage(formatHello(this.#hello), limits) as Hello;
    this.#choice = new LocalChoice(hello, catalogue);
  }

  #welcome({ race, epoch, tickMs }: PollHead, catalogue: Catalogue): void {
    this.#epoch = epoch;
    this.#catalogue = catalogue;
    this.#tickMs = tickMs;
    this.#stride = strideOf(this.#rate, tickMs);
    this.#say({
      ...{ type: 'welcome', version: PROTOCOL_VERSION, race, epoch, catalogue: catalogue.hash, tickMs },
      ...{ heartbeatMs: HEARTBEAT_MS, reconnectWindowMs: WINDOW_MS, edge: 'poll' },
    });
    this.#toldStale = undefined;
  }
  #tickMs = 0;
  get #rate(): Rate {
    return this.#wantedRate ?? this.#hello.rate;
  }
  #wantedRate: Rate | undefined;

  // ---- a snapshot ----

  #begin(head: PollHead, record: StreamRecord | undefined, catalogue: Catalogue, isFirst: boolean): void {
    if (!record) throw new ProtocolError('bad_answer', 'A snapshot must have a keyframe, but has none.');
    const keyframe = decodeKeyframe(record.message, catalogue);
    const { tick, closeAtMs } = keyframe.head;
    const isSameEpoch = head.epoch === this.#epoch;
    const isOther = !isSameEpoch || catalogue.hash !== this.#catalogue?.hash;
    const lost = !isFirst && isOther ? this.#narrow(catalogue) : 0;
    if (isFirst || isOther) this.#welcome(head, catalogue);
    this.#head = { tick, closeAtMs, seq: record.seq, field: keyframe.field };
    this.#document = unpack(keyframe.doc);
    this.#docRevision = keyframe.docRevision;
    this.#docs = [];
    if (isFirst) this.#held = this.#head;
    const reason = isFirst ? head.reason : isSameEpoch ? (this.#owed ?? head.reason) : 'other_epoch';
    this.#tellStale(head);
    // A cache may hold what is older than what the client has: it would go back in time.
    if (!isFirst && isSameEpoch && tick < this.#held.tick) this.#owed = reason;
    else this.#giveAnew(reason, isFirst, isSameEpoch);
    if (lost > 0) this.#tellLost(lost);
    if (isFirst) this.#answerNext();
  }

  #narrow(catalogue: Catalogue): number {
    const { kept, lost } = this.#choice.in(catalogue);
    this.#choice = kept;
    return lost;
  }

  #tellLost(lost: number): void {
    const message = `The new catalogue does not have ${lost} of the views and channels that were chosen.`;
    this.#say({ type: 'error', code: 'bad_watch', message });
    this.#sayWatching(0);
  }

  #giveAnew(reason: Receipt['reason'], isFirst: boolean, isSameEpoch: boolean): void {
    const frame = frameFor(this.#choice, undefined, this.#head, FRAME_FLAG.repair, NOBODY);
    const { since } = this.#hello;
    const from = isFirst ? (since === 'garbled' ? undefined : since) : { epoch: this.#epoch, seq: this.#held.seq };
    this.#say({
      ...{ type: 'repair', kind: 'snapshot', ...(from && { from: formatPosition(from) }), to: this.#position },
      ...{ ticks: isFirst || !isSameEpoch ? 0 : this.#head.tick - this.#held.tick, bytes: frame.length },
      ...{ tookMs: isFirst ? this.#nowMs() - this.#askedAtMs : 0, ...(reason && { reason }) },
    });
    if (this.#hello.doc) this.#hear(this.#wholeDocument());
    this.#hear(frame);
    this.#owed = undefined;
    this.#isRepairing = false;
    this.#docs = [];
    this.#hasAll();
  }

  #wholeDocument(): Uint8Array {
    const { tick, closeAtMs, seq } = this.#head;
    const flags = FRAME_FLAG.snapshot | FRAME_FLAG.repair;
    return encodeDocFrame({ flags, tick, closeAtMs, seq }, pack(this.#document));
  }

  get #position(): string {
    return formatPosition({ epoch: this.#epoch, seq: this.#head.seq });
  }

  #hasAll(): void {
    this.#held = this.#head;
    this.#pending.clear();
    this.#dueTick = this.#head.tick + this.#stride;
  }

  // ---- going on ----

  /** The client goes on from its position: the first record is the field that it had there. */
  #goOn(head: PollHead, [base, ...records]: readonly StreamRecord[], catalogue: Catalogue): void {
    if (!base) throw new ProtocolError('bad_answer', 'The field at the position of the client is missing.');
    const { field, head: at } = decodeKeyframe(base.message, catalogue);
    this.#welcome(head, catalogue);
    this.#tellStale(head);
    this.#head = { tick: at.tick, closeAtMs: at.closeAtMs, seq: base.seq, field };
    this.#hasAll();
    this.#repair(head, this.#apply(records));
    this.#answerNext();
  }

  #follow(head: PollHead, records: readonly StreamRecord[]): void {
    const ticks = this.#apply(records);
    if (this.#owed && this.#head.tick >= this.#held.tick) this.#giveAnew(this.#owed, false, true);
    else if (this.#owed) return;
    else if (this.#isRepairing && head.ticks > 1) this.#repair(head, ticks);
    else {
      this.#isRepairing = false;
      for (const { at, docs } of ticks) this.#live(at, docs);
      if (ticks.length === 0) this.#tellDocuments();
    }
  }

  /** Missed ticks, as many as came in one answer: more than one may mean that there are more. */
  #repair(head: PollHead, ticks: readonly AppliedRecord[]): void {
    const { history } = this.#hello;
    const from = formatPosition({ epoch: this.#epoch, seq: this.#held.seq });
    this.#isRepairing = head.ticks > 1;
    const isOne = history === 'latest' && ticks.length > 0;
    const steps = isOne ? ticks.slice(-1) : ticks;
    let base = this.#held;
    const frames = steps.map(({ at }, place) => {
      const isLast = place === steps.length - 1;
      const frame = frameFor(this.#choice, base, at, FRAME_FLAG.repair, this.#pending, isLast);
      base = at;
      this.#pending.clear();
      return frame;
    });
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    const tookMs = this.#nowMs() - this.#askedAtMs;
    const docs = [...ticks.flatMap((tick) => tick.docs), ...this.#takeDocs()];
    this.#say({
      type: 'repair',
      kind: isOne ? 'composite' : 'deltas',
      from,
      to: this.#position,
      ticks: ticks.length,
      bytes,
      tookMs,
    });
    if (this.#hello.doc) for (const doc of docs) this.#hear(doc);
    if (isOne) this.#hear(frames[0]!);
    else if (frames.length > 0) this.#hear(bundleOf(frames));
    this.#hasAll();
  }

  #takeDocs(): Uint8Array[] {
    return this.#docs.splice(0);
  }

  /** A tick that is new. The document is told before it. */
  #live(at: FieldAt, docs: readonly Uint8Array[]): void {
    this.#docs.push(...docs);
    if (at.tick >= this.#dueTick) this.#send(at);
  }

  /** One frame from what the client has to `at`. */
  #send(at: FieldAt): void {
    const docs = this.#takeDocs();
    if (this.#hello.doc) for (const doc of docs) this.#hear(doc);
    this.#hear(frameFor(this.#choice, this.#held, at, 0, this.#pending));
    this.#held = at;
    this.#pending.clear();
    this.#dueTick = at.tick + this.#stride;
  }

  /** No tick comes: what there is of the document and of the newest tick waits for none. */
  #tellDocuments(): void {
    if (this.#held.tick < this.#head.tick) this.#send(this.#head);
    const docs = this.#takeDocs();
    if (this.#hello.doc) for (const doc of docs) this.#hear(doc);
  }

  // ---- the stream ----

  /** Applies messages to what is known. @returns the ticks, each with what of the document came before it. */
  #apply(records: readonly StreamRecord[]): AppliedRecord[] {
    const ticks: AppliedRecord[] = [];
    let docs: Uint8Array[] = [];
    for (const { seq, message } of records) {
      const { type, epoch } = readStreamHead(message);
      if (epoch !== this.#epoch)
        throw new ProtocolError('bad_answer', `A message of epoch ${epoch} came in an answer of epoch ${this.#epoch}.`);
      if (type === STREAM_MESSAGE.tick) {
        this.#applyTick(seq, message);
        ticks.push({ at: this.#head, docs });
        docs = [];
      } else
        docs.push(type === STREAM_MESSAGE.doc ? this.#applyPatch(seq, message) : this.#applyKeyframe(seq, message));
    }
    this.#docs.push(...docs);
    return ticks;
  }

  #applyTick(seq: number, message: Uint8Array): void {
    const { head, field } = applyTick(message, this.#catalogue!, this.#head.field);
    if (head.tick !== this.#head.tick + 1)
      throw new ProtocolError('gap', `Tick ${head.tick} cannot follow tick ${this.#head.tick}.`);
    this.#head = { tick: head.tick, closeAtMs: head.closeAtMs, seq, field };
  }

  #applyPatch(seq: number, message: Uint8Array): Uint8Array {
    const { docRevision, patch } = decodeDocPatch(message);
    const expected = (this.#docRevision ?? docRevision - 1) + 1;
    if (docRevision !== expected)
      throw new ProtocolError('gap', `Document revision ${docRevision} came where ${expected} was due.`);
    if (this.#document !== undefined) this.#document = applyPatch(this.#document, unpack(patch));
    this.#docRevision = docRevision;
    return this.#docFrame(0, seq, patch);
  }

  /** Among deltas it is there for its document. */
  #applyKeyframe(seq: number, message: Uint8Array): Uint8Array {
    const { doc, docRevision } = decodeKeyframe(message, this.#catalogue!);
    this.#document = unpack(doc);
    this.#docRevision = docRevision;
    return this.#docFrame(FRAME_FLAG.snapshot, seq, doc);
  }

  #docFrame(flags: number, seq: number, payload: Uint8Array): Uint8Array {
    const { tick, closeAtMs } = this.#head;
    return encodeDocFrame({ flags, tick, closeAtMs, seq }, payload);
  }

  #tellStale({ stale }: PollHead): void {
    const key = stale && `${stale.tick} ${stale.reason}`;
    if (stale && key !== this.#toldStale) this.#say({ type: 'stale', ...stale });
    this.#toldStale = key;
  }

  // ---- what the client says ----

  #answerNext(): void {
    const { next, badNext } = this.#hello;
    if (badNext) this.#refuse(badNext);
    const { watch, channels, rate, resync } = (next ?? {}) as Next & { readonly resync?: true };
    if (watch) this.receive({ type: 'watch', id: NEXT_ID, watch, ...(channels && { channels }) });
    if (rate) this.receive({ type: 'rate', id: NEXT_ID, rate });
    if (resync) this.#resync();
  }

  /** The client is to get everything anew, and it is not here: a snapshot must be asked for. */
  get needsSnapshot(): boolean {
    return this.#owed !== undefined && this.#document === undefined;
  }

  /** Takes `watch`, `rate` and `resync`. There must have been an answer. */
  receive(message: Extract<ClientMessage, { type: 'watch' | 'rate' | 'resync' }>): void {
    try {
      const limits = { maxCars: MAX_CARS, catalogue: this.#catalogue, hasOwnView: this.#choice.channels !== undefined };
      // As an edge reads it: what it would refuse is refused here.
      const read = parseClientMessage(JSON.stringify(message), limits);
      if (read.type === 'watch') this.#watch(read.id, read);
      else if (read.type === 'rate') this.#setRate(read.id, read.rate);
      else this.#resync();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    if (!isRefusal(error)) throw error;
    this.#say({ type: 'error', code: error.code as ErrorCode, message: error.message });
  }

  #watch(id: number, { watch, channels = this.#choice.channels }: Wish): void {
    const before = this.#choice;
    this.#choice = new LocalChoice({ watch, ...(channels && { channels }) }, this.#catalogue!);
    for (const car of this.#choice.newBeside(before)) this.#pending.add(car);
    for (const car of this.#pending) if (!this.#choice.viewOf(car)) this.#pending.delete(car);
    if (this.#pending.size > 0) this.#dueTick = Math.min(this.#dueTick, this.#held.tick + 1);
    this.#sayWatching(id);
  }

  #sayWatching(id: number): void {
    const unknown = this.#choice.unknownIn(this.#head.field);
    this.#say({ type: 'watching', id, ...this.#choice.wish, unknown });
  }

  #setRate(id: number, rate: Rate): void {
    this.#wantedRate = rate;
    this.#stride = strideOf(rate, this.#tickMs);
    this.#say({ type: 'rate', id, rate });
    this.#dueTick = this.#pending.size > 0 ? this.#held.tick + 1 : this.#held.tick + this.#stride;
    if (this.#head.tick >= this.#dueTick && !this.#owed) this.#send(this.#head);
  }

  #resync(): void {
    this.#owed = 'resync';
    if (this.#document !== undefined && this.#head.tick >= this.#held.tick) this.#giveAnew('resync', false, true);
  }

  /** Nothing of what is known can be trusted: as {@link needsSnapshot}. */
  distrust(): void {
    this.#owed ??= 'restart';
    this.#document = undefined;
  }
}

/** A tick that was applied. */
interface AppliedRecord {
  readonly at: FieldAt;
  /** Changes of the document that came before it, as frames. */
  readonly docs: readonly Uint8Array[];
}

const writer = new BundleWriter();

function bundleOf(frames: readonly Uint8Array[]): Uint8Array {
  writer.start();
  for (const frame of frames) writer.add(frame);
  return writer.finish();
}

/** Whether an error is one of those that an edge tells its clients. */
export const isRefusal = (error: unknown): error is ProtocolError =>
  error instanceof ProtocolError && (ERROR_CODES as readonly string[]).includes(error.code);
