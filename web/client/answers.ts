/** Waits for the answers to what an edge was told on one connection; they come in the order of the questions. */
export class Answers {
  readonly #withinMs: number;
  readonly #onLate: () => void;
  #open = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onLate An answer has not come within `withinMs` of its question, or of the answer before it. */
  constructor(withinMs: number, onLate: () => void) {
    this.#withinMs = withinMs;
    this.#onLate = onLate;
  }

  asked(): void {
    this.#open++;
    this.#timer ??= this.#wait();
  }

  /** The edge has answered, or refused. @returns whether it was asked. */
  came(): boolean {
    if (this.#open === 0) return false;
    this.#open--;
    clearTimeout(this.#timer);
    this.#timer = this.#open > 0 ? this.#wait() : undefined;
    return true;
  }

  /** The connection is gone, and its answers with it. */
  stop(): void {
    this.#open = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.stop();
      this.#onLate();
    }, this.#withinMs);
  }
}
