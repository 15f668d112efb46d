import type { StreamHead } from '../protocol/tick-message.ts';

/** A segment begins with a keyframe whose tick is a multiple of this: 10 s at 2 Hz. */
export const SEGMENT_TICKS = 20;
/** Segments of one race that are known at most: two weeks; the oldest are forgotten. */
const MAX_SEGMENTS = 120_960;

/** A keyframe in the stream, as far as it is needed to find it. */
export interface Place {
  readonly seq: number;
  readonly epoch: string;
  readonly tick: number;
  readonly closeAtMs: number;
}

/**
 * A stretch of a race that never changes any more: a keyframe, and everything behind it up to the tick of the next one,
 * which says the same as that keyframe. So a reader goes from one segment to the next without a seam.
 */
export interface Segment {
  /** `<epoch>-<number>`: in an address it means the same for ever. */
  readonly id: string;
  readonly epoch: string;
  /** Tick of its keyframe and last tick in it. */
  readonly ticks: readonly [number, number];
  /** Race time at which these closed, Unix ms. */
  readonly closeAtMs: readonly [number, number];
  /** First and last sequence between which it lies; messages of another epoch among them are not part of it. */
  readonly seqs: readonly [number, number];
}

const segmentId = (epoch: string, tick: number): string => `${epoch}-${Math.floor(tick / SEGMENT_TICKS)}`;

/** Knows the finished segments of a race from the keyframes in its stream. Pure: keyframes go in, in order. */
export class SegmentDirectory {
  readonly #segments: Segment[] = [];
  readonly #byId = new Map<string, Segment>();
  #open: Place | undefined;
  /** Up to here keyframes have been taken. */
  lastSeq = 0;

  /** Oldest first. The one that is not finished is none. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** The keyframe with which the one begins that is not finished. */
  get open(): Place | undefined {
    return this.#open;
  }

  find(id: string): Segment | undefined {
    return this.#byId.get(id);
  }

  /**
   * Takes the next keyframe.
   * @param head What is at its head; `undefined` for one that cannot be read: it is passed over, and so is what it would begin.
   */
  take(seq: number, head: StreamHead | undefined): void {
    this.lastSeq = Math.max(this.lastSeq, seq);
    if (!head) return;
    const { epoch, tick, closeAtMs } = head;
    const place = { seq, epoch, tick, closeAtMs };
    // Another life of the stream begins; what lies before it is finished as well, but nobody told where it ends.
    if (this.#open && place.epoch !== this.#open.epoch) this.#open = undefined;
    if (place.tick % SEGMENT_TICKS !== 0) return;
    if (this.#open && place.tick === this.#open.tick + SEGMENT_TICKS) this.#finish(this.#open, place);
    this.#open = place;
  }

  #finish(open: Place, next: Place): void {
    const segment = {
      id: segmentId(open.epoch, open.tick),
      epoch: open.epoch,
      ticks: [open.tick, next.tick],
      closeAtMs: [open.closeAtMs, next.closeAtMs],
      seqs: [open.seq, next.seq - 1],
    } as const;
    this.#segments.push(segment);
    this.#byId.set(segment.id, segment);
    if (this.#segments.length <= MAX_SEGMENTS) return;
    this.#byId.delete(this.#segments.shift()!.id);
  }
}

/**
 * The tick at which a race time was, by the segments and the length of a tick; the nearest known one before or after them.
 * @param own Those of one epoch, in order.
 */
export function tickAtTime(own: readonly Segment[], atMs: number, tickMs: number): number | undefined {
  let low = 0;
  let high = own.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (own[middle]!.closeAtMs[1] < atMs) low = middle + 1;
    else high = middle;
  }
  const within = own[low] ?? own.at(-1);
  if (!within) return undefined;
  const steps = Math.ceil((atMs - within.closeAtMs[0]) / tickMs);
  return Math.max(within.ticks[0], within.ticks[0] + steps);
}
