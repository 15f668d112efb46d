/** Most distinct names that are kept apart; whoever invents more ends up in `other`. */
const MAX_NAMES = 1000;

/** Counts things under names, some of which come from outside. */
export class Counters {
  readonly #counts = new Map<string, number>();
  readonly #onFirst: (name: string, detail: string) => void;

  /** @param onFirst Called the first time that a name is counted, so that it can be reported once. */
  constructor(onFirst: (name: string, detail: string) => void = () => {}) {
    this.#onFirst = onFirst;
  }

  add(name: string, detail = '', by = 1): void {
    const known = this.#counts.get(name);
    if (known !== undefined) {
      this.#counts.set(name, known + by);
    } else if (this.#counts.size < MAX_NAMES) {
      this.#counts.set(name, by);
      this.#onFirst(name, detail);
    } else {
      this.#counts.set('other', (this.#counts.get('other') ?? 0) + by);
    }
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** All counts by name. */
  toObject(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
