import { expect } from 'vitest';
import type { Catalogue } from '../../protocol/catalogue.ts';
import { applyPatch } from '../../protocol/document-patch.ts';
import type { Field } from '../../protocol/field.ts';
import { decodePollAnswer, type PollHead } from '../../protocol/poll-answer.ts';
import {
  applyTick,
  decodeDocPatch,
  decodeKeyframe,
  readStreamHead,
  STREAM_MESSAGE,
} from '../../protocol/tick-message.ts';
import { unpack } from '../../protocol/unpack.ts';

/** Reads the answers to long polls one after another, as PROTOCOL.md says, and refuses what does not fit. */
export class PollReader {
  readonly #catalogue: Catalogue;
  readonly heads: PollHead[] = [];
  /** Every tick that came, in order. */
  readonly ticks: number[] = [];
  tick = -1;
  field: Field | undefined;
  document: unknown;
  docRevision = -1;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** Where it is, to ask with. */
  get since(): string | undefined {
    return this.heads.at(-1)?.to;
  }

  read(body: Uint8Array): PollHead {
    const { head, records } = decodePollAnswer(body);
    if (head.kind === 'deltas') expect(head.from).toBe(this.since);
    else expect(records).toHaveLength(1);
    expect(head.catalogue).toBe(this.#catalogue.hash);
    const before = this.ticks.length;
    for (const { message } of records) this.#take(message, head);
    if (head.kind === 'deltas') expect(this.ticks.length - before).toBe(head.ticks);
    this.heads.push(head);
    return head;
  }

  #take(message: Uint8Array, { epoch, kind }: PollHead): void {
    const head = readStreamHead(message);
    expect(head.epoch).toBe(epoch);
    if (head.type === STREAM_MESSAGE.tick) {
      expect(head.tick).toBe(this.tick + 1);
      this.field = applyTick(message, this.#catalogue, this.field!).field;
      this.tick = head.tick;
      this.ticks.push(head.tick);
      return;
    }
    if (head.type === STREAM_MESSAGE.doc) {
      const { docRevision, patch } = decodeDocPatch(message);
      expect(docRevision).toBe(this.docRevision + 1);
      this.document = applyPatch(this.document, unpack(patch));
      this.docRevision = docRevision;
      return;
    }
    const { field, doc, docRevision } = decodeKeyframe(message, this.#catalogue);
    if (kind === 'deltas') expect(field).toEqual(this.field);
    this.field = field;
    this.tick = head.tick;
    this.document = unpack(doc);
    this.docRevision = docRevision;
  }
}
