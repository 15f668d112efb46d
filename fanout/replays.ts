import type { Fan } from './fan.ts';

/** The fans that get what they missed tick by tick, in turns, so that none waits for another one to have everything. */
export class Replays {
  readonly #ready = new Set<Fan>();
  readonly #reading = new Set<Fan>();
  readonly #onReady: () => void;

  /** @param onReady Called when there is something for {@link run}. */
  constructor(onReady: () => void) {
    this.#onReady = onReady;
  }

  /** The fan can take more. */
  add(fan: Fan): void {
    this.#reading.delete(fan);
    if (this.#ready.has(fan)) return;
    this.#ready.add(fan);
    this.#onReady();
  }

  /** The stream is read for it. */
  wait(fan: Fan, nowMs: number): void {
    this.#ready.delete(fan);
    this.#reading.add(fan);
    fan.replay!.readingSinceMs ??= nowMs;
  }

  forget(fan: Fan): void {
    this.#ready.delete(fan);
    this.#reading.delete(fan);
  }

  /** Something was read. */
  wake(): void {
    for (const fan of this.#reading) this.add(fan);
  }

  /** Fans for whom the stream has been read for too long. */
  late(nowMs: number, timeoutMs: number): Fan[] {
    return [...this.#reading].filter(({ replay }) => nowMs - (replay?.readingSinceMs ?? nowMs) >= timeoutMs);
  }

  /** Does `count` steps at most. @returns whether there are more to do at once. */
  run(count: number, step: (fan: Fan) => void): boolean {
    for (let n = 0; n < count; n++) {
      const { value: fan, done } = this.#ready.values().next();
      if (done) return false;
      // Behind the others, if it wants more.
      this.#ready.delete(fan);
      step(fan);
    }
    return this.#ready.size > 0;
  }
}
