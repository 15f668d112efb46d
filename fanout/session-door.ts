import { LeakyBucket } from './leaky-bucket.ts';

/** What one edge does for sessions, so that neither guesses nor a busy device can keep it or NATS from the race. */
export interface SessionLimits {
  /** Questions to NATS, of all fans together, and as many at once after a quiet second. */
  readonly requestsPerSecond: number;
  /** Sessions that are made. */
  readonly madePerSecond: number;
  /** Saves of one session. */
  readonly savesPerSecond: number;
  /** Devices of one session that are told of its changes. */
  readonly devices: number;
}

export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  requestsPerSecond: 2000,
  madePerSecond: 500,
  savesPerSecond: 5,
  devices: 16,
};

/** Sessions whose saves are counted; those that were saved longest ago are forgotten first. */
const MAX_COUNTED = 4096;

/** Lets requests for sessions in, or not. A guess costs the same as a request that has an answer. */
export class SessionDoor {
  readonly #limits: SessionLimits;
  readonly #requests: LeakyBucket;
  readonly #made: LeakyBucket;
  readonly #saves = new Map<string, LeakyBucket>();
  /** Requests that were let in, and those that were turned away. */
  readonly tally = { asked: 0, refused: 0 };

  constructor(limits: SessionLimits) {
    this.#limits = limits;
    this.#requests = new LeakyBucket(limits.requestsPerSecond);
    this.#made = new LeakyBucket(limits.madePerSecond);
  }

  /** @returns whether one more question may be asked now. */
  mayAsk(nowMs: number): boolean {
    return this.#take([[this.#requests, this.#limits.requestsPerSecond]], nowMs);
  }

  /** @param isNew The session is to be made. @returns whether it may be saved now. */
  maySave(key: string, isNew: boolean, nowMs: number): boolean {
    const { requestsPerSecond, madePerSecond, savesPerSecond } = this.#limits;
    const saves = this.#saves.get(key) ?? new LeakyBucket(savesPerSecond);
    this.#saves.delete(key);
    this.#saves.set(key, saves);
    if (this.#saves.size > MAX_COUNTED) this.#saves.delete(this.#saves.keys().next().value!);
    const rules: [LeakyBucket, number][] = [
      [this.#requests, requestsPerSecond],
      [saves, savesPerSecond],
    ];
    return this.#take(isNew ? [...rules, [this.#made, madePerSecond]] : rules, nowMs);
  }

  #take(rules: readonly [LeakyBucket, number][], nowMs: number): boolean {
    const isIn = rules.every(([bucket, most]) => bucket.levelAt(nowMs) + 1 <= most);
    if (isIn) for (const [bucket] of rules) bucket.pour(nowMs);
    this.tally[isIn ? 'asked' : 'refused']++;
    return isIn;
  }
}
