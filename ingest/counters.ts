/** Most names of one kind that are kept apart: as many as a field has cars. */
const MAX_NAMES = 250;
/** Most names of one kind that are reported. */
const MAX_REPORTED = 20;
/** Stands for all names of a kind that are too many; no car can be called that. */
const OTHERS = '(others)';

/**
 * Counts things under names, some of which come from outside: `ticks`, or `unknown_car:24` of the kind `unknown_car`.
 *
 * Kinds come from our code and are few. Whoever invents names fills the room of one kind and hides no other.
 */
export class Counters {
  readonly #counts = new Map<string, number>();
  /** How many names of each kind are kept. */
  readonly #names = new Map<string, number>();
  readonly #onFirst: (name: string, detail: string) => void;

  /**
   * @param onFirst Called the first time that a name is counted, so that it can be reported once; of each kind for a
   *   few names, and once more when there are so many that further ones are no longer kept apart.
   */
  constructor(onFirst: (name: string, detail: string) => void = () => {}) {
    this.#onFirst = onFirst;
  }

  add(name: string, detail = '', by = 1): void {
    const known = this.#counts.get(name);
    if (known !== undefined) this.#counts.set(name, known + by);
    else this.#addFirst(name, detail, by);
  }

  #addFirst(name: string, detail: string, by: number): void {
    const colon = name.indexOf(':');
    if (colon < 0) {
      this.#counts.set(name, by);
      this.#onFirst(name, detail);
      return;
    }
    const kind = name.slice(0, colon);
    const names = this.#names.get(kind) ?? 0;
    const others = `${kind}:${OTHERS}`;
    if (names < MAX_NAMES) {
      this.#names.set(kind, names + 1);
      this.#counts.set(name, by);
      if (names < MAX_REPORTED) this.#onFirst(name, detail);
    } else {
      if (!this.#counts.has(others)) this.#onFirst(others, `more than ${MAX_NAMES} names`);
      this.#counts.set(others, (this.#counts.get(others) ?? 0) + by);
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
