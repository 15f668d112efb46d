const MAX_TEXTS = 1024;
const MAX_LENGTH = 16 * 1024 * 1024;

/** Texts that are made once for all who need the same until {@link SharedTexts.clear}. Bounded: what has no room is made again. */
export class SharedTexts {
  readonly #byKey = new Map<string, string>();
  #length = 0;
  /** How many were made. */
  made = 0;

  get(key: string, make: () => string): string {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const text = make();
    this.made++;
    if (this.#byKey.size < MAX_TEXTS && this.#length + text.length <= MAX_LENGTH) {
      this.#byKey.set(key, text);
      this.#length += text.length;
    }
    return text;
  }

  clear(): void {
    this.#byKey.clear();
    this.#length = 0;
  }
}
