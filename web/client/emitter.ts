/**
 * Calls listeners by event. A listener that throws harms neither the others nor the caller; the first time that one does,
 * the listeners of `error` are told.
 */
export class Emitter<Events extends { error: Error }> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();
  readonly #onThrow: ((error: unknown) => void) | undefined;
  #hasThrown = false;

  /** @param onThrow Gets whatever a listener threw; must not throw itself. */
  constructor(onThrow?: (error: unknown) => void) {
    this.#onThrow = onThrow;
  }

  /** @returns Takes the listener off again; safe to call twice. */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // Wrapped, so that a function that is given twice is called twice and taken off once.
    const own = (value: Events[Name]) => listener(value);
    listeners.add(own);
    return () => listeners.delete(own);
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (value: Events[Name]) => void)(value);
      } catch (error) {
        this.#onThrow?.(error);
        this.#tellThrown(error);
      }
    }
  }

  /** Once: an error listener that throws would be told of itself for ever. */
  #tellThrown(error: unknown): void {
    if (this.#hasThrown) return;
    this.#hasThrown = true;
    this.emit('error', error instanceof Error ? error : new Error(String(error)));
  }

  clear(): void {
    this.#listeners.clear();
  }
}
