import type { Frame } from './source.ts';

/** How many frames back a double is recognised: two ticks at 250 Hz. */
const REMEMBERED_FRAMES = 256;
/** A frame may come this much sooner, in ms, than the quickest one so far allows; more is a wrong time stamp. */
const MAX_LEAD_MS = 2000;
/** Refused times are believed after all when nothing else has come for so long, in ms of arrival, ... */
const CLOCK_STEP_AFTER_MS = 2000;
/** ... from at least so many frames ... */
const CLOCK_STEP_FRAMES = 5;
/** ... that advance with their arrival within this, in ms. */
const CLOCK_AGREEMENT_MS = 1000;

/** What becomes of a frame. Everything but `fresh` and `new_clock` is dropped and counted under this name. */
export type Arrival = 'fresh' | 'new_clock' | 'double' | 'late' | 'implausible_time';

/**
 * Decides by the car's own clock whether a frame belongs to the open tick.
 *
 * Late is what is more than one tick older than the newest sample of the tick that closed last: frames may overtake
 * each other on the way, but a closed tick is never changed. Doubles are frames of the same instant with the same
 * channels. The car's clock need not be right, it only has to run evenly: a frame that comes sooner than any before it
 * allows has a wrong time. When two seconds bring nothing but late or wrong times that run evenly, the clock has been
 * set, and they are right: so neither a wrong time stamp nor a reboot can silence a car for longer.
 */
export class CarWindow {
  readonly #tickMs: number;
  #newestMs = Number.NEGATIVE_INFINITY;
  #closedMs = Number.NEGATIVE_INFINITY;
  /** Arrival minus car time of the quickest frame. */
  #offsetMs = Number.POSITIVE_INFINITY;
  readonly #times = new Float64Array(REMEMBERED_FRAMES).fill(Number.NaN);
  readonly #shapes = new Int32Array(REMEMBERED_FRAMES);
  #next = 0;
  /** Refused frames in a row that run evenly; `atMs` and `arrivedAtMs` are of the first one. */
  #refused = { count: 0, atMs: 0, arrivedAtMs: 0 };

  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /** @param nowMs Race time of arrival. */
  admit(frame: Frame, nowMs: number): Arrival {
    const { atMs } = frame;
    const isEarly = this.#offsetMs - (nowMs - atMs) > MAX_LEAD_MS && this.#offsetMs !== Number.POSITIVE_INFINITY;
    if (isEarly || atMs < this.#closedMs - this.#tickMs) {
      if (!this.#believes(atMs, nowMs)) return isEarly ? 'implausible_time' : 'late';
      this.#forget();
      this.#remember(atMs, shapeOf(frame), nowMs);
      return 'new_clock';
    }
    const shape = shapeOf(frame);
    if (atMs <= this.#newestMs && this.#isKnown(atMs, shape)) return 'double';
    this.#remember(atMs, shape, nowMs);
    return 'fresh';
  }

  /** The tick closed: what was seen so far belongs to it or to one before. */
  close(): void {
    this.#closedMs = this.#newestMs;
  }

  #remember(atMs: number, shape: number, nowMs: number): void {
    this.#times[this.#next] = atMs;
    this.#shapes[this.#next] = shape;
    this.#next = (this.#next + 1) % REMEMBERED_FRAMES;
    this.#newestMs = Math.max(this.#newestMs, atMs);
    this.#offsetMs = Math.min(this.#offsetMs, nowMs - atMs);
    this.#refused.count = 0;
  }

  /** Looks from the newest back: doubles tend to follow closely. */
  #isKnown(atMs: number, shape: number): boolean {
    for (let back = 1; back <= REMEMBERED_FRAMES; back++) {
      const i = (this.#next - back + REMEMBERED_FRAMES) % REMEMBERED_FRAMES;
      if (this.#times[i] === atMs && this.#shapes[i] === shape) return true;
    }
    return false;
  }

  #believes(atMs: number, nowMs: number): boolean {
    const { count, atMs: firstMs, arrivedAtMs } = this.#refused;
    const passedMs = nowMs - arrivedAtMs;
    const isEven = count > 0 && Math.abs(atMs - firstMs - passedMs) <= CLOCK_AGREEMENT_MS;
    if (!isEven) {
      this.#refused = { count: 1, atMs, arrivedAtMs: nowMs };
      return false;
    }
    this.#refused.count++;
    return this.#refused.count >= CLOCK_STEP_FRAMES && passedMs >= CLOCK_STEP_AFTER_MS;
  }

  #forget(): void {
    this.#newestMs = Number.NEGATIVE_INFINITY;
    this.#closedMs = Number.NEGATIVE_INFINITY;
    this.#offsetMs = Number.POSITIVE_INFINITY;
    this.#times.fill(Number.NaN);
  }
}

/** Hash of the channels of a frame, which tells partial frames of one instant apart (FNV-1a over the indices). */
function shapeOf({ channels, count }: Frame): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < count; i++) hash = Math.imul(hash ^ channels[i]!, 0x01000193);
  return hash;
}
