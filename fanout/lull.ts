/** Answers that go out between two looks at what else there is to do: some ms. */
const AT_ONCE = 16;
/** Where ticks go out all the time, nobody waits longer for each piece of answers. */
const MAX_WAIT_MS = 1000;

/**
 * The time between ticks. What is large and not urgent waits for it: while ticks go out to the fans it would take the processor
 * from all who are live, and whoever rewinds does not notice a quarter of a second.
 */
export class Lull {
  readonly #isBusy: () => boolean;
  readonly #waiting: { readonly go: () => void; readonly sinceMs: number }[] = [];
  #isReleasing = false;
  #patience: NodeJS.Timeout | undefined;

  /** @param isBusy Whether ticks go out. */
  constructor(isBusy: () => boolean) {
    this.#isBusy = isBusy;
  }

  /** Resolves when it is the turn of whoever asked, at once where there is no hurry. */
  wait(): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push({ go, sinceMs: performance.now() });
      this.resume();
    });
  }

  /** To be called when ticks have gone out. */
  resume(): void {
    if (this.#isReleasing || this.#waiting.length === 0) return;
    this.#isReleasing = true;
    setImmediate(() => this.#release());
  }

  #release(): void {
    this.#isReleasing = false;
    for (let n = 0; n < AT_ONCE && this.#mayGo(); n++) this.#waiting.shift()!.go();
    if (this.#mayGo()) this.resume();
    else this.#beImpatient();
  }

  #mayGo(): boolean {
    const [first] = this.#waiting;
    return first !== undefined && (!this.#isBusy() || performance.now() - first.sinceMs >= MAX_WAIT_MS);
  }

  #beImpatient(): void {
    const [first] = this.#waiting;
    clearTimeout(this.#patience);
    if (first) this.#patience = setTimeout(() => this.resume(), first.sinceMs + MAX_WAIT_MS - performance.now());
  }
}
