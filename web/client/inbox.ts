/** Most that is held back while a catalogue is loaded: a minute and a half of a busy race. */
const MAX_MESSAGES = 512;
const MAX_BYTES = 8 * 1024 * 1024;

/** Keeps the order of messages while they must wait: texts and frames only make sense in the order they were sent. */
export class Inbox {
  #held: (string | Uint8Array)[] | undefined;
  #bytes = 0;
  #hasOverflowed = false;

  /** Messages had to be thrown away: the connection cannot be used any more. */
  get hasOverflowed(): boolean {
    return this.#hasOverflowed;
  }

  /** From now on messages are kept. */
  hold(): void {
    this.#held ??= [];
  }

  /** @returns What may be looked at now: this message, or nothing while messages are held back. */
  take(message: string | Uint8Array): (string | Uint8Array)[] {
    if (!this.#held) return [message];
    this.#bytes += message.length;
    if (this.#held.length >= MAX_MESSAGES || this.#bytes > MAX_BYTES) this.#hasOverflowed = true;
    else this.#held.push(message);
    return [];
  }

  /** Hands out what was held back, in order, until it is asked to hold again. */
  *release(): Generator<string | Uint8Array> {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#bytes = 0;
    for (let message = held.shift(); message !== undefined; message = held.shift()) {
      yield message;
      // A second welcome among them: the rest waits for its catalogue.
      if (this.#held) {
        (this.#held as (string | Uint8Array)[]).push(...held);
        return;
      }
    }
  }
}
