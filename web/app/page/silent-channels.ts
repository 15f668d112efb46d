import type { CarView } from '../../client/mod.ts';

/** Since when each channel of the car in front gives nothing, though it did before. Pure: told what is shown. */
export class SilentChannels {
  #car: string | undefined;
  #shownAtMs = 0;
  readonly #heard = new Set<string>();
  readonly #since = new Map<string, number>();

  /** Notes a picture. Another car, or a time before the last one, begins anew. */
  see(car: CarView | undefined): void {
    if (!car) return;
    if (car.car !== this.#car || car.closeAtMs < this.#shownAtMs) this.forget();
    this.#car = car.car;
    this.#shownAtMs = car.closeAtMs;
    for (const { key, value } of car.channels()) {
      if (value !== null) {
        this.#heard.add(key);
        this.#since.delete(key);
      } else if (this.#heard.has(key) && !this.#since.has(key)) this.#since.set(key, car.closeAtMs);
    }
  }

  /** Race time, Unix ms; `undefined` for a channel that gives values, or never gave any. */
  since(key: string): number | undefined {
    return this.#since.get(key);
  }

  forget(): void {
    this.#car = undefined;
    this.#shownAtMs = 0;
    this.#heard.clear();
    this.#since.clear();
  }
}
