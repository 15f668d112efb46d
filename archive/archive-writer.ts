import { TelemetryError } from '../protocol/errors.ts';
import { RaceCursor, type RaceMoment } from '../protocol/race-cursor.ts';
import { peekStreamHead } from '../protocol/tick-message.ts';
import { BLOCK, type BlockType, encodeBlock } from './block.ts';
import { type BlockEntry, type Contents, findEvents, type RaceEvent } from './contents.ts';
import { encodeFileEnd, encodeFileStart } from './file-frame.ts';
import { type ArchivedMessage, TickBlockWriter } from './tick-block.ts';

/** Ticks of one block: a minute. That much is lost with a damaged block; shorter ones make the file larger. */
const BLOCK_TICKS = 120;
/** A block is closed before it grows beyond this, however few ticks it has. */
const BLOCK_BYTES = 16 * 1024 * 1024;
const MAX_PROBLEMS = 100;
const NOTHING = new Uint8Array(0);

/** A block that still takes messages. */
interface OpenBlock {
  readonly writer: TickBlockWriter;
  readonly catalogueTag: number;
  readonly seqs: [number, number];
  epoch?: string;
  ticks?: [number, number];
  closeAtMs?: [number, number];
}

/**
 * Makes the bytes of an archive file out of the messages of a race, in order. Pure: what it returns is to be written
 * one after the other. Messages that cannot be read are kept as they are, and named among the problems.
 */
export class ArchiveWriter {
  readonly #race: string;
  readonly #cursor = new RaceCursor();
  /** The text of each, by tag. */
  readonly #catalogues = new Map<number, Uint8Array>();
  readonly #blocks: BlockEntry[] = [];
  readonly #events: RaceEvent[] = [];
  readonly #messages: Record<string, number> = {};
  readonly #problems: string[] = [];
  #tickBytes = 0;
  /** Length of the file so far. */
  #at = 0;
  #open: OpenBlock | undefined;
  /** A message that does not fit is told once, not again with each one after it. */
  #isAstray = false;

  constructor(race: string) {
    this.#race = race;
  }

  /** The first bytes of the file. */
  begin(): Uint8Array {
    return this.#place(encodeFileStart());
  }

  /** Takes the next message; its bytes are copied. @returns The blocks that are complete now, in order. */
  add(message: ArchivedMessage): Uint8Array[] {
    const blocks = this.#endsBlock(message) ? this.#close() : [];
    const base = this.#open ? undefined : this.#cursor.keyframe();
    const { catalogue, moment } = this.#cursor;
    const made = this.#made(message);
    const isGood = this.#advance(message);
    const tag = this.#cursor.catalogue?.tag ?? 0;
    const isOther = this.#cursor.catalogue?.hash !== catalogue?.hash;
    if (isOther) {
      this.#catalogues.set(tag, message.data.slice());
      blocks.push(this.#write(BLOCK.catalogue, message.data, { catalogueTag: tag }));
    }
    this.#open ??= openBlock(message.seq, tag, isOther ? undefined : base);
    this.#put(this.#open, message, isGood ? made : undefined, moment);
    return blocks;
  }

  /** The end of the file: the last messages, the catalogues again, the index, and where it is. */
  finish(): Uint8Array[] {
    const blocks = this.#close();
    // Without its catalogue nothing in the file can be read: one damaged byte must not cost all of it.
    for (const [catalogueTag, data] of this.#catalogues)
      blocks.push(this.#write(BLOCK.catalogue, data, { catalogueTag }));
    const indexAt = this.#at;
    const index = new TextEncoder().encode(JSON.stringify(this.contents()));
    return [...blocks, encodeBlock(BLOCK.index, index), encodeFileEnd(indexAt)];
  }

  contents(): Contents {
    return {
      version: 1,
      race: this.#race,
      blocks: this.#blocks,
      events: this.#events,
      messages: this.#messages,
      tickBytes: this.#tickBytes,
      problems: this.#problems,
    };
  }

  /** A block has one catalogue and one epoch, and not too many ticks. */
  #endsBlock({ kind, data }: ArchivedMessage): boolean {
    if (!this.#open) return false;
    const { ticks, epoch, writer } = this.#open;
    if (kind === 'catalogue') return new TextDecoder().decode(data) !== this.#cursor.catalogue?.json;
    if (kind !== 'tick' && kind !== 'keyframe') return writer.bytes >= BLOCK_BYTES;
    if (kind === 'tick' && ticks && ticks[1] - ticks[0] + 1 >= BLOCK_TICKS) return true;
    return epoch !== undefined && epochOf(data) !== epoch;
  }

  /** @returns whether the message could be read and fits. */
  #advance({ kind, seq, data }: ArchivedMessage): boolean {
    try {
      this.#cursor.take(kind, data);
      this.#isAstray &&= kind !== 'tick' && kind !== 'keyframe';
      return true;
    } catch (error) {
      if (!(error instanceof TelemetryError)) throw error;
      if (!this.#isAstray && this.#problems.length < MAX_PROBLEMS)
        this.#problems.push(`Sequence ${seq}: ${error.message}`);
      this.#isAstray = true;
      return false;
    }
  }

  #put(block: OpenBlock, message: ArchivedMessage, made: Uint8Array | undefined, before: RaceMoment | undefined): void {
    const { kind, data, seq } = message;
    block.writer.add(message, made);
    block.seqs[1] = seq;
    this.#messages[kind] = (this.#messages[kind] ?? 0) + 1;
    if (kind === 'tick') this.#tickBytes += data.length;
    const after = this.#cursor.moment;
    if (!after || after === before) return;
    const { tick, epoch, closeAtMs } = after.head;
    block.epoch ??= epoch;
    if (kind === 'tick') {
      block.ticks = [block.ticks?.[0] ?? tick, tick];
      block.closeAtMs = [block.closeAtMs?.[0] ?? closeAtMs, closeAtMs];
    }
    const old = before?.head.epoch === epoch ? before.document : {};
    this.#events.push(...findEvents(old, after.document, tick, epoch));
  }

  /** What a message must say by what is known before it: if it does, it need not be stored. */
  #made({ kind, data }: ArchivedMessage): Uint8Array | undefined {
    return kind === 'keyframe' ? this.#cursor.keyframe() : kind === 'catalogue' ? data : undefined;
  }

  #close(): Uint8Array[] {
    if (!this.#open) return [];
    const { writer, ...entry } = this.#open;
    this.#open = undefined;
    return [this.#write(BLOCK.ticks, writer.finish(), entry)];
  }

  #write(type: BlockType, raw: Uint8Array, entry: Omit<BlockEntry, 'type' | 'at' | 'bytes'>): Uint8Array {
    const at = this.#at;
    const bytes = this.#place(encodeBlock(type, raw));
    this.#blocks.push({ type, at, bytes: bytes.length, ...entry });
    return bytes;
  }

  #place(bytes: Uint8Array): Uint8Array {
    this.#at += bytes.length;
    return bytes;
  }
}

function openBlock(firstSeq: number, catalogueTag: number, base: Uint8Array = NOTHING): OpenBlock {
  const writer = new TickBlockWriter({ beforeSeq: firstSeq - 1, catalogueTag, base });
  return { writer, catalogueTag, seqs: [firstSeq, firstSeq] };
}

const epochOf = (data: Uint8Array): string | undefined => peekStreamHead(data)?.epoch;
