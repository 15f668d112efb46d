/** A live tick that comes late moves the clock by no more than so much: late ticks come in heaps, early ones never. */
const SINK_MS = 1;

/** How far race time is ahead of the wall, from the live ticks and when they came. Pure. */
export class RaceTime {
  #offsetMs: number | undefined;

  heard(closeAtMs: number, wallMs: number): void {
    const offset = closeAtMs - wallMs;
    this.#offsetMs = this.#offsetMs === undefined ? offset : Math.max(offset, this.#offsetMs - SINK_MS);
  }

  /** Another life of the race, whose times may be others. */
  forget(): void {
    this.#offsetMs = undefined;
  }

  /** Race time of the newest there is; `undefined` before the first live tick. */
  at(wallMs: number): number | undefined {
    return this.#offsetMs === undefined ? undefined : wallMs + this.#offsetMs;
  }
}

/** Race time as a player shows it: stands, or runs at a speed from where it was set. Pure: told the time of the wall. */
export class PlayerClock {
  #atMs = 0;
  #setAtMs = 0;
  #speed = 1;
  #isPaused = false;

  get speed(): number {
    return this.#speed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  time(wallMs: number): number {
    return this.#isPaused ? this.#atMs : this.#atMs + Math.max(0, wallMs - this.#setAtMs) * this.#speed;
  }

  set(raceMs: number, wallMs: number): void {
    this.#atMs = raceMs;
    this.#setAtMs = wallMs;
  }

  pause(wallMs: number): void {
    this.set(this.time(wallMs), wallMs);
    this.#isPaused = true;
  }

  play(wallMs: number): void {
    this.set(this.time(wallMs), wallMs);
    this.#isPaused = false;
  }

  setSpeed(speed: number, wallMs: number): void {
    this.set(this.time(wallMs), wallMs);
    this.#speed = speed;
  }

  /** How long until it is `raceMs`, 0 when it was already; for ever while it stands. */
  waitMs(raceMs: number, wallMs: number): number {
    const left = raceMs - this.time(wallMs);
    if (left <= 0) return 0;
    return this.#isPaused ? Number.POSITIVE_INFINITY : left / this.#speed;
  }
}
