import type { Stale } from '../../protocol/control.ts';

/** What the edge said last of a race that gives no tick, until something ends it. Each call returns whether it changed. */
export class StaleNotice {
  #epoch = '';
  value: Stale | undefined;

  take(stale: Stale): boolean {
    const { value } = this;
    this.value = stale;
    return value?.tick !== stale.tick || value.sinceMs !== stale.sinceMs || value.reason !== stale.reason;
  }

  /** A tick frame was applied. What an outage is repaired with may still be from before it. */
  tick(tick: number): boolean {
    return this.value !== undefined && tick > this.value.tick && this.#end();
  }

  /** A connection began: in another epoch, ticks count from 0 again. */
  welcome(epoch: string): boolean {
    const isSame = epoch === this.#epoch;
    this.#epoch = epoch;
    return this.value !== undefined && !isSame && this.#end();
  }

  #end(): true {
    this.value = undefined;
    return true;
  }
}
