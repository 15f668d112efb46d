import type { Catalogue } from '../protocol/catalogue.ts';
import type { View } from '../protocol/coding-plan.ts';
import type { Watch } from '../protocol/control.ts';
import type { Field } from '../protocol/field.ts';

/** Codes of views on the wire are below this. */
const VIEW_CODES = 64;

/** Slot and view of one watched car in one number: thousands of choices hold some of these for every fan. */
export const slotOf = (code: number): number => Math.floor(code / VIEW_CODES);
/** Id of the view. */
export const viewIdOf = (code: number): number => code % VIEW_CODES;

/** What one or many fans chose. Fans with the same choice hold the same object, and so share their frames. */
export class Choice {
  /** As the fan named it. */
  readonly watch: readonly Watch[];
  /** The same for every order of the same cars and views. */
  readonly key: string;
  fans = 0;
  /** Frames by what they build on and their flags; valid while the state is at {@link framesAtSeq}. */
  frames: Map<number, Uint8Array> | undefined;
  framesAtSeq = -1;
  readonly #catalogue: Catalogue;
  #codes: readonly number[] = [];
  #resolvedCars = -1;

  constructor(key: string, watch: readonly Watch[], catalogue: Catalogue) {
    this.key = key;
    this.watch = watch;
    this.#catalogue = catalogue;
  }

  viewOf(car: string): View | undefined {
    const watched = this.watch.find((one) => one.car === car);
    return watched && this.#catalogue.viewOf(watched.view);
  }

  /** The chosen cars that have a slot, in order of slots; see {@link slotOf}. A slot is a car's own for the whole epoch. */
  codesIn({ cars }: Field): readonly number[] {
    // Within an epoch slots are only added; a new epoch comes with a new book of choices.
    if (cars.length === this.#resolvedCars) return this.#codes;
    this.#resolvedCars = cars.length;
    const codes: number[] = [];
    for (const { car, view } of this.watch) {
      const slot = cars.indexOf(car);
      if (slot >= 0) codes.push(slot * VIEW_CODES + this.#catalogue.viewOf(view)!.id);
    }
    this.#codes = codes.sort((a, b) => a - b);
    return this.#codes;
  }

  /** Chosen cars that the field has never had. */
  unknownIn({ cars }: Field): string[] {
    return this.watch.map(({ car }) => car).filter((car) => !cars.includes(car));
  }
}

/** Gives equal choices the same object, in one epoch and one catalogue. */
export class ChoiceBook {
  readonly #catalogue: Catalogue;
  readonly #byKey = new Map<string, Choice>();
  /** One object for each pair of a car of the field and a view: choices by the thousand name the same ones. */
  readonly #pairs = new Map<number, Watch>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** @param watch Checked: every view exists, no car is named twice. Pair with {@link release}. */
  take(watch: readonly Watch[], { cars }: Field): Choice {
    const key = watch
      .map(({ car, view }) => `${car}:${this.#catalogue.viewOf(view)!.id}`)
      .sort()
      .join();
    let choice = this.#byKey.get(key);
    if (!choice) {
      choice = new Choice(
        key,
        watch.map((one) => this.#pairOf(one, cars)),
        this.#catalogue,
      );
      this.#byKey.set(key, choice);
    }
    choice.fans++;
    return choice;
  }

  /** Cars that nobody has heard of are not shared: a stranger could name them without end. */
  #pairOf({ car, view }: Watch, cars: readonly string[]): Watch {
    const slot = cars.indexOf(car);
    const { id, name } = this.#catalogue.viewOf(view)!;
    if (slot < 0) return { car, view: name };
    const code = slot * VIEW_CODES + id;
    const known = this.#pairs.get(code);
    if (known) return known;
    const pair = { car: cars[slot]!, view: name };
    this.#pairs.set(code, pair);
    return pair;
  }

  release(choice: Choice): void {
    choice.fans--;
    if (choice.fans === 0 && this.#byKey.get(choice.key) === choice) this.#byKey.delete(choice.key);
  }
}
