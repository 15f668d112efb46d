import type { Catalogue } from '../protocol/catalogue.ts';
import { BrokerError } from '../protocol/errors.ts';
import { encodePollAnswer, type StreamRecord } from '../protocol/poll-answer.ts';
import { formatPosition } from '../protocol/position.ts';
import { readStreamHead, STREAM_MESSAGE, type StreamHead } from '../protocol/tick-message.ts';
import { EncodedBody, LastBody } from './encoded-body.ts';
import { type Place, type Segment, SegmentDirectory } from './segment-directory.ts';

/** Segments that are read at a time, and those that may wait for it. */
const READS_AT_ONCE = 2;
const MAX_WAITING = 256;
/** The directory is not asked for again sooner. */
const REFRESH_MS = 1000;

const NOTHING = new Uint8Array(0);
const FOR_EVER = { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'public, max-age=31536000, immutable' };

/** Where segments come from: the stream of a race, or an archive. Both throw when it cannot be read now. */
export interface SegmentSource {
  /** Gives the keyframes behind a sequence, in order; one that cannot be read without its head. */
  keyframes(afterSeq: number, take: (seq: number, head: StreamHead | undefined) => void): Promise<void>;
  /** Every message between two sequences, both included, in order. */
  messages(firstSeq: number, lastSeq: number): Promise<readonly StreamRecord[]>;
  /** Every catalogue that the race was in. */
  catalogues(): Promise<readonly Catalogue[]>;
}

/** What does not change of a race while its epoch lasts. */
export interface SegmentFacts {
  readonly race: string;
  readonly tickMs: number;
  /** Memory for finished segments in all their forms. */
  readonly maxBytes: number;
}

/** The finished segments of one race, made when they are asked for and kept as long as there is room. */
export class Segments {
  readonly #source: SegmentSource;
  readonly #facts: SegmentFacts;
  readonly #nowMs: () => number;
  readonly #directory = new SegmentDirectory();
  /** The list as it is served. */
  readonly listing = new LastBody();
  readonly #catalogues = new Map<number, Catalogue>();
  #refreshing: Promise<void> | undefined;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  /** The one that was used last comes last. */
  readonly #kept = new Map<string, EncodedBody>();
  #keptBytes = 0;
  readonly #making = new Map<string, Promise<EncodedBody>>();
  readonly #waiting: (() => void)[] = [];
  #reading = 0;

  constructor(source: SegmentSource, facts: SegmentFacts, nowMs: () => number) {
    this.#source = source;
    this.#facts = facts;
    this.#nowMs = nowMs;
  }

  /** Finished segments, oldest first, at most a second behind. Throws when the source cannot be read and nothing is known. */
  async list(): Promise<readonly Segment[]> {
    await this.#refresh();
    return this.#directory.segments;
  }

  /** Finished segments as far as they are known without asking. */
  get known(): readonly Segment[] {
    return this.#directory.segments;
  }

  /** Where the one begins that is not finished; `undefined` where none is known. */
  get open(): Place | undefined {
    return this.#directory.open;
  }

