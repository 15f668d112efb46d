import { type Catalogue, compileOwnView, keysOf, OWN_VIEW } from '../../protocol/catalogue.ts';
import { isSameView, type View } from '../../protocol/coding-plan.ts';
import type { Watch, Wish } from '../../protocol/control.ts';
import type { Field } from '../../protocol/field.ts';

/** What a fan chose, in one catalogue. Never changed in place. */
export class LocalChoice {
  readonly watch: readonly Watch[];
  /** In catalogue order; `undefined` while there is no view `own`. */
  readonly channels: readonly string[] | undefined;
  readonly #catalogue: Catalogue;
  readonly #own: View | undefined;

  /** @param wish Checked: every view and channel exists, nothing is named twice. */
  constructor({ watch, channels }: Wish, catalogue: Catalogue) {
    this.watch = watch;
    this.#catalogue = catalogue;
    this.#own = channels && compileOwnView(catalogue, channels);
    this.channels = this.#own && keysOf(catalogue, this.#own);
  }

  get wish(): Wish {
    return { watch: this.watch, ...(this.channels && { channels: this.channels }) };
  }

  #viewNamed(name: string): View {
    return name === OWN_VIEW.name ? this.#own! : this.#catalogue.viewOf(name)!;
  }

  viewOf(car: string): View | undefined {
    const watched = this.watch.find((one) => one.car === car);
    return watched && this.#viewNamed(watched.view);
  }

  /** The chosen cars that have a slot, in order of slots. */
  carsIn({ cars }: Field): { slot: number; car: string; view: View }[] {
    return this.watch
      .map(({ car, view }) => ({ slot: cars.indexOf(car), car, view: this.#viewNamed(view) }))
      .filter(({ slot }) => slot >= 0)
      .sort((a, b) => a.slot - b.slot);
  }

  /** Chosen cars that the field has never had. */
  unknownIn({ cars }: Field): string[] {
    return this.watch.map(({ car }) => car).filter((car) => !cars.includes(car));
  }

  /** Cars that are not held as they are chosen here: they are to come whole. */
  newBeside(before: LocalChoice): string[] {
    return this.watch
      .map(({ car }) => car)
      .filter((car) => {
        const [held, wanted] = [before.viewOf(car), this.viewOf(car)!];
        return !held || !isSameView(held, wanted);
      });
  }

  /** What of it can still be had in a catalogue, and how much cannot. */
  in(catalogue: Catalogue): { kept: LocalChoice; lost: number } {
    const { watch, channels = [] } = this;
    const left = channels.filter((key) => catalogue.indexOf(key) !== undefined);
    const cars = watch.filter(({ view }) =>
      view === OWN_VIEW.name ? left.length > 0 : catalogue.viewOf(view) !== undefined,
    );
    const wish = { watch: cars, ...(left.length > 0 && { channels: left }) };
    const lost = watch.length - cars.length + channels.length - left.length;
    return { kept: new LocalChoice(wish, catalogue), lost };
  }
}
