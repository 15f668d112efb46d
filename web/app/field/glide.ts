import type { Place } from './track-outline.ts';

/** A car does not drive further in a tick: what is more is a jump. */
const FARTHEST_M = 120;
/** Ticks come so far apart at least and at most, for the eye: what is later is waited for where the cars are. */
const [SHORTEST_MS, LONGEST_MS] = [50, 1500];

interface Leg {
  readonly from: Place;
  readonly to: Place;
}

/**
 * Moves cars smoothly from tick to tick. A car is drawn between the last two ticks that are known, so it reaches the newest one when
 * the next is due, and never shows what was not: no place is guessed ahead. Pure: told when ticks came.
 */
export class Glide {
  #legs = new Map<string, Leg>();
  #cameAtMs = 0;
  #spanMs = 500;

  /**
   * A tick is here. @param isJump It does not follow the one before: cars are where they are at once.
   * @param nowMs Monotone, such as `performance.now()`.
   */
  tick(places: ReadonlyMap<string, Place>, nowMs: number, isJump: boolean): void {
    if (!isJump) this.#spanMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, nowMs - this.#cameAtMs));
    this.#cameAtMs = nowMs;
    const legs = new Map<string, Leg>();
    for (const [car, to] of places) {
      const before = isJump ? undefined : this.#legs.get(car)?.to;
      const isNear = before && Math.hypot(to.x - before.x, to.y - before.y) <= FARTHEST_M;
      legs.set(car, { from: isNear ? before : to, to });
    }
    this.#legs = legs;
  }

  /** Whether anything moves at this moment. */
  isMoving(nowMs: number): boolean {
    return nowMs - this.#cameAtMs < this.#spanMs;
  }

  /** Where every car is drawn. */
  at(nowMs: number): Map<string, Place> {
    const share = Math.min(1, Math.max(0, (nowMs - this.#cameAtMs) / this.#spanMs));
    return new Map(
      [...this.#legs].map(([car, { from, to }]) => [
        car,
        { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share },
      ]),
    );
  }
}
