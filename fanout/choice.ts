import type { Catalogue } from '../protocol/catalogue.ts';
import type { View } from '../protocol/coding-plan.ts';
import type { Watch } from '../protocol/control.ts';
import type { Field } from '../protocol/field.ts';

/** One watched car that the field knows. */
export interface WatchedSlot {
  readonly slot: number;
  readonly car: string;
  readonly view: View;
}

/** What one or many fans chose. Fans with the same choice hold the same object, and so share their frames. */
export class Choice {
  /** As the fan named it. */
  readonly watch: readonly Watch[];
  /** The same for every order of the same cars and views. */
  readonly key: string;
  fans = 0;
  /** Frames by what they build on and their flags; valid while the state is at {@link framesAtSeq}. */
  readonly frames = new Map<number, Uint8Array>();
  framesAtSeq = -1;
  readonly #views: ReadonlyMap<string, View>;
  #slots: readonly WatchedSlot[] = [];
  #resolvedCars = -1;

  constructor(key: string, watch: readonly Watch[], catalogue: Catalogue) {
    this.key = key;
    this.watch = watch;
    this.#views = new Map(watch.map(({ car, view }) => [car, catalogue.viewOf(view)!]));
  }

  viewOf(car: string): View | undefined {
    return this.#views.get(car);
  }

  /** The chosen cars that have a slot, in order of slots. A slot is a car's own for the whole epoch. */
  slotsIn({ cars }: Field): readonly WatchedSlot[] {
    // Within an epoch slots are only added; a new epoch comes with a new book of choices.
    if (cars.length === this.#resolvedCars) return this.#slots;
    this.#resolvedCars = cars.length;
    const slots: WatchedSlot[] = [];
    for (const [slot, car] of cars.entries()) {
      const view = this.#views.get(car);
      if (view) slots.push({ slot, car, view });
    }
    this.#slots = slots;
    return slots;
  }

  /** Chosen cars that the field has never had. */
  unknownIn(field: Field): string[] {
    const known = new Set(this.slotsIn(field).map(({ car }) => car));
    return this.watch.map(({ car }) => car).filter((car) => !known.has(car));
  }
}

/** Gives equal choices the same object, in one epoch and one catalogue. */
export class ChoiceBook {
  readonly #catalogue: Catalogue;
  readonly #byKey = new Map<string, Choice>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** @param watch Checked: every view exists, no car is named twice. Pair with {@link release}. */
  take(watch: readonly Watch[]): Choice {
    const key = watch
      .map(({ car, view }) => `${car}:${view}`)
      .sort()
      .join(',');
    let choice = this.#byKey.get(key);
    if (!choice) {
      choice = new Choice(key, watch, this.#catalogue);
      this.#byKey.set(key, choice);
    }
    choice.fans++;
    return choice;
  }

  release(choice: Choice): void {
    choice.fans--;
    if (choice.fans === 0 && this.#byKey.get(choice.key) === choice) this.#byKey.delete(choice.key);
  }
}
