import { BundleWriter } from '../../protocol/bundle.ts';
import type { Catalogue } from '../../protocol/catalogue.ts';
import { ERROR_CODES, type ErrorCode } from '../../protocol/codes.ts';
import {
  type ClientMessage,
  type EdgeMessage,
  formatHello,
  type Hello,
  NEXT_ID,
  parseClientMessage,
  type Rate,
  type Receipt,
  strideOf,
  type Wish,
} from '../../protocol/control.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { MAX_CARS } from '../../protocol/field.ts';
import { FRAME_FLAG } from '../../protocol/frames.ts';
import type { PollHead, StreamRecord } from '../../protocol/poll-answer.ts';
import { formatPosition, type Position } from '../../protocol/position.ts';
import { PROTOCOL_VERSION } from '../../protocol/tick-message.ts';
import { LocalChoice } from './local-choice.ts';
import { type FieldAt, frameFor } from './local-frames.ts';
import { type AppliedTick, LocalStream } from './local-stream.ts';

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
  #choice!: LocalChoice;
  #stream: LocalStream | undefined;
  /** What of it the client has. */
  #held!: FieldAt;
  #pending = new Set<string>();
  /** Frames of the document that go before the next tick frame. */
  #docs: Uint8Array[] = [];
  #rate: Rate;
  #tickMs = 0;
  #stride = 1;
  #dueTick = 0;
  /** Views and channels of the client that a catalogue has lost while it was away. */
  #lostAway = 0;
  /** Missed ticks are coming: what follows may be more of them. */
  #isRepairing = false;
  /** Why the client gets everything anew as soon as it can. */
  #owed: Receipt['reason'] | undefined;
  /** What is known is of no use any more. */
  #isLost = false;
  #toldStale: string | undefined;

  constructor(hello: Hello, hear: Hear, nowMs: () => number) {
    this.#hello = hello;
    this.#hear = hear;
    this.#nowMs = nowMs;
    this.#askedAtMs = nowMs();
    this.#rate = hello.rate;
  }

  get isOpen(): boolean {
    return this.#stream !== undefined;
  }

  get #head(): FieldAt {
    return this.#stream!.head;
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
    this.#lostAway = hello.lost ?? 0;
  }

  #welcome({ race, epoch, tickMs, catalogue }: PollHead): void {
    this.#tickMs = tickMs;
    this.#stride = strideOf(this.#rate, tickMs);
    this.#say({
      ...{ type: 'welcome', version: PROTOCOL_VERSION, race, epoch, catalogue, tickMs },
      ...{ heartbeatMs: HEARTBEAT_MS, reconnectWindowMs: WINDOW_MS, edge: 'poll' },
    });
    this.#toldStale = undefined;
  }

  // ---- a snapshot ----

  #begin(head: PollHead, record: StreamRecord | undefined, catalogue: Catalogue, isFirst: boolean): void {
    if (!record) throw new ProtocolError('bad_answer', 'A snapshot must have a keyframe, but has none.');
    const stream = LocalStream.begin(head.epoch, catalogue, record);
    const before = this.#stream;
    const isSameEpoch = head.epoch === before?.epoch;
    const isOther = !isSameEpoch || catalogue.hash !== before.catalogue.hash;
    const from = before ? { epoch: before.epoch, seq: this.#held.seq } : positionOf(this.#hello);
    const lost = before && isOther ? this.#narrow(catalogue) : isFirst ? this.#lostAway : 0;
    this.#stream = stream;
    this.#isLost = false;
    this.#docs = [];
    if (lost > 0) this.#tellLost(lost);
    if (isOther) this.#welcome(head);
    this.#tellStale(head);
    if (!before || !isSameEpoch) this.#held = this.#head;
    const reason = !before ? head.reason : isSameEpoch ? (this.#owed ?? head.reason) : 'other_epoch';
    // A cache may hold what is older than what the client has: it would go back in time.
    if (this.#head.tick < this.#held.tick) this.#owed = reason;
    else this.#giveAnew(reason, from, isFirst ? this.#nowMs() - this.#askedAtMs : 0);
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

  #giveAnew(reason: Receipt['reason'], from: Position | undefined, tookMs: number): void {
    const frame = frameFor(this.#choice, undefined, this.#head, FRAME_FLAG.repair, NOBODY);
    this.#say({
      ...{ type: 'repair', kind: 'snapshot', ...(from && { from: formatPosition(from) }), to: this.#position },
      ...{ ticks: this.#head.tick - this.#held.tick, bytes: frame.length, tookMs, ...(reason && { reason }) },
    });
    if (this.#hello.doc) this.#hear(this.#stream!.wholeDocument());
    this.#hear(frame);
    this.#owed = undefined;
    this.#isRepairing = false;
    this.#docs = [];
    this.#hasAll();
  }

  /** The position of the client, in the epoch of the stream. */
  get #heldAt(): Position {
    return { epoch: this.#stream!.epoch, seq: this.#held.seq };
  }

  get #position(): string {
    return formatPosition({ epoch: this.#stream!.epoch, seq: this.#head.seq });
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
    this.#stream = LocalStream.goOn(head.epoch, catalogue, base);
    if (this.#lostAway > 0) this.#tellLost(this.#lostAway);
    this.#welcome(head);
    this.#tellStale(head);
    this.#hasAll();
    this.#repair(head, this.#apply(records));
    this.#answerNext();
  }

  #follow(head: PollHead, records: readonly StreamRecord[]): void {
    const ticks = this.#apply(records);
    if (this.#owed && this.#head.tick >= this.#held.tick) this.#giveAnew(this.#owed, this.#heldAt, 0);
    else if (this.#owed) return;
    else if (this.#isRepairing && head.ticks > 1) this.#repair(head, ticks);
    else {
      this.#isRepairing = false;
      for (const { at, docs } of ticks) this.#live(at, docs);
      if (ticks.length === 0) this.#tellDocuments();
    }
  }

  /** Missed ticks, as many as came in one answer: more than one may mean that there are more. */
  #repair(head: PollHead, ticks: readonly AppliedTick[]): void {
    const { history } = this.#hello;
    const from = formatPosition(this.#heldAt);
    this.#isRepairing = head.ticks > 1;
    const isOne = history === 'latest' && ticks.length > 0;
    const steps = isOne ? ticks.slice(-1) : ticks;
    let base = this.#held;
    const frames = steps.map((step, place) => {
      const isLast = place === steps.length - 1;
      // With all of the document before it, the last one leads to where the answer does.
      const at = isLast ? this.#head : step.at;
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

  /** What comes of the document behind the last tick goes before the next one. */
  #apply(records: readonly StreamRecord[]): AppliedTick[] {
    const { ticks, docs } = this.#stream!.apply(records);
    this.#docs.push(...docs);
    return ticks;
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

  #tellStale({ stale }: PollHead): void {
    const key = stale && `${stale.tick} ${stale.reason}`;
    if (stale && key !== this.#toldStale) this.#say({ type: 'stale', ...stale });
    this.#toldStale = key;
  }

  // ---- what the client says ----

  #answerNext(): void {
    const { next, badNext } = this.#hello;
    if (badNext) this.#refuse(badNext);
    const { watch, channels, rate, resync } = next ?? {};
    if (watch) this.receive({ type: 'watch', id: NEXT_ID, watch, ...(channels && { channels }) });
    if (rate) this.receive({ type: 'rate', id: NEXT_ID, rate });
    if (resync) this.#resync();
  }

  /** The client is to get everything anew, and it is not here: a snapshot must be asked for. */
  get needsSnapshot(): boolean {
    return this.#owed !== undefined && (this.#isLost || !this.#stream!.hasDocument);
  }

  /** Takes `watch`, `rate` and `resync`. There must have been an answer. */
  receive(message: Extract<ClientMessage, { type: 'watch' | 'rate' | 'resync' }>): void {
    try {
      const limits = {
        maxCars: MAX_CARS,
        catalogue: this.#stream!.catalogue,
        hasOwnView: this.#choice.channels !== undefined,
      };
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
    this.#choice = new LocalChoice({ watch, ...(channels && { channels }) }, this.#stream!.catalogue);
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
    this.#rate = rate;
    this.#stride = strideOf(rate, this.#tickMs);
    this.#say({ type: 'rate', id, rate });
    this.#dueTick = this.#pending.size > 0 ? this.#held.tick + 1 : this.#held.tick + this.#stride;
    if (this.#head.tick >= this.#dueTick && !this.#owed) this.#send(this.#head);
  }

  #resync(): void {
    this.#owed = 'resync';
    if (!this.needsSnapshot && this.#head.tick >= this.#held.tick) this.#giveAnew('resync', this.#heldAt, 0);
  }

  /** Nothing of what is known can be trusted: as {@link needsSnapshot}. */
  distrust(): void {
    this.#owed ??= 'restart';
    this.#isLost = true;
  }
}

/** The position that a client comes with. */
const positionOf = ({ since }: Hello): Position | undefined => (since === 'garbled' ? undefined : since);

const writer = new BundleWriter();

function bundleOf(frames: readonly Uint8Array[]): Uint8Array {
  writer.start();
  for (const frame of frames) writer.add(frame);
  return writer.finish();
}

/** Whether an error is one of those that an edge tells its clients. */
export const isRefusal = (error: unknown): error is ProtocolError =>
  error instanceof ProtocolError && (ERROR_CODES as readonly string[]).includes(error.code);
