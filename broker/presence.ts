import type { NatsConnection } from './connection.ts';

/** Whether a connection is up. Whoever sends while it is not sends into the void: the client forgets it. */
export class Presence {
  #isUp = true;
  readonly #listeners = new Set<() => void>();

  /** @param connection One that is up. */
  constructor(connection: Pick<NatsConnection, 'status'>) {
    void this.#watch(connection);
  }

  async #watch(connection: Pick<NatsConnection, 'status'>): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type !== 'disconnect' && type !== 'reconnect') continue;
      this.#isUp = type === 'reconnect';
      for (const listener of [...this.#listeners]) listener();
    }
  }

  /** Resolves when the connection is up, or when the time is over. @returns whether it is up. */
  async untilUp(withinMs: number): Promise<boolean> {
    if (this.#isUp) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    const stop = this.#listen(resolve);
    await promise;
    clearTimeout(timer);
    stop();
    return this.#isUp;
  }

  /**
   * The answer to a question, if it comes over the connection on which it was asked.
   * @throws the error that `makeError` makes when that goes down before; the answer will never come then.
   */
  async answered<T>(answer: Promise<T>, makeError: () => Error): Promise<T> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    const stop = this.#listen(() => reject(makeError()));
    try {
      return await Promise.race([answer, lost]);
    } finally {
      stop();
      // Nobody listens any more, and it may still fail.
      answer.catch(() => {});
    }
  }

  #listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
