import type { Clock } from './source.ts';

/** setTimeout counts in a signed 32-bit number of ms and fires at once above it. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Timers are some ms late at times; a precise call is waited for from this long before, in real ms. */
const WATCH_MS = 2;

/**
 * Race time bound to the machine's monotonic clock.
 *
 * @param startMs Race time at the moment of the call, Unix ms. @defaultValue now
 * @param speed Race ms per real ms, above 0. @defaultValue 1
 */
export function createClock(startMs: number = Date.now(), speed = 1): Clock {
  const origin = performance.now();
  let skippedMs = 0;
  const nowMs = () => startMs + skippedMs + (performance.now() - origin) * speed;
  return {
    nowMs,
    skipTo(toMs) {
      skippedMs += Math.max(0, toMs - nowMs());
    },
    callAt(atMs, callback, isPrecise = false) {
      let timer: NodeJS.Timeout;
      let watch: NodeJS.Immediate | undefined;
      const arm = () => {
        const leftMs = (atMs - nowMs()) / speed;
        // Timers fire up to 1 ms early; a callback that looks at the clock must never see a time before its own.
        if (leftMs <= 0) callback();
        else if (isPrecise && leftMs <= WATCH_MS) watch = setImmediate(arm);
        else timer = setTimeout(arm, Math.min(Math.ceil(isPrecise ? leftMs - WATCH_MS : leftMs), MAX_TIMEOUT_MS));
      };
      // Even what is due is called after this call has returned, so that the caller can cancel it.
      const leftMs = Math.ceil((atMs - nowMs()) / speed) - (isPrecise ? WATCH_MS : 0);
      timer = setTimeout(arm, Math.min(Math.max(0, leftMs), MAX_TIMEOUT_MS));
      return () => {
        clearTimeout(timer);
        clearImmediate(watch);
      };
    },
  };
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told otherwise: runs pipelines as fast as the machine can, the same each time. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #timers: Timer[] = [];
  #order = 0;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  callAt(atMs: number, callback: () => void): () => void {
    const timer = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves to `toMs`, calling every timer that falls due on the way in order of time, then of arming. */
  advanceTo(toMs: number): void {
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers) {
        if (
          timer.atMs <= toMs &&
          (!next || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order))
        )
          next = timer;
      }
      if (!next) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = Math.max(this.#nowMs, toMs);
  }
}
