import type { Catalogue } from '../../protocol/catalogue.ts';
import { applyPatch } from '../../protocol/document-patch.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { encodeDocFrame, FRAME_FLAG } from '../../protocol/frames.ts';
import { pack } from '../../protocol/pack.ts';
import type { StreamRecord } from '../../protocol/poll-answer.ts';
import {
  applyTick,
  decodeDocPatch,
  decodeKeyframe,
  readStreamHead,
  STREAM_MESSAGE,
} from '../../protocol/tick-message.ts';
import { unpack } from '../../protocol/unpack.ts';
import type { FieldAt } from './local-frames.ts';

/** A tick that was applied. */
export interface AppliedTick {
  readonly at: FieldAt;
  /** Changes of the document that came before it, as frames. */
  readonly docs: readonly Uint8Array[];
}

/** The whole field and the document, as the messages of a race lead to them, in one epoch and one catalogue. */
export class LocalStream {
  readonly epoch: string;
  readonly catalogue: Catalogue;
  #head: FieldAt;
  /** Unknown when the client went on from somewhere: it has its own. */
  #document: unknown;
  #docRevision: number | undefined;

  private constructor(epoch: string, catalogue: Catalogue, head: FieldAt) {
    this.epoch = epoch;
    this.catalogue = catalogue;
    this.#head = head;
  }

  /** Begins with a keyframe and its document. @throws {ProtocolError} */
  static begin(epoch: string, catalogue: Catalogue, { seq, message }: StreamRecord): LocalStream {
    const stream = LocalStream.goOn(epoch, catalogue, { seq, message });
    stream.#takeDocument(message);
    return stream;
  }

  /** Begins with the field of a keyframe: its document is that of the client, and not known here. @throws {ProtocolError} */
  static goOn(epoch: string, catalogue: Catalogue, { seq, message }: StreamRecord): LocalStream {
    const { head, field } = decodeKeyframe(message, catalogue);
    return new LocalStream(epoch, catalogue, { tick: head.tick, closeAtMs: head.closeAtMs, seq, field });
  }

  /** The newest field, at the position of the newest message. */
  get head(): FieldAt {
    return this.#head;
  }

  get hasDocument(): boolean {
    return this.#document !== undefined;
  }

  /** The document as a frame of a snapshot. It must be known. */
  wholeDocument(): Uint8Array {
    const { tick, closeAtMs, seq } = this.#head;
    const flags = FRAME_FLAG.snapshot | FRAME_FLAG.repair;
    return encodeDocFrame({ flags, tick, closeAtMs, seq }, pack(this.#document));
  }

  /**
   * Applies messages.
   * @returns the ticks, and as frames the changes of the document behind the last of them.
   * @throws {ProtocolError} Those before the one that does not fit are applied.
   */
  apply(records: readonly StreamRecord[]): { ticks: AppliedTick[]; docs: Uint8Array[] } {
    const ticks: AppliedTick[] = [];
    let docs: Uint8Array[] = [];
    for (const { seq, message } of records) {
      const { type, epoch } = readStreamHead(message);
      if (epoch !== this.epoch)
        throw new ProtocolError('bad_answer', `A message of epoch ${epoch} came in an answer of epoch ${this.epoch}.`);
      if (type === STREAM_MESSAGE.tick) {
        this.#applyTick(seq, message);
        ticks.push({ at: this.#head, docs });
        docs = [];
      } else
        docs.push(type === STREAM_MESSAGE.doc ? this.#applyPatch(seq, message) : this.#applyKeyframe(seq, message));
    }
    return { ticks, docs };
  }

  #applyTick(seq: number, message: Uint8Array): void {
    const { head, field } = applyTick(message, this.catalogue, this.#head.field);
    if (head.tick !== this.#head.tick + 1)
      throw new ProtocolError('gap', `Tick ${head.tick} cannot follow tick ${this.#head.tick}.`);
    this.#head = { tick: head.tick, closeAtMs: head.closeAtMs, seq, field };
  }

  #applyPatch(seq: number, message: Uint8Array): Uint8Array {
    const { docRevision, patch } = decodeDocPatch(message);
    const expected = (this.#docRevision ?? docRevision - 1) + 1;
    if (docRevision !== expected)
      throw new ProtocolError('gap', `Document revision ${docRevision} came where ${expected} was due.`);
    if (this.hasDocument) this.#document = applyPatch(this.#document, unpack(patch));
    this.#docRevision = docRevision;
    return this.#docFrame(0, seq, patch);
  }

  /** Among deltas it is there for its document. */
  #applyKeyframe(seq: number, message: Uint8Array): Uint8Array {
    return this.#docFrame(FRAME_FLAG.snapshot, seq, this.#takeDocument(message));
  }

  #takeDocument(keyframe: Uint8Array): Uint8Array {
    const { doc, docRevision } = decodeKeyframe(keyframe, this.catalogue);
    this.#document = unpack(doc);
    this.#docRevision = docRevision;
    return doc;
  }

  #docFrame(flags: number, seq: number, payload: Uint8Array): Uint8Array {
    // Whoever gets everything from now on has this as well, and must not be given it again.
    this.#head = { ...this.#head, seq };
    const { tick, closeAtMs } = this.#head;
    return encodeDocFrame({ flags, tick, closeAtMs, seq }, payload);
  }
}
