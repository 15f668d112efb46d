import type { Catalogue } from '../protocol/catalogue.ts';
import { applyPatch, diffDocuments } from '../protocol/document-patch.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { digestField } from '../protocol/field.ts';
import { pack } from '../protocol/pack.ts';
import {
  applyTick,
  decodeDocPatch,
  decodeKeyframe,
  type Keyframe,
  readStreamHead,
  STREAM_MESSAGE,
} from '../protocol/tick-message.ts';
import { unpack } from '../protocol/unpack.ts';
import { Ring, type RingEntry } from './ring.ts';

/** Ticks kept for fans who come back: 2 minutes at 2 Hz. */
const RING_TICKS = 240;

/**
 * - `waiting`: no keyframe yet, nothing can be served.
 * - `following`: the state is that of the publisher.
 * - `lost`: a tick did not fit; the last good state stands still until the next keyframe.
 */
export type StateStatus = 'waiting' | 'following' | 'lost';

/** What a message of the stream did. */
export type Applied =
  | { readonly kind: 'tick'; readonly entry: RingEntry }
  | { readonly kind: 'doc'; readonly seq: number; readonly patch: Uint8Array }
  /** The document was replaced as a whole; the ticks go on. */
  | { readonly kind: 'doc_anew' }
  /** Everything was taken from a keyframe: what fans hold builds on nothing any more. */
  | { readonly kind: 'begin'; readonly isNewEpoch: boolean }
  | { readonly kind: 'lost'; readonly reason: string }
  /** The message is in another catalogue: nothing was applied, begin anew with that one. */
  | { readonly kind: 'catalogue' }
  | { readonly kind: 'nothing' };

const NOTHING: Applied = { kind: 'nothing' };

/**
 * The state of one race as the stream tells it. Pure: messages go in, nothing comes out but return values.
 * One state lives in one catalogue.
 */
export class RaceState {
  readonly catalogue: Catalogue;
  readonly ring: Ring;
  status: StateStatus = 'waiting';
  epoch = '';
  /** Sequence of the last message that the state contains: the position of whoever gets all of it now. */
  seq = 0;
  document: unknown = {};
  docRevision = 0;
  /** How often the state was lost, by reason: the code of the error, `gap` or `drift`. */
  readonly losses = new Map<string, number>();
  #isDocLost = false;
  #packedDocument: Uint8Array | undefined;

  constructor(catalogue: Catalogue, ringTicks = RING_TICKS) {
    this.catalogue = catalogue;
    this.ring = new Ring(ringTicks);
  }

  get head(): RingEntry | undefined {
    return this.ring.head;
  }

  /** The whole document, packed; made once per revision. */
  get packedDocument(): Uint8Array {
    this.#packedDocument ??= pack(this.document);
    return this.#packedDocument;
  }

  /**
   * Takes the next message of the stream. Never throws on bad bytes.
   * @param bytes Kept: slices of ticks stay views into it.
   */
  apply(seq: number, bytes: Uint8Array): Applied {
    try {
      const head = readStreamHead(bytes);
      if (head.catalogueTag !== this.catalogue.tag) return { kind: 'catalogue' };
      if (head.type === STREAM_MESSAGE.keyframe) return this.#applyKeyframe(seq, bytes);
      if (this.status !== 'following') return NOTHING;
      if (head.epoch !== this.epoch) return this.#lose('epoch');
      if (head.type === STREAM_MESSAGE.doc) return this.#applyDoc(seq, bytes);
      return this.#applyTick(seq, bytes, head.tick);
    } catch (error) {
      if (error instanceof ProtocolError) return this.#lose(error.code);
      throw error;
    }
  }

