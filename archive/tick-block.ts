import { ByteReader, ByteWriter } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { ArchiveError } from './archive-error.ts';
import { checksum } from './block.ts';

/** A message of the stream of a race, without the name of the race. `kind` is the rest of its subject: `tick`, `log.chat`, … */
export interface ArchivedMessage {
  readonly kind: string;
  readonly seq: number;
  readonly data: Uint8Array;
}

/** How an entry stands in a block; FORMAT.md, "Entries". */
const ENTRY = { tick: 0, doc: 1, keyframe: 2, catalogue: 3, madeKeyframe: 4, madeCatalogue: 5, other: 6 } as const;
const KINDS = ['tick', 'doc', 'keyframe', 'catalogue'];
const MADE = { keyframe: ENTRY.madeKeyframe, catalogue: ENTRY.madeCatalogue } as const;
type MadeKind = keyof typeof MADE;

/** What stands at the head of a block of ticks. */
export interface TickBlockHead {
  /** Sequence before that of the first entry. */
  readonly beforeSeq: number;
  /** Tag of the catalogue of the state that the block begins on; 0 when it begins on nothing. */
  readonly catalogueTag: number;
  /** The state that the block begins on, as a keyframe message; empty when it begins on nothing. */
  readonly base: Uint8Array;
}

/** Collects the messages of one block. */
export class TickBlockWriter {
  readonly #writer = new ByteWriter(1 << 20);
  #lastSeq: number;

  constructor({ beforeSeq, catalogueTag, base }: TickBlockHead) {
    this.#lastSeq = beforeSeq;
    this.#writer.u48(beforeSeq);
    this.#writer.u32(catalogueTag);
    this.#writer.varint(base.length);
    this.#writer.bytes(base);
  }

  get bytes(): number {
    return this.#writer.length;
  }

  /**
   * Adds a message; sequences must ascend.
   * @param made The keyframe or the catalogue that follows from what is known at this place: the same bytes need not
   *   be stored.
   */
  add({ kind, seq, data }: ArchivedMessage, made?: Uint8Array): void {
    const writer = this.#writer;
    const isMade = made !== undefined && isSame(made, data);
    const entry = isMade ? MADE[kind as MadeKind] : KINDS.includes(kind) ? KINDS.indexOf(kind) : ENTRY.other;
    writer.u8(entry);
    writer.varint(seq - this.#lastSeq - 1);
    this.#lastSeq = seq;
    if (isMade) {
      writer.u32(checksum(data));
      return;
    }
    if (entry === ENTRY.other) {
      const name = new TextEncoder().encode(kind);
      writer.varint(name.length);
      writer.bytes(name);
    }
    writer.varint(data.length);
    writer.bytes(data);
  }

  finish(): Uint8Array {
    return this.#writer.finish();
  }
}

/** An entry as it is stored: what can be made is stored as its checksum. */
export type StoredEntry = ArchivedMessage | { readonly made: MadeKind; readonly seq: number; readonly crc: number };

/** Reads a block of ticks. Data are views into `raw`. @throws {ArchiveError} `damaged_block`. */
export function readTickBlock(raw: Uint8Array): { readonly head: TickBlockHead; readonly entries: StoredEntry[] } {
  try {
    const reader = new ByteReader(raw);
    const beforeSeq = reader.u48('the sequence');
    const catalogueTag = reader.u32('the catalogue tag');
    const head = { beforeSeq, catalogueTag, base: run(reader, 'the base') };
    const entries: StoredEntry[] = [];
    for (let seq = beforeSeq; reader.left > 0; ) {
      const entry = readEntry(reader, seq);
      seq = entry.seq;
      entries.push(entry);
    }
    return { head, entries };
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ArchiveError('damaged_block', `The block has its checksum, but cannot be read: ${cause.message}`, {
      cause,
    });
  }
}

function readEntry(reader: ByteReader, lastSeq: number): StoredEntry {
  const entry = reader.u8('the kind of an entry');
  const seq = lastSeq + 1 + reader.varint('the sequence of an entry');
  if (entry === ENTRY.madeKeyframe) return { made: 'keyframe', seq, crc: reader.u32('a checksum') };
  if (entry === ENTRY.madeCatalogue) return { made: 'catalogue', seq, crc: reader.u32('a checksum') };
  if (entry > ENTRY.other) throw new ProtocolError('bad_code', `There is no entry of kind ${entry}.`);
  const kind = entry === ENTRY.other ? new TextDecoder().decode(run(reader, 'the subject')) : KINDS[entry]!;
  return { kind, seq, data: run(reader, 'an entry') };
}

function run(reader: ByteReader, what: string): Uint8Array {
  const length = reader.varint(`the length of ${what}`);
  const at = reader.take(length, what);
  return reader.bytes.subarray(at, at + length);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
