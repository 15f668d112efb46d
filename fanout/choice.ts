import { type Catalogue, compileOwnView, keysOf, OWN_VIEW } from '../protocol/catalogue.ts';
import type { View } from '../protocol/coding-plan.ts';
import type { Watch, Wish } from '../protocol/control.ts';
import type { Field } from '../protocol/field.ts';

/** Codes of views on the wire are below this. */
export const VIEW_CODES = 64;

/** Slot and view of one watched car in one number: thousands of choices hold some of these for every fan. */
export const slotOf = (code: number): number => Math.floor(code / VIEW_CODES);
/** Id of the view. */
export const viewIdOf = (code: number): number => code % VIEW_CODES;
const idOf = (catalogue: Catalogue, view: string): number =>
  view === OWN_VIEW.name ? OWN_VIEW.id : catalogue.viewOf(view)!.id;

/** The view `own` of one list of channels: whoever has an equal list has the same object, and so shares slices. */
export interface OwnList {
  readonly key: string;
  readonly view: View;
  /** In catalogue order. */
  readonly channels: readonly string[];
  choices: number;
}

/** What one or many fans chose. Fans with the same choice hold the same object, and so can share frames. */
export class Choice {
  // What every tick needs comes first: see Fan.
  fans = 0;
  readonly list: OwnList | undefined;
  #codes: readonly number[] = [];
  #resolvedCars = -1;
  /** Frames by what they build on and their flags; valid while the state is at {@link framesAtSeq}. */
  frames: Map<number, Uint8Array> | undefined;
  framesAtSeq = -1;
  readonly #catalogue: Catalogue;
  /** As the fan named it. */
  readonly watch: readonly Watch[];
  /** The same for every order of the same cars and views. */
  readonly key: string;

  constructor(key: string, watch: readonly Watch[], list: OwnList | undefined, catalogue: Catalogue) {
    this.key = key;
    this.watch = watch;
    this.list = list;
    this.#catalogue = catalogue;
  }

  get wish(): Wish {
    const { watch, list } = this;
    return list ? { watch, channels: list.channels } : { watch };
  }

  viewOf(car: string): View | undefined {
    const watched = this.watch.find((one) => one.car === car);
    return watched?.view === OWN_VIEW.name ? this.list!.view : watched && this.#catalogue.viewOf(watched.view);
  }

  /** The view of a code of {@link codesIn}. */
  viewAt(code: number): View {
    return this.#catalogue.views[viewIdOf(code)] ?? this.list!.view;
  }

  /** The chosen cars that have a slot, in order of slots; see {@link slotOf}. A slot is a car's own for the whole epoch. */
  codesIn({ cars }: Field): readonly number[] {
    // Within an epoch slots are only added; a new epoch comes with a new book of choices.
    if (cars.length === this.#resolvedCars) return this.#codes;
    this.#resolvedCars = cars.length;
    const codes: number[] = [];
    for (const { car, view } of this.watch) {
      const slot = cars.indexOf(car);
      if (slot >= 0) codes.push(slot * VIEW_CODES + idOf(this.#catalogue, view));
    }
    this.#codes = codes.sort((a, b) => a - b);
    return this.#codes;
  }

  /** Chosen cars that the field has never had. */
  unknownIn({ cars }: Field): string[] {
    return this.watch.map(({ car }) => car).filter((car) => !cars.includes(car));
  }
}

/** Gives equal choices, and equal lists of channels, the same object, in one epoch and one catalogue. */
export class ChoiceBook {
  readonly #catalogue: Catalogue;
  readonly #byKey = new Map<string, Choice>();
  /** One object for each pair of a car of the field and a view: choices by the thousand name the same ones. */
  readonly #pairs = new Map<number, Watch>();
  readonly #lists = new Map<string, OwnList>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** How many lists of channels any choice has. */
  get lists(): number {
    return this.#lists.size;
  }

  /** @param wish Checked: every view and channel exists, nothing is named twice. Pair with {@link release}. */
  take({ watch, channels }: Wish, { cars }: Field): Choice {
    const list = channels && this.#listOf(channels);
    const pairs = watch.map(({ car, view }) => `${car}:${idOf(this.#catalogue, view)}`);
    const key = `${pairs.sort().join()}${list ? ` ${list.key}` : ''}`;
    let choice = this.#byKey.get(key);
    if (!choice) {
      choice = new Choice(
        key,
        watch.map((one) => this.#pairOf(one, cars)),
        list,
        this.#catalogue,
      );
      this.#byKey.set(key, choice);
      if (list) {
        list.choices++;
        this.#lists.set(list.key, list);
      }
    }
    choice.fans++;
    return choice;
  }

  /** Cars that nobody has heard of are not shared: a stranger could name them without end. */
  #pairOf({ car, view }: Watch, cars: readonly string[]): Watch {
    const slot = cars.indexOf(car);
    const name = view === OWN_VIEW.name ? OWN_VIEW.name : this.#catalogue.viewOf(view)!.name;
    if (slot < 0) return { car, view: name };
    const code = slot * VIEW_CODES + idOf(this.#catalogue, view);
    const known = this.#pairs.get(code);
    if (known) return known;
    const pair = { car: cars[slot]!, view: name };
    this.#pairs.set(code, pair);
    return pair;
  }

  release(choice: Choice): void {
    choice.fans--;
    if (choice.fans > 0 || this.#byKey.get(choice.key) !== choice) return;
    this.#byKey.delete(choice.key);
    const { list } = choice;
    if (list && --list.choices === 0) this.#lists.delete(list.key);
  }

  #listOf(keys: readonly string[]): OwnList {
    const indices = Uint16Array.from(keys, (one) => this.#catalogue.indexOf(one)!).sort();
    const key = indices.join(' ');
    const known = this.#lists.get(key);
    if (known) return known;
    const view = compileOwnView(this.#catalogue, keys)!;
    return { key, view, channels: keysOf(this.#catalogue, view), choices: 0 };
  }

  /** What of a wish can still be had in this catalogue, and how much cannot. */
  narrow({ watch, channels = [] }: Wish): { kept: Wish; lost: number } {
    const left = channels.filter((key) => this.#catalogue.indexOf(key) !== undefined);
    const hasView = (name: string) =>
      name === OWN_VIEW.name ? left.length > 0 : this.#catalogue.viewOf(name) !== undefined;
    const cars = watch.filter(({ view }) => hasView(view));
    const lost = watch.length - cars.length + channels.length - left.length;
    return { kept: { watch: cars, ...(left.length > 0 && { channels: left }) }, lost };
  }
}
