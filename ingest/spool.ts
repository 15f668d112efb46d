import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { TelemetryError } from '../protocol/errors.ts';
import { lockFolder } from './folder-lock.ts';
import type { Outgoing } from './outgoing.ts';
import { encodeRecord, readRecords, type SegmentHead, type Settled, type SpoolRecord } from './spool-record.ts';

export interface SpoolOptions {
  /** Folder of this race alone; made when it is first needed. */
  readonly folder: string;
  readonly race: string;
  /** Most bytes on disk. */
  readonly maxBytes: number;
  /** A file is removed when all of it is in the stream. @defaultValue 1 MiB, an eighth of `maxBytes` at most */
  readonly segmentBytes?: number;
}

/**
 * Why a spool cannot be used: `spool_full` (its own limit), `spool_disk` (what the file system says), `spool_in_use`,
 * `spool_damaged` (what was written cannot be read back).
 */
export class SpoolError extends TelemetryError {}

/** Whose messages a spool holds. */
export interface SpoolIdentity {
  readonly epoch: string;
  /** Hash of the catalogue that they are in. */
  readonly catalogue: string;
}

/** What an earlier process has left, as far as it can be read. */
export interface SpoolLeft extends SpoolIdentity {
  readonly settled: Settled;
  /** Number after that of the last message. */
  readonly end: number;
  /** Bytes at the end that were cut off in the middle of a write, or are damaged. */
  readonly droppedBytes: number;
}

interface Segment {
  readonly path: string;
  readonly first: number;
  count: number;
  bytes: number;
}

const SEGMENT_BYTES = 2 ** 20;
const FILE_NAME = /^\d{12}\.spool$/;

