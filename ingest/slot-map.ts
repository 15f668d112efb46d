import { ConfigError } from '../protocol/errors.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';

/** Gives the cars of fields from elsewhere the slots that they have, and keep, in this epoch. */
export class SlotMap {
  readonly #cars: string[];
  readonly #slots: Map<string, number>;

  /** @param cars Of the epoch so far, by slot. */
  constructor(cars: readonly string[]) {
    this.#cars = [...cars];
    this.#slots = new Map(cars.map((car, slot) => [car, slot]));
  }

  /**
   * The same states under the slots of this epoch; cars that it knows and the field does not are gone.
   * @throws {ConfigError} `too_many_cars`.
   */
  map(field: Field): Field {
    if (field.cars.length === this.#cars.length && field.cars.every((car, slot) => car === this.#cars[slot]))
      return field;
    const states: (Int32Array | undefined)[] = [];
    field.cars.forEach((car, slot) => {
      states[this.#slotOf(car)] = field.states[slot];
    });
    return { cars: [...this.#cars], states: Array.from(this.#cars, (_, slot) => states[slot]) };
  }

  #slotOf(car: string): number {
    const known = this.#slots.get(car);
    if (known !== undefined) return known;
    if (this.#cars.length === MAX_CARS) {
      throw new ConfigError(
        'too_many_cars',
        `Car ${car} finds no place: ${MAX_CARS} others have raced in this epoch; replay under another name.`,
      );
    }
    this.#slots.set(car, this.#cars.length);
    return this.#cars.push(car) - 1;
  }
}