  #lose(reason: string): Applied {
    this.losses.set(reason, (this.losses.get(reason) ?? 0) + 1);
    if (this.status === 'waiting') return NOTHING;
    this.status = 'lost';
    return { kind: 'lost', reason };
  }

  #applyTick(seq: number, bytes: Uint8Array, tick: number): Applied {
    const last = this.ring.head!;
    if (tick <= last.tick) return NOTHING;
    if (tick !== last.tick + 1) return this.#lose('gap');
    const { head, field, slices } = applyTick(bytes, this.catalogue, last.field);
    const fullSlices: (Uint8Array | undefined)[] = [];
    for (const slice of slices) fullSlices[slice.slot] = bytes.subarray(slice.start, slice.end);
    const entry = { tick, seq, message: bytes, closeAtMs: head.closeAtMs, field, fullSlices, docs: [], slices: [] };
    this.ring.push(entry);
    this.seq = seq;
    return { kind: 'tick', entry };
  }

  #applyDoc(seq: number, bytes: Uint8Array): Applied {
    const { docRevision, patch } = decodeDocPatch(bytes);
    if (docRevision <= this.docRevision || this.#isDocLost) return NOTHING;
    try {
      if (docRevision !== this.docRevision + 1)
        throw new ProtocolError('doc_gap', `Document revision ${docRevision} follows ${this.docRevision}.`);
      this.document = applyPatch(this.document, unpack(patch));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // The ticks are not harmed: only the document stands still until the next keyframe.
      this.#isDocLost = true;
      this.losses.set(error.code, (this.losses.get(error.code) ?? 0) + 1);
      return NOTHING;
    }
    this.docRevision = docRevision;
    this.#packedDocument = undefined;
    this.ring.head!.docs.push({ seq, patch, message: bytes });
    this.seq = seq;
    return { kind: 'doc', seq, patch };
  }

  #applyKeyframe(seq: number, bytes: Uint8Array): Applied {
    const keyframe = decodeKeyframe(bytes, this.catalogue);
    const { head: at } = keyframe;
    const last = this.ring.head;
    if (this.status !== 'following' || !last || at.epoch !== this.epoch) return this.#begin(seq, keyframe, bytes);
    if (at.tick < last.tick) return NOTHING;
    if (at.tick > last.tick) {
      this.#lose('gap');
      return this.#begin(seq, keyframe, bytes);
    }
    if (digestField(keyframe.field) !== digestField(last.field)) {
      this.#lose('drift');
      return this.#begin(seq, keyframe, bytes);
    }
    this.seq = seq;
    return this.#compareDocument(keyframe, bytes);
  }

  #compareDocument(keyframe: Keyframe, message: Uint8Array): Applied {
    const document = unpack(keyframe.doc);
    const isSameRevision = keyframe.docRevision === this.docRevision && !this.#isDocLost;
    if (isSameRevision && isSame(this.document, document)) return NOTHING;
    this.#takeDocument(document, keyframe.docRevision);
    // Patches from before do not lead to this document: who catches up over this place gets the whole of it.
    this.ring.head!.docs.push({ seq: this.seq, patch: undefined, message });
    return { kind: 'doc_anew' };
  }

  #takeDocument(document: unknown, revision: number): void {
    this.document = document;
    this.docRevision = revision;
    this.#isDocLost = false;
    this.#packedDocument = undefined;
  }

  #restartRing(entry: Pick<RingEntry, 'tick' | 'seq' | 'message' | 'closeAtMs' | 'field'>): void {
    this.ring.clear();
    // Whoever comes from before this keyframe, though from its tick, has patches that do not lead to its document.
    const docs = [{ seq: entry.seq, patch: undefined, message: entry.message }];
    this.ring.push({ ...entry, fullSlices: undefined, docs, slices: [] });
  }

  #begin(seq: number, keyframe: Keyframe, message: Uint8Array): Applied {
    const { tick, closeAtMs, epoch } = keyframe.head;
    const document = unpack(keyframe.doc);
    const isNewEpoch = epoch !== this.epoch;
    this.#takeDocument(document, keyframe.docRevision);
    this.#restartRing({ tick, seq, message, closeAtMs, field: keyframe.field });
    this.epoch = epoch;
    this.seq = seq;
    this.status = 'following';
    return { kind: 'begin', isNewEpoch };
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const isSame = (a: unknown, b: unknown): boolean =>
  isObject(a) && isObject(b) ? diffDocuments(a, b).length === 0 : a === b;
