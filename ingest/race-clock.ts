import type { Clock } from './source.ts';

/** One turn of the race clock. */
export interface TickClose {
  /** Race time that the tick ends at, Unix ms, on the grid of the clock. */
  readonly closeAtMs: number;
  /** How long after that it was really closed, ms of race time. */
  readonly lateByMs: number;
  /** Turns of the grid that passed without a tick because the process stood still. */
  readonly skipped: number;
}

/**
 * Closes a tick every `tickMs` of race time.
 *
 * The grid is fixed at the start, so lateness never adds up. After a stall the tick that is open closes at once, with
 * the newest grid time that has passed, and the clock goes on: tick numbers have no holes, and no empty ticks are
 * made up for time in which nobody listened. All clocks of a race close at the same whole multiples, so that a standby
 * knows which of its ticks the other one has published.
 */
export class RaceClock {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #onClose: (close: TickClose) => void;
  #nextMs = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, tickMs: number, onClose: (close: TickClose) => void) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#onClose = onClose;
  }

  /** The first tick closes at the first whole multiple of `tickMs` after `afterMs`. */
  start(afterMs: number): void {
    this.#nextMs = (Math.floor(afterMs / this.#tickMs) + 1) * this.#tickMs;
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Whether there is a next tick. */
  get isRunning(): boolean {
    return this.#cancel !== undefined;
  }

  /** Ticks up to `closedAtMs` are closed already, elsewhere: the next one is behind them. */
  skipTo(closedAtMs: number): void {
    if (this.#nextMs > closedAtMs) return;
    this.stop();
    this.start(closedAtMs);
  }

  #arm(): void {
    const close = () => {
      const lateByMs = this.#clock.nowMs() - this.#nextMs;
      const skipped = Math.max(0, Math.floor(lateByMs / this.#tickMs));
      const closeAtMs = this.#nextMs + skipped * this.#tickMs;
      this.#nextMs = closeAtMs + this.#tickMs;
      this.#arm();
      this.#onClose({ closeAtMs, lateByMs, skipped });
    };
    this.#cancel = this.#clock.callAt(this.#nextMs, close, true);
  }
}