/** Whether an earlier process has left something in the folder of a spool. */
export const holdsSpool = (folder: string): boolean => listFiles(folder).length > 0;

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => FILE_NAME.test(name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Messages on disk that wait for NATS: appended at one end, settled at the other, numbered from 0.
 *
 * Every record has a length and a checksum. Files are written to their end and never changed; a file goes when all of
 * it is in the stream. Writes are handed to the system at once, which keeps them when this process is killed, and to the
 * disk within moments, which keeps them when the power fails. All of it is synchronous: a tick is a few KB.
 */
export class Spool {
  readonly #options: SpoolOptions;
  #segments: Segment[] = [];
  #nextFile = 0;
  /** The newest segment, while it is written. */
  #file: number | undefined;
  #unlock: (() => void) | undefined;
  #identity: SpoolIdentity = { epoch: '', catalogue: '' };
  #settled: Settled = { upTo: 0, lastSeqs: new Map() };
  #isSyncing = false;
  #isUnsynced = false;

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  get folder(): string {
    return this.#options.folder;
  }

  /** Size from which on a file is followed by another. */
  get segmentBytes(): number {
    const { segmentBytes, maxBytes } = this.#options;
    return segmentBytes ?? Math.min(SEGMENT_BYTES, maxBytes / 8);
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Number that the next message gets. */
  get end(): number {
    const last = this.#segments.at(-1);
    return last ? last.first + last.count : 0;
  }

  /** Says whose messages come next, and the newest sequence of each subject before them. The spool must be empty. */
  begin(identity: SpoolIdentity, lastSeqs: ReadonlyMap<string, number>): void {
    this.#identity = identity;
    this.#settled = { upTo: 0, lastSeqs };
  }

  /**
   * Reads what an earlier process has left; what cannot be read is removed. `undefined` when nothing waits.
   * @throws {SpoolError} `spool_in_use`, `spool_disk`.
   */
  load(): SpoolLeft | undefined {
    return this.#onDisk(() => {
      const names = listFiles(this.folder);
      if (names.length === 0) return undefined;
      this.#lock();
      return this.#loadFiles(names);
    });
  }

  #loadFiles(names: readonly string[]): SpoolLeft | undefined {
    const { folder } = this.#options;
    this.#nextFile = Number.parseInt(names.at(-1)!, 10) + 1;
    let first: SegmentHead | undefined;
    let droppedBytes = 0;
    this.#segments = [];
    for (const name of names) {
      const path = join(folder, name);
      const file = readFileSync(path);
      const { records, goodBytes } = readRecords(file);
      const head = records[0]?.kind === 'head' ? records[0].head : undefined;
      if (droppedBytes > 0 || !head || !this.#follows(head, first)) {
        droppedBytes += file.length;
        unlinkSync(path);
        continue;
      }
      first ??= head;
      this.#settled = head.settled;
      for (const record of records) if (record.kind === 'settled') this.#settled = record.settled;
      const count = records.filter(({ kind }) => kind === 'message').length;
      this.#segments.push({ path, first: head.first, count, bytes: goodBytes });
      if (goodBytes === file.length) continue;
      droppedBytes += file.length - goodBytes;
      truncateSync(path, goodBytes);
    }
    // What is gone was settled, also where the disk has lost the record of it.
    this.#settled = { ...this.#settled, upTo: Math.max(this.#settled.upTo, first?.first ?? 0) };
    const settled = this.#settled;
    if (!first || settled.upTo >= this.end) {
      this.#removeAll();
      return undefined;
    }
    this.#removeBelow(settled.upTo);
    this.#identity = { epoch: first.epoch, catalogue: first.catalogue };
    return { ...this.#identity, settled, end: this.end, droppedBytes };
  }

  /** Whether a segment continues those before it. */
  #follows(head: SegmentHead, first: SegmentHead | undefined): boolean {
    if (head.race !== this.#options.race) return false;
    return !first || (head.epoch === first.epoch && head.catalogue === first.catalogue && head.first === this.end);
  }

  /**
   * Adds a message at the end.
   * @throws {SpoolError} `spool_full`, `spool_disk`, `spool_in_use`; the message is not in the spool then, all others are.
   */
  append(message: Outgoing): void {
    this.#onDisk(() => {
      const segment = this.#segmentFor(message);
      this.#write(segment, { kind: 'message', message });
      segment.count++;
    });
  }

  /**
   * Says that everything below a number is in the stream; files of which that holds are removed. It need not be said of
   * each message: what a spool holds beyond is recognised in the stream.
   */
  settle(settled: Settled): void {
    this.#settled = settled;
    this.#onDisk(() => {
      const [head] = this.#segments;
      const tail = this.#segments.at(-1);
      if (!head || !tail) return;
      if (head !== tail && settled.upTo >= head.first + head.count) {
        // Before anything goes, also from the disk: it stands in the newest file, which goes last.
        this.#write(tail, { kind: 'settled', settled });
        fdatasyncSync(this.#file!);
      }
      if (settled.upTo >= this.end) this.#removeAll();
      else this.#removeBelow(settled.upTo);
    });
  }

  /**
   * The messages of one file from a number on, at least that one.
   * @throws {SpoolError} `spool_damaged`, `spool_disk`.
   */
  read(from: number): Outgoing[] {
    return this.#onDisk(() => {
      const segment = this.#segments.find(({ first, count }) => from >= first && from < first + count);
      const messages = segment ? this.#readMessages(segment) : [];
      if (!segment || messages.length < segment.count) {
        throw new SpoolError('spool_damaged', `Message ${from} of the spool in ${this.folder} cannot be read back.`);
      }
      return messages.slice(from - segment.first);
    });
  }

  /** All messages from a number on, a file at a time. @throws {SpoolError} as {@link read}. */
  *readAll(from: number): Generator<Outgoing> {
    for (let number = from; number < this.end; ) {
      const messages = this.read(number);
      yield* messages;
      number += messages.length;
    }
  }

  /** The newest file: what its first message builds on, and its messages. */
  readNewest(): { readonly base: Uint8Array | undefined; readonly messages: readonly Outgoing[] } {
    return this.#onDisk(() => {
      const segment = this.#segments.at(-1)!;
      const [head] = readRecords(readFileSync(segment.path)).records;
      return { base: head?.kind === 'head' ? head.head.base : undefined, messages: this.#readMessages(segment) };
    });
  }

  #readMessages({ path }: Segment): Outgoing[] {
    const { records } = readRecords(readFileSync(path));
    return records.flatMap((record) => (record.kind === 'message' ? [record.message] : []));
  }

  /** Forgets everything, on disk too. */
  discard(): void {
    this.#onDisk(() => this.#removeAll());
  }

  /** Gives the folder back; what is in it waits for the next process. Safe to call twice. */
  close(): void {
    this.#closeFile();
    const unlock = this.#unlock;
    this.#unlock = undefined;
    if (unlock) this.#onDisk(unlock);
  }

  /** The segment that a message goes into: the newest one, or one that it begins. */
  #segmentFor(message: Outgoing): Segment {
    const tail = this.#segments.at(-1);
    const { race } = this.#options;
    const isOpen = this.#file !== undefined && tail !== undefined;
    if (isOpen && (tail.bytes < this.segmentBytes || !message.base)) return tail;
    this.#closeFile();
    this.#lock();
    const path = join(this.folder, `${String(this.#nextFile++).padStart(12, '0')}.spool`);
    this.#file = openSync(path, 'wx', 0o600);
    const segment = { path, first: this.end, count: 0, bytes: 0 };
    this.#segments.push(segment);
    try {
      const { first } = segment;
      const head = { race, ...this.#identity, first, settled: this.#settled, base: message.base?.() };
      this.#write(segment, { kind: 'head', head });
    } catch (error) {
      // A file without a head is none.
      this.#segments.pop();
      this.#closeFile();
      unlinkSync(path);
      throw error;
    }
    return segment;
  }

  #write(segment: Segment, record: SpoolRecord): void {
    const bytes = encodeRecord(record);
    const { maxBytes } = this.#options;
    if (record.kind !== 'settled' && this.bytes + bytes.length > maxBytes) {
      throw new SpoolError(
        'spool_full',
        `The spool in ${this.folder} holds ${this.bytes} bytes, its limit is ${maxBytes}.`,
      );
    }
    if (this.#file === undefined) this.#file = openSync(segment.path, 'a');
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    } catch (error) {
      ftruncateSync(this.#file, segment.bytes);
      throw error;
    }
    segment.bytes += bytes.length;
    this.#sync();
  }

  /** One at a time: what is written meanwhile is taken along by the next. */
  #sync(): void {
    if (this.#isSyncing || this.#file === undefined) {
      this.#isUnsynced = true;
      return;
    }
    this.#isSyncing = true;
    this.#isUnsynced = false;
    // A file that was closed meanwhile is no loss, and a disk that fails is told by the next write.
    fdatasync(this.#file, () => {
      this.#isSyncing = false;
      if (this.#isUnsynced) this.#sync();
    });
  }

  #removeBelow(upTo: number): void {
    while (this.#segments.length > 1 && this.#segments[0]!.first + this.#segments[0]!.count <= upTo) {
      unlinkSync(this.#segments[0]!.path);
      this.#segments.shift();
    }
  }

  #removeAll(): void {
    this.#closeFile();
    for (const { path } of this.#segments.splice(0)) unlinkSync(path);
  }

  #closeFile(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #lock(): void {
    if (this.#unlock) return;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const taken = lockFolder(this.folder);
    if ('holder' in taken) {
      throw new SpoolError(
        'spool_in_use',
        `The spool in ${this.folder} is in use by process ${taken.holder}; name another folder with --spool.`,
      );
    }
    this.#unlock = taken.unlock;
  }

  /** @throws {SpoolError} `spool_disk` instead of what the file system throws. */
  #onDisk<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      const { code, syscall } = cause as NodeJS.ErrnoException;
      if (syscall === undefined) throw cause;
      throw new SpoolError('spool_disk', `The spool in ${this.folder} cannot be used (${code} in ${syscall}).`, {
        cause,
      });
    }
  }
}
