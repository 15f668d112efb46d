import type { SessionAnswer, SessionRequests } from './session-requests.ts';
import { retryAfterMs } from './session-saver.ts';

/** A live connection tells what is stored; without one it is asked for after this. */
const PATIENCE_MS = 1500;
/** How long a request waits for a change. */
const WAIT_S = 20;
/** Before it is asked again whether a session exists by now. */
const ASK_AGAIN_MS = 5000;

export interface WatcherOptions {
  readonly requests: SessionRequests;
  readonly random: () => number;
  /** The revision that is known to be stored. */
  readonly revision: () => number | undefined;
  readonly onAnswer: (answer: SessionAnswer) => void;
  readonly closed: AbortSignal;
}

/** Asks over HTTP what is stored, as long as no live connection tells. */
export class SessionWatcher {
  readonly #options: WatcherOptions;
  #live = 0;
  #isRunning = false;
  /** Until a live connection tells, and not only once. */
  #isForGood = false;
  #firstTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Asks once, if no live connection has told by then. */
  askSoon(): void {
    this.#firstTimer = setTimeout(() => void this.#run(), PATIENCE_MS);
  }

  /** A live connection tells. @returns what ends that. */
  beginLive(): () => void {
    clearTimeout(this.#firstTimer);
    this.#live++;
    let isOver = false;
    return () => {
      if (!isOver) this.#live--;
      isOver = true;
    };
  }

  /** There is a connection that cannot tell: asks until another one tells. */
  watch(): void {
    clearTimeout(this.#firstTimer);
    this.#isForGood = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { requests, random, revision, onAnswer, closed } = this.#options;
    let failures = 0;
    while (this.#live === 0 && !closed.aborted) {
      const answer = await requests.read(revision(), this.#isForGood ? WAIT_S : 0);
      if (closed.aborted) break;
      onAnswer(answer);
      const isAnswered = answer.kind !== 'later' && answer.kind !== 'refused';
      if (isAnswered && !this.#isForGood) break;
      failures = isAnswered ? 0 : failures + 1;
      const afterMs = answer.kind === 'later' ? answer.afterMs : 0;
      if (!isAnswered) await this.#pause(retryAfterMs(failures, afterMs, random()));
      else if (answer.kind === 'unknown') await this.#pause(ASK_AGAIN_MS);
    }
    this.#isRunning = false;
    this.#isForGood = false;
  }

  #pause(ms: number): Promise<void> {
    const { closed } = this.#options;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        closed.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      closed.addEventListener('abort', done);
    });
  }

  stop(): void {
    clearTimeout(this.#firstTimer);
  }
}
