import type { RaceStream, StreamMessage } from '../broker/race-stream.ts';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';
import type { RaceDocument } from '../protocol/document.ts';
import { applyPatch } from '../protocol/document-patch.ts';
import { digestField, type Field } from '../protocol/field.ts';
import { applyTick, decodeDocPatch, decodeKeyframe, readStreamHead } from '../protocol/tick-message.ts';
import { unpack } from '../protocol/unpack.ts';

/** One tick as the stream holds it. */
export interface ReadTick {
  readonly tick: number;
  readonly closeAtMs: number;
  readonly seq: number;
  readonly field: Field;
}

/** One epoch as a stranger reads it from the stream alone. */
export interface ReadEpoch {
  readonly epoch: string;
  readonly catalogue: Catalogue;
  /** Every tick from the first keyframe on, in order of the stream. */
  readonly ticks: ReadTick[];
  document: RaceDocument;
  docRevision: number;
  keyframes: number;
}

/** Everything that the stream holds, in order. */
export async function readStream(stream: RaceStream): Promise<StreamMessage[]> {
  const range = await stream.range();
  const messages: StreamMessage[] = [];
  if (!range || range.lastSeq === 0) return messages;
  const { promise, resolve } = Promise.withResolvers<void>();
  const follower = await stream.follow(range.firstSeq, (message) => {
    messages.push(message);
    if (message.seq >= range.lastSeq) resolve();
  });
  await promise;
  await follower.stop();
  return messages;
}

/** Decodes the stream of a race message by message: every tick on the one before, keyframes and documents against it. */
export class RaceReader {
  readonly epochs: ReadEpoch[] = [];
  #catalogue: Catalogue | undefined;
  /** Before the first keyframe of an epoch nothing can be read. */
  #current: ReadEpoch | undefined;
  #mayBegin = false;

  /** @throws {Error} when a tick number is forked, doubled or lost, or a keyframe says something else than the deltas. */
  take({ subject, seq, data }: StreamMessage): void {
    const kind = subject.slice(subject.lastIndexOf('.') + 1);
    const expect = (isSo: boolean, what: string) => {
      if (!isSo) throw new Error(`Sequence ${seq}: ${what}.`);
    };
    if (kind === 'catalogue') {
      this.#catalogue = parseCatalogue(new TextDecoder().decode(data));
      this.#mayBegin = true;
      return;
    }
    // A catalogue stands before every epoch, and now and then within one.
    if (this.#mayBegin && this.#current && readStreamHead(data).epoch !== this.#current.epoch)
      this.#current = undefined;
    this.#mayBegin = false;
    if (kind === 'keyframe') {
      this.#takeKeyframe(seq, data, expect);
    } else if (kind === 'tick' && this.#current) {
      const { epoch, ticks } = this.#current;
      const last = ticks.at(-1)!;
      const { head, field } = applyTick(data, this.#catalogue!, last.field);
      expect(head.epoch === epoch, `a tick of epoch ${head.epoch} in epoch ${epoch}`);
      expect(head.tick === last.tick + 1, `tick ${head.tick} follows tick ${last.tick}`);
      expect(head.closeAtMs > last.closeAtMs, `tick ${head.tick} closes before the one before`);
      ticks.push({ tick: head.tick, closeAtMs: head.closeAtMs, seq, field });
    } else if (kind === 'doc' && this.#current) {
      const current = this.#current;
      const patch = decodeDocPatch(data);
      expect(
        patch.docRevision === current.docRevision + 1,
        `document ${patch.docRevision} after ${current.docRevision}`,
      );
      current.document = applyPatch(current.document, unpack(patch.patch)) as RaceDocument;
      current.docRevision = patch.docRevision;
    }
  }

  #takeKeyframe(seq: number, data: Uint8Array, expect: (isSo: boolean, what: string) => void): void {
    const catalogue = this.#catalogue!;
    const { head, field, doc, docRevision } = decodeKeyframe(data, catalogue);
    const document = unpack(doc) as RaceDocument;
    if (!this.#current) {
      expect(!this.epochs.some(({ epoch }) => epoch === head.epoch), `epoch ${head.epoch} comes back`);
      const ticks = [{ tick: head.tick, closeAtMs: head.closeAtMs, seq, field }];
      this.#current = { epoch: head.epoch, catalogue, ticks, document, docRevision, keyframes: 0 };
      this.epochs.push(this.#current);
    }
    const current = this.#current;
    const last = current.ticks.at(-1)!;
    current.keyframes++;
    expect(head.epoch === current.epoch, `a keyframe of epoch ${head.epoch} in epoch ${current.epoch}`);
    expect(head.tick === last.tick, `a keyframe of tick ${head.tick} behind tick ${last.tick}`);
    expect(digestField(field) === digestField(last.field), `the keyframe of tick ${head.tick} differs from the deltas`);
    expect(JSON.stringify(sorted(document)) === JSON.stringify(sorted(current.document)), 'the documents differ');
    expect(docRevision === current.docRevision, `revision ${docRevision} is not ${current.docRevision}`);
  }
}

/**
 * Decodes a whole stream.
 * @throws {Error} as {@link RaceReader.take}.
 */
export function decodeRace(messages: readonly StreamMessage[]): ReadEpoch[] {
  const reader = new RaceReader();
  for (const message of messages) reader.take(message);
  return reader.epochs;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}
