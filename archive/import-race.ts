import type { RaceStream, StreamOptions } from '../broker/race-stream.ts';
import { TelemetryError } from '../protocol/errors.ts';
import { ArchiveError } from './archive-error.ts';
import type { ArchiveReader } from './archive-reader.ts';
import type { ArchivedMessage } from './tick-block.ts';

/** Messages on their way to NATS at a time. */
const UNDER_WAY = 64;
/** A stream with more sequences missing than this was not written by us. */
const MAX_HOLES = 100_000;

export interface ImportOptions {
  readonly stream?: StreamOptions;
  readonly onProgress?: (done: number, of: number) => void;
  readonly signal?: AbortSignal;
}

export interface ImportResult {
  /** Messages that are new in the stream. */
  readonly stored: number;
  /** Messages that were there already, from an import that was broken off. */
  readonly present: number;
  /** What the file no longer holds, each one sentence. */
  readonly problems: readonly string[];
}

/**
 * Puts an archive into the stream of a race, every message under the sequence that it had: positions of fans stay good.
 * An import that was broken off goes on where it ended.
 * @throws {ArchiveError} `race_exists` when the stream holds something else, `many_holes`.
 */
export async function importRace(
  reader: ArchiveReader,
  stream: RaceStream,
  options: ImportOptions = {},
): Promise<ImportResult> {
  await stream.ensure(options.stream);
  const { firstSeq, lastSeq } = (await stream.range())!;
  const importer = new Importer(stream, lastSeq, lastSeq < firstSeq || lastSeq === 0);
  const problems: string[] = [];
  for (const [index, block] of reader.blocks.entries()) {
    options.signal?.throwIfAborted();
    const read = await reader.block(block).catch((error: unknown) => {
      if (!(error instanceof TelemetryError)) throw error;
      problems.push(`Block ${index} is missing: ${error.message}`);
    });
    for (const message of read?.messages ?? []) await importer.add(message);
    options.onProgress?.(index + 1, reader.blocks.length);
  }
  await importer.flush();
  return { stored: importer.stored, present: importer.present, problems };
}

class Importer {
  readonly #stream: RaceStream;
  readonly #prefix: string;
  /** Last sequence that the stream has, with what is under way. */
  #lastSeq: number;
  /** Only such a stream may begin at another sequence. */
  #isEmpty: boolean;
  readonly #lastSeqs = new Map<string, number>();
  readonly #underWay = new Set<Promise<void>>();
  #failure: unknown;
  #holes = 0;
  stored = 0;
  present = 0;

  constructor(stream: RaceStream, lastSeq: number, isEmpty: boolean) {
    this.#stream = stream;
    this.#prefix = stream.subjects.all.slice(0, -1);
    this.#lastSeq = lastSeq;
    this.#isEmpty = isEmpty;
  }

  async add(message: ArchivedMessage): Promise<void> {
    const subject = this.#prefix + message.kind;
    if (message.seq <= this.#lastSeq) {
      await this.#compare(subject, message);
      this.present++;
    } else {
      await this.#skipTo(message.seq);
      await this.#room();
      this.#store(subject, message);
      this.stored++;
    }
    this.#lastSeqs.set(subject, message.seq);
  }

  /** Whether the stream is the beginning of this archive shows at every message that it has. */
  async #compare(subject: string, { seq, data }: ArchivedMessage): Promise<void> {
    const held = await this.#stream.at(seq);
    if (held?.subject === subject && Buffer.compare(held.data, data) === 0) return;
    throw this.#isAnother(seq);
  }

  #isAnother(seq: number): ArchiveError {
    const { race } = this.#stream;
    return new ArchiveError(
      'race_exists',
      `Race ${race} is in NATS already and is another one at sequence ${seq}; import the file under another name with --as.`,
    );
  }

  #store(subject: string, { seq, data }: ArchivedMessage): void {
    this.#lastSeq = seq;
    this.#isEmpty = false;
    const storing = this.#stream
      .publish(subject, data, `import:${seq}`, this.#lastSeqs.get(subject) ?? 0)
      .then(
        (result) => {
          if (result === 'conflict' || result.seq !== seq) {
            this.#failure ??= new ArchiveError(
              'race_exists',
              `Somebody else writes into race ${this.#stream.race}; stop it, or import under another name with --as.`,
            );
          }
        },
        (error: unknown) => {
          this.#failure ??= error;
        },
      )
      .finally(() => this.#underWay.delete(storing));
    this.#underWay.add(storing);
  }

  async #room(): Promise<void> {
    while (this.#underWay.size >= UNDER_WAY) await Promise.race(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Sequences that the archive does not have stay empty in the stream. */
  async #skipTo(seq: number): Promise<void> {
    if (seq === this.#lastSeq + 1) return;
    await this.flush();
    if (this.#isEmpty) await this.#stream.beginAt(seq);
    else {
      if (this.stored + this.present === 0) throw this.#isAnother(this.#lastSeq);
      this.#holes += seq - this.#lastSeq - 1;
      if (this.#holes > MAX_HOLES) {
        throw new ArchiveError(
          'many_holes',
          `The archive lacks ${this.#holes} sequences, at most ${MAX_HOLES} can be left empty.`,
        );
      }
      await this.#stream.leaveEmpty(seq - this.#lastSeq - 1);
    }
    this.#lastSeq = seq - 1;
  }

  async flush(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
  }
}
