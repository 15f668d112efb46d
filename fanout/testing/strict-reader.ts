import type { Catalogue } from '../../protocol/catalogue.ts';
import type { Wish } from '../../protocol/control.ts';
import type { Field } from '../../protocol/field.ts';
import type { ClientState } from '../../protocol/frames.ts';
import { FanReader, viewIn } from './test-fan.ts';

/**
 * Compares every tick with what was published while it is read, and keeps of it only what it was: hundreds of fans who
 * kept all states of a large field would need gigabytes.
 */
export class StrictReader extends FanReader {
  readonly #fields: ReadonlyMap<number, Field>;

  /** @param fields The truth, by tick. */
  constructor(catalogueOf: (hash: string) => Catalogue, wish: Wish, fields: ReadonlyMap<number, Field>) {
    super(catalogueOf, wish);
    this.#fields = fields;
  }

  /** @throws {Error} names the first tick, car and channel that differ. */
  override readFrame(bytes: Uint8Array): void {
    const count = this.ticks.length;
    super.readFrame(bytes);
    const seen = this.ticks[count];
    if (!seen) return;
    this.#compare(seen.state, seen.tick);
    this.ticks[count] = { ...seen, state: { ...seen.state, cars: new Map() } };
  }

  #compare({ cars }: ClientState, tick: number): void {
    const field = this.#fields.get(tick)!;
    const held = new Map([...cars.values()].map((car) => [car.car, car]));
    for (const { car, view } of this.wish.watch) {
      const truth = field.states[field.cars.indexOf(car)];
      const own = held.get(car)?.state;
      if (!truth !== !own) throw new Error(`Tick ${tick}: car ${car} is ${own ? '' : 'not '}there, against the truth.`);
      if (!truth || !own) continue;
      for (const index of viewIn(this.catalogue, view, this.wish)!.channels)
        if (own[index] !== truth[index])
          throw new Error(`Tick ${tick}, car ${car}, channel ${index}: ${own[index]} is not ${truth[index]}.`);
    }
    if (held.size > this.wish.watch.length) throw new Error(`Tick ${tick}: more cars came than are watched.`);
  }
}
