import { reconnectDelayMs } from './backoff.ts';
import type { Save } from './session-copy.ts';
import type { SessionAnswer, SessionRequests } from './session-requests.ts';

/** What is set within this time is saved together. */
const GATHER_MS = 50;
const RETRY_MS = 1000;

/** @param failures Requests in a row that came to nothing. @param atLeastMs What the edge asked for. */
export const retryAfterMs = (failures: number, atLeastMs: number, random: number): number =>
  atLeastMs + GATHER_MS + reconnectDelayMs(RETRY_MS, failures, random);

export interface SaverOptions {
  readonly requests: SessionRequests;
  readonly random: () => number;
  /** What is to be saved now, if anything. */
  readonly next: () => Save | undefined;
  /** Takes an answer to a save; afterwards there may be more to save. */
  readonly onAnswer: (save: Save, answer: SessionAnswer) => void;
  /** `true`: there is something to save, and the last try came to nothing. */
  readonly onWaiting: (isWaiting: boolean) => void;
}

/** Saves what there is to save, one request at a time, and again until it is stored. */
export class SessionSaver {
  readonly #options: SaverOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> | undefined;
  #failures = 0;
  /** `finishing`: what is left is saved at once or never. `paused`: nothing is. */
  #mode: 'running' | 'finishing' | 'paused' = 'running';

  constructor(options: SaverOptions) {
    this.#options = options;
  }

  /** There may be something to save. */
  soon(): void {
    if (this.#saving || this.#mode !== 'running' || !this.#options.next()) return;
    this.#options.onWaiting(this.#failures > 0);
    this.#timer ??= setTimeout(() => this.now(), GATHER_MS);
  }

  /** Does not wait for more to be set, nor for a better moment. */
  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const save = this.#mode === 'paused' ? undefined : this.#options.next();
    if (save) this.#saving ??= this.#save(save);
  }

  async #save(save: Save): Promise<void> {
    const answer = await this.#options.requests.save(save);
    this.#saving = undefined;
    this.#failures = answer.kind === 'later' ? this.#failures + 1 : 0;
    this.#options.onAnswer(save, answer);
    if (!this.#options.next()) return;
    if (answer.kind !== 'later') {
      // What was set meanwhile; or another device was faster, and now it is known what it did.
      if (this.#mode === 'finishing') this.now();
      else this.soon();
    } else if (this.#mode === 'running') {
      this.#options.onWaiting(true);
      clearTimeout(this.#timer);
      const waitMs = retryAfterMs(this.#failures, answer.afterMs, this.#options.random());
      this.#timer = setTimeout(() => this.now(), waitMs);
    }
  }

  /** Saves what is left, if that succeeds at once. */
  async finish(): Promise<void> {
    this.#mode = 'finishing';
    this.now();
    while (this.#saving) await this.#saving;
  }

  /** Saves nothing until {@link resume}. Resolves when no request is under way. */
  async pause(): Promise<void> {
    this.#mode = 'paused';
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#saving) await this.#saving;
  }

  resume(): void {
    this.#mode = 'running';
    this.soon();
  }
}
