/** Does something piece by piece; between two pieces everything else has its turn. */
export class Rounds {
  readonly #doPiece: (nowMs: number) => boolean;
  #isRunning = false;

  /** @param doPiece Does one piece. @returns whether there are more. */
  constructor(doPiece: (nowMs: number) => boolean) {
    this.#doPiece = doPiece;
  }

  /** Begins with the next turn, if it is `needed` and has not begun. */
  soon(needed: boolean): void {
    if (this.#isRunning || !needed) return;
    this.#isRunning = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#isRunning = this.#doPiece(Date.now());
    if (this.#isRunning) setImmediate(() => this.#run());
  }
}
