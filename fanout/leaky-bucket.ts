/** Holds what was poured in and leaks at a steady rate. Time comes in as an argument; a clock that goes back leaks nothing. */
export class LeakyBucket {
  readonly #leakPerSecond: number;
  #level = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(leakPerSecond: number) {
    this.#leakPerSecond = leakPerSecond;
  }

  levelAt(nowMs: number): number {
    if (nowMs > this.#atMs) {
      this.#level = Math.max(0, this.#level - ((nowMs - this.#atMs) / 1000) * this.#leakPerSecond);
      this.#atMs = nowMs;
    }
    return this.#level;
  }

  pour(nowMs: number): void {
    this.#level = this.levelAt(nowMs) + 1;
  }
}