  /** How many are in memory, and how large they are. */
  get kept(): { readonly segments: number; readonly bytes: number } {
    return { segments: this.#kept.size, bytes: this.#keptBytes };
  }

  /**
   * @returns `unknown`: there is no such segment, or not yet. `busy`: too many are waited for. Throws when the source cannot
   *   be read.
   */
  async get(id: string): Promise<EncodedBody | 'unknown' | 'busy'> {
    const kept = this.#kept.get(id);
    if (kept) {
      this.#kept.delete(id);
      this.#kept.set(id, kept);
      return kept;
    }
    if (!this.#directory.find(id)) await this.#refresh();
    const segment = this.#directory.find(id);
    if (!segment) return 'unknown';
    const known = this.#making.get(id);
    if (known) return known;
    if (this.#waiting.length >= MAX_WAITING) return 'busy';
    const making = this.#make(segment).finally(() => this.#making.delete(id));
    this.#making.set(id, making);
    return making;
  }

  async #refresh(): Promise<void> {
    if (this.#nowMs() - this.#refreshedAtMs < REFRESH_MS) return;
    this.#refreshing ??= this.#source
      .keyframes(this.#directory.lastSeq, (seq, head) => this.#directory.take(seq, head))
      .then(() => {
        this.#refreshedAtMs = this.#nowMs();
      })
      .finally(() => {
        this.#refreshing = undefined;
      });
    await this.#refreshing;
  }

  async #make(segment: Segment): Promise<EncodedBody> {
    await this.#turn();
    try {
      const messages = await this.#source.messages(...segment.seqs);
      const { catalogueTag } = readStreamHead(messages[0]?.message ?? NOTHING);
      const catalogue = await this.catalogueWith(catalogueTag);
      return this.#keep(segment.id, encodeSegment(this.#facts, catalogue.hash, segment, messages));
    } finally {
      this.#reading--;
      this.#waiting.shift()?.();
    }
  }

  /** A catalogue that segments are in. */
  catalogue(hash: string): Catalogue | undefined {
    for (const catalogue of this.#catalogues.values()) if (catalogue.hash === hash) return catalogue;
    return undefined;
  }

  /** The catalogue of messages with this tag. @throws {BrokerError} `stream_damaged` when the stream does not have it. */
  async catalogueWith(tag: number): Promise<Catalogue> {
    if (!this.#catalogues.has(tag))
      for (const one of await this.#source.catalogues()) this.#catalogues.set(one.tag, one);
    const catalogue = this.#catalogues.get(tag);
    if (catalogue) return catalogue;
    throw new BrokerError('stream_damaged', `The stream of race ${this.#facts.race} has no catalogue with tag ${tag}.`);
  }

  async #turn(): Promise<void> {
    if (this.#reading >= READS_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#reading++;
  }

  #keep(id: string, bytes: Uint8Array): EncodedBody {
    const body = new EncodedBody(bytes, FOR_EVER, (more) => {
      if (this.#kept.get(id) === body) this.#grow(more);
    });
    this.#kept.set(id, body);
    this.#grow(bytes.length);
    return body;
  }

  #grow(bytes: number): void {
    this.#keptBytes += bytes;
    for (const [id, body] of this.#kept) {
      if (this.#keptBytes <= this.#facts.maxBytes || this.#kept.size === 1) return;
      this.#kept.delete(id);
      this.#keptBytes -= body.bytes;
    }
  }
}

/**
 * The bytes of a segment, the same on every edge: an answer as to a long poll (PROTOCOL.md, "Segments") with its keyframe
 * and everything behind it but further keyframes.
 * @throws {ProtocolError} when a message cannot be read. @throws {BrokerError} `stream_damaged` when the segment is not whole.
 */
function encodeSegment(
  { race, tickMs }: SegmentFacts,
  catalogue: string,
  segment: Segment,
  messages: readonly StreamRecord[],
): Uint8Array {
  const { epoch, ticks, seqs } = segment;
  const records: StreamRecord[] = [];
  let count = 0;
  for (const record of messages) {
    const isFirst = record.seq === seqs[0];
    // The text of a catalogue begins like no message of ours.
    if (record.message[0]! > STREAM_MESSAGE.doc) continue;
    const head = readStreamHead(record.message);
    if (head.epoch !== epoch || (head.type === STREAM_MESSAGE.keyframe && !isFirst)) continue;
    if (head.type === STREAM_MESSAGE.tick) count++;
    records.push(record);
  }
  if (count !== ticks[1] - ticks[0] || records[0]?.seq !== seqs[0]) {
    const what = `${count} ticks of ${ticks[1] - ticks[0]}`;
    throw new BrokerError('stream_damaged', `The stream of race ${race} holds ${what} of segment ${segment.id}.`);
  }
  const to = formatPosition({ epoch, seq: records.at(-1)!.seq });
  const from = formatPosition({ epoch, seq: seqs[0] });
  return encodePollAnswer({ race, epoch, catalogue, tickMs, kind: 'segment', from, to, ticks: count }, records);
}
