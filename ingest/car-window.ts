import type { Frame } from './source.ts';

/** How many frames back a double is recognised: two ticks at 250 Hz. */
const REMEMBERED_FRAMES = 256;
/** A car clock that jumps by more than this, in ms, is not believed at once. */
const CLOCK_STEP_MS = 10_000;
/** ... but when nothing else has come for so long, in ms of arrival, and at least so many frames agree. */
const CLOCK_STEP_AFTER_MS = 2000;
const CLOCK_STEP_FRAMES = 5;
/** Frames of a new clock agree when they advance with arrival within this, in ms. */
const CLOCK_AGREEMENT_MS = 1000;

/** What becomes of a frame. Everything but `fresh` and `new_clock` is dropped and counted under this name. */
export type Arrival = 'fresh' | 'new_clock' | 'double' | 'late' | 'implausible_time';

/**
 * Decides by the car's own clock whether a frame belongs to the open tick.
 *
 * Late is what is more than one tick older than the newest sample of the tick that closed last: frames may overtake
 * each other on the way, but a closed tick is never changed. Doubles are frames of the same instant with the same
 * channels. A clock that steps (the car rebooted) is believed after two seconds without any frame of the old one,
 * so that one wrong time stamp cannot silence a car.
 */
export class CarWindow {
  readonly #tickMs: number;
  #newestMs = Number.NEGATIVE_INFINITY;
  #closedMs = Number.NEGATIVE_INFINITY;
  #arrivedAtMs = 0;
  readonly #times = new Float64Array(REMEMBERED_FRAMES).fill(Number.NaN);
  readonly #shapes = new Float64Array(REMEMBERED_FRAMES);
  #next = 0;
  #suspect = { count: 0, sinceMs: 0, atMs: 0, arrivedAtMs: 0 };

  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /** @param nowMs Race time of arrival. */
  admit(frame: Frame, nowMs: number): Arrival {
    const { atMs } = frame;
    const isFirst = this.#newestMs === Number.NEGATIVE_INFINITY;
    const expectedMs = this.#newestMs + (nowMs - this.#arrivedAtMs);
    if (!isFirst && Math.abs(atMs - expectedMs) > CLOCK_STEP_MS) {
      if (!this.#believes(atMs, nowMs)) return atMs < expectedMs ? 'late' : 'implausible_time';
      this.#restart();
      this.#remember(frame, nowMs);
      return 'new_clock';
    }
    if (atMs <= this.#closedMs - this.#tickMs) return 'late';
    if (atMs <= this.#newestMs && this.#isKnown(frame)) return 'double';
    this.#remember(frame, nowMs);
    return 'fresh';
  }

  /** The tick closed: what was seen so far belongs to it or to one before. */
  close(): void {
    this.#closedMs = this.#newestMs;
  }

  #remember(frame: Frame, nowMs: number): void {
    this.#times[this.#next] = frame.atMs;
    this.#shapes[this.#next] = shapeOf(frame);
    this.#next = (this.#next + 1) % REMEMBERED_FRAMES;
    if (frame.atMs > this.#newestMs) {
      this.#newestMs = frame.atMs;
      this.#arrivedAtMs = nowMs;
    }
    this.#suspect.count = 0;
  }

  #isKnown(frame: Frame): boolean {
    const shape = shapeOf(frame);
    for (let i = 0; i < REMEMBERED_FRAMES; i++) {
      if (this.#times[i] === frame.atMs && this.#shapes[i] === shape) return true;
    }
    return false;
  }

  #believes(atMs: number, nowMs: number): boolean {
    const suspect = this.#suspect;
    const agrees = Math.abs(atMs - suspect.atMs - (nowMs - suspect.arrivedAtMs)) <= CLOCK_AGREEMENT_MS;
    this.#suspect =
      suspect.count > 0 && agrees
        ? { ...suspect, count: suspect.count + 1, atMs, arrivedAtMs: nowMs }
        : { count: 1, sinceMs: nowMs, atMs, arrivedAtMs: nowMs };
    return this.#suspect.count >= CLOCK_STEP_FRAMES && nowMs - this.#suspect.sinceMs >= CLOCK_STEP_AFTER_MS;
  }

  #restart(): void {
    this.#newestMs = Number.NEGATIVE_INFINITY;
    this.#closedMs = Number.NEGATIVE_INFINITY;
    this.#times.fill(Number.NaN);
  }
}

/** Which channels a frame carries, as a number that tells partial frames of one instant apart. */
function shapeOf(frame: Frame): number {
  if (frame.count === 0) return 0;
  return (frame.count * 4096 + frame.channels[0]!) * 4096 + frame.channels[frame.count - 1]!;
}
