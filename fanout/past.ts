import { type StoredMessage, StretchDecoder } from './past-stretch.ts';
import type { RaceState } from './race-state.ts';
import type { RingEntry } from './ring.ts';

/**
 * Reads the messages from `first` to `last` of the stream, as far as it has them.
 * @param take Called after this returned, with piece after piece in order; `undefined` when they cannot be had now, which
 *   is the last call too.
 */
export type ReadStream = (
  first: number,
  last: number,
  take: (piece: readonly StoredMessage[] | undefined, isLast: boolean, nowMs: number) => void,
) => void;

/** Messages of the stream that are read, decoded and forgotten together: about a minute of a race at 2 Hz. */
const STRETCH_MESSAGES = 256;
/** How far before a stretch a keyframe is looked for at first; there is one every 20 ticks, with two messages each or so. */
const LOOK_BACK = 96;
const MAX_LOOK_BACK = 16 * LOOK_BACK;
/** Stretches that are kept, some 3 MB each in a field of 40 cars. */
const MAX_STRETCHES = 40;
const UNUSED_FOR_MS = 30_000;
const MAX_QUEUE = 256;
const READS_AT_ONCE = 2;
/** After a read that failed none is tried for so long. */
const PAUSE_MS = 500;

interface Stretch {
  /** The ticks whose messages lie in the stretch, behind the last one before it. */
  readonly ticks: readonly RingEntry[];
  /** Up to where it was read; the stream may not have had all of it then. */
  readonly lastSeq: number;
  usedAtMs: number;
}

/**
 * What the stream holds before the ring of an edge, read when a fan asks for it. Whoever asks for the same stretch shares
 * one read; how much is read at once, waits to be read, and is kept is bounded, however many ask for whatever.
 */
export class Past {
  readonly #state: RaceState;
  readonly #read: ReadStream;
  readonly #onRead: (nowMs: number) => void;
  readonly #stretches = new Map<number, Stretch>();
  readonly #queue = new Set<number>();
  readonly #reading = new Set<number>();
  #nowMs = 0;
  #pausedUntilMs = 0;
  /** Stretches that were read since the beginning. */
  reads = 0;

  /** @param onRead Called whenever something that was `unread` may be there now. */
  constructor(state: RaceState, read: ReadStream, onRead: (nowMs: number) => void) {
    this.#state = state;
    this.#read = read;
    this.#onRead = onRead;
  }

  /** The state at a position older than the ring: the last tick at or before it. What is `unread` is read now. */
  at(seq: number): RingEntry | 'unread' | 'gone' {
    const number = stretchOf(seq);
    const stretch = this.#stretch(number);
    if (!stretch) return 'unread';
    if (seq > stretch.lastSeq) return this.#readAgain(number);
    return stretch.ticks.findLast((entry) => entry.seq <= seq) ?? 'gone';
  }

  /**
   * Ticks from `tick` on, in order, as many as lie together, out of the ring if it has them; at least one more than it
   * unless it is the newest.
   * @param seq Position of the fan that holds `tick`.
   */
  from(tick: number, seq: number): readonly RingEntry[] | 'unread' | 'gone' {
    const { ring } = this.#state;
    const own = ring.byTick(tick);
    if (own) return [own, ...ring.after(tick)];
    for (let number = stretchOf(seq); number <= stretchOf(this.#state.seq); number++) {
      const stretch = this.#stretch(number);
      if (!stretch) return 'unread';
      const place = stretch.ticks.findIndex((entry) => entry.tick === tick);
      if (place < 0) return 'gone';
      if (place < stretch.ticks.length - 1) return stretch.ticks.slice(place);
      if (stretch.lastSeq < lastOf(number)) return this.#readAgain(number);
    }
    return 'gone';
  }

  /** What the stream did not have when it was read is there now. */
  #readAgain(number: number): 'unread' {
    this.#stretches.delete(number);
    this.#enqueue(number);
    return 'unread';
  }

  #stretch(number: number): Stretch | undefined {
    const stretch = this.#stretches.get(number);
    if (!stretch) {
      this.#enqueue(number);
      return undefined;
    }
    stretch.usedAtMs = this.#nowMs;
    return stretch;
  }

  #enqueue(number: number): void {
    if (this.#reading.has(number) || this.#queue.size >= MAX_QUEUE) return;
    this.#queue.add(number);
    this.#readNext();
  }

  #readNext(): void {
    if (this.#nowMs < this.#pausedUntilMs) return;
    for (const number of this.#queue) {
      if (this.#reading.size >= READS_AT_ONCE) return;
      this.#queue.delete(number);
      this.#reading.add(number);
      this.#readStretch(number, LOOK_BACK);
    }
  }

  #readStretch(number: number, lookBack: number): void {
    const first = Math.max(1, number * STRETCH_MESSAGES);
    const from = Math.max(1, first - lookBack);
    const until = Math.min(lastOf(number), this.#state.seq);
    this.reads++;
    const { epoch, catalogue } = this.#state;
    const decoder = new StretchDecoder(first, epoch, catalogue);
    this.#read(from, until, (piece, isLast, nowMs) => {
      this.#nowMs = nowMs;
      if (piece) decoder.push(piece);
      if (piece && !isLast) return;
      const mayBeEarlier = from > 1 && decoder.firstSeq === from && lookBack < MAX_LOOK_BACK;
      if (piece && !decoder.hasBase && mayBeEarlier) {
        this.#readStretch(number, 4 * lookBack);
        return;
      }
      this.#reading.delete(number);
      if (piece) this.#keep(number, { ticks: decoder.ticks(), lastSeq: until, usedAtMs: nowMs });
      else this.#pausedUntilMs = nowMs + PAUSE_MS;
      this.#readNext();
      this.#onRead(nowMs);
    });
  }

  #keep(number: number, stretch: Stretch): void {
    this.#stretches.set(number, stretch);
    if (this.#stretches.size <= MAX_STRETCHES) return;
    let oldest = number;
    for (const [other, { usedAtMs }] of this.#stretches)
      if (other !== number && (oldest === number || usedAtMs < this.#stretches.get(oldest)!.usedAtMs)) oldest = other;
    this.#stretches.delete(oldest);
  }

  /** Forgets what nobody has used for a while; to be called about once a second. */
  sweep(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const [number, { usedAtMs }] of this.#stretches)
      if (nowMs - usedAtMs >= UNUSED_FOR_MS) this.#stretches.delete(number);
    this.#readNext();
  }
}

const stretchOf = (seq: number): number => Math.floor(seq / STRETCH_MESSAGES);
const lastOf = (stretch: number): number => (stretch + 1) * STRETCH_MESSAGES - 1;
