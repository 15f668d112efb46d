import { type Catalogue, parseCatalogue } from './catalogue.ts';
import { applyPatch } from './document-patch.ts';
import { ProtocolError } from './errors.ts';
import { EMPTY_FIELD, type Field } from './field.ts';
import { pack } from './pack.ts';
import {
  applyTick,
  decodeDocPatch,
  decodeKeyframe,
  encodeKeyframe,
  readStreamHead,
  STREAM_MESSAGE,
  type StreamHead,
} from './tick-message.ts';
import { unpack } from './unpack.ts';

/** What is known of a race after a message of its stream. */
export interface RaceMoment {
  readonly head: StreamHead;
  readonly field: Field;
  readonly document: object;
  readonly docRevision: number;
}

/** What a message was to the race. */
export type Step = 'catalogue' | 'tick' | 'doc' | 'keyframe' | 'other';

/**
 * Follows a race through the messages of its stream, in order, and knows the whole state at each. Everything is
 * checked against the digests: what this accepts is what the publisher meant. A state is never changed in place.
 */
export class RaceCursor {
  #catalogue: Catalogue | undefined;
  #moment: RaceMoment | undefined;

  get catalogue(): Catalogue | undefined {
    return this.#catalogue;
  }

  /** `undefined` before the first tick or keyframe that can be read. */
  get moment(): RaceMoment | undefined {
    return this.#moment;
  }

  /** Goes on in another catalogue; what was known in the old one is forgotten. */
  useCatalogue(catalogue: Catalogue): void {
    if (catalogue.hash !== this.#catalogue?.hash) this.#moment = undefined;
    this.#catalogue = catalogue;
  }

  /**
   * Takes the next message.
   * @param kind Last word of its subject.
   * @throws {ProtocolError} when it cannot be read, or does not follow what was before: `gap` for a tick that is not
   *   the next one, `doc_gap` for a patch. What is known stays as it was.
   */
  take(kind: string, bytes: Uint8Array): Step {
    if (kind === 'catalogue') {
      this.useCatalogue(parseCatalogue(new TextDecoder().decode(bytes)));
      return 'catalogue';
    }
    if (kind !== 'tick' && kind !== 'doc' && kind !== 'keyframe') return 'other';
    const { type } = readStreamHead(bytes);
    if (type !== STREAM_MESSAGE[kind])
      throw new ProtocolError('bad_type', `A message of type ${type} came under the subject of a ${kind}.`);
    if (kind === 'doc') this.#takePatch(bytes);
    else if (!this.#catalogue)
      throw new ProtocolError('no_catalogue', 'No catalogue came before the first message of the race.');
    else if (kind === 'tick') this.#takeTick(bytes, this.#catalogue);
    else this.#takeKeyframe(bytes, this.#catalogue);
    return kind;
  }

  #takeTick(bytes: Uint8Array, catalogue: Catalogue): void {
    const { tick, epoch } = readStreamHead(bytes);
    const last = this.#moment;
    const isNext = last?.head.epoch === epoch && last.head.tick + 1 === tick;
    // An epoch begins on an empty field, with or without a race before it.
    if (!isNext && tick !== 0) throw new ProtocolError('gap', `Tick ${tick} of epoch ${epoch} ${describeGap(last)}.`);
    const { head, field } = applyTick(bytes, catalogue, isNext ? last.field : EMPTY_FIELD);
    const { document, docRevision } = isNext ? last : { document: {}, docRevision: 0 };
    this.#moment = { head, field, document, docRevision };
  }

  #takePatch(bytes: Uint8Array): void {
    const { head, docRevision, patch } = decodeDocPatch(bytes);
    const last = this.#moment;
    if (!last || head.epoch !== last.head.epoch || docRevision !== last.docRevision + 1) {
      throw new ProtocolError('doc_gap', `Revision ${docRevision} of the document does not follow what came before.`);
    }
    this.#moment = { ...last, document: applyPatch(last.document, unpack(patch)) as object, docRevision };
  }

  #takeKeyframe(bytes: Uint8Array, catalogue: Catalogue): void {
    const { head, field, doc, docRevision } = decodeKeyframe(bytes, catalogue);
    const last = this.#moment;
    // An older one says nothing new, and must not take the race back.
    if (last?.head.epoch === head.epoch && head.tick < last.head.tick) return;
    const isHere = last?.head.epoch === head.epoch && last.head.tick === head.tick;
    this.#moment = { head, field: isHere ? last.field : field, document: unpack(doc) as object, docRevision };
  }

  /** The keyframe that a publisher would send now; `undefined` before anything is known. The bytes are the caller's. */
  keyframe(): Uint8Array | undefined {
    if (!this.#moment || !this.#catalogue) return undefined;
    const { head, field, document, docRevision } = this.#moment;
    return encodeKeyframe(head, this.#catalogue, field, pack(document), docRevision);
  }
}

const describeGap = (last: RaceMoment | undefined): string =>
  last ? `does not follow tick ${last.head.tick} of epoch ${last.head.epoch}` : 'follows nothing that is known';
