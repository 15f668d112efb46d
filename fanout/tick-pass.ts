import type { FanTally } from './courier.ts';
import type { Delivery } from './delivery.ts';
import { type Fan, OUTSIDE } from './fan.ts';
import { Lockstep } from './lockstep.ts';

/** What is done for the fans of a pass by those who know them. */
export interface PassOwner {
  /** Sends a fan who is not in lockstep what it misses. */
  readonly serve: (fan: Fan, nowMs: number) => void;
  /** Told of an error of ours that a fan in lockstep met. */
  readonly onError: (fan: Fan, error: unknown) => void;
}

/** Serves all fans with each tick, some at a time: first those in lockstep, then the others one by one. */
export class TickPass {
  readonly #owner: PassOwner;
  readonly #lockstep = new Lockstep();
  /** Those who are not in lockstep. */
  readonly #others = new Set<Fan>();
  /** Where the pass over the others stands. */
  #next: SetIterator<Fan> | undefined;

  constructor(owner: PassOwner) {
    this.#owner = owner;
  }

  /** How many fans have everything, and get each tick in one go with the others. */
  get inLockstep(): number {
    return this.#lockstep.size;
  }

  /** Those who are not: whoever waits for something is among them. May be changed while it is read. */
  get others(): Iterable<Fan> {
    return this.#others;
  }

  add(fan: Fan): void {
    this.#others.add(fan);
  }

  /** Safe to call twice. */
  remove(fan: Fan): void {
    this.breakStep(fan);
    this.#others.delete(fan);
  }

  /** From now on a fan is served on its own, until it has everything again. */
  breakStep(fan: Fan): void {
    if (fan.place === OUTSIDE) return;
    this.#lockstep.leave(fan);
    this.#others.add(fan);
  }

  breakAllSteps(): void {
    this.#lockstep.dissolve((fan) => this.#others.add(fan));
  }

  /** Serves the next `count`. @returns whether there are more before the pass is over. */
  serve(delivery: Delivery, tally: FanTally, nowMs: number, count: number): boolean {
    if (!this.#next && !this.#lockstep.begin(delivery)) this.breakAllSteps();
    this.#next ??= this.#others.values();
    if (this.#lockstep.hasMore) {
      this.#lockstep.serve(count, delivery, tally, this.#onLeave);
      return true;
    }
    const tick = delivery.state.head!.tick;
    for (let n = 0; n < count; n++) {
      const { value: fan, done } = this.#next.next();
      if (done) {
        this.#next = undefined;
        return false;
      }
      if (fan.dueTick <= tick) this.#owner.serve(fan, nowMs);
      if (this.#lockstep.mayJoin(fan, delivery)) {
        this.#lockstep.join(fan, delivery);
        this.#others.delete(fan);
      }
    }
    return true;
  }

  readonly #onLeave = (fan: Fan, error?: unknown): void => {
    if (fan.stage !== 'gone') this.#others.add(fan);
    if (error !== undefined) this.#owner.onError(fan, error);
  };
}
