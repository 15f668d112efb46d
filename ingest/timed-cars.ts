import type { Catalogue } from '../protocol/catalogue.ts';
import { MAX_CARS } from '../protocol/field.ts';
import { createFrame, type Frame, type SourceSink } from './source.ts';

/** Values by the keys of channels; those that the catalogue does not have are left out, like those that are missing. */
export type ChannelValues = Readonly<Record<string, number | undefined>>;

/** A feed that says nothing at all for so long, ms, has ended or broken down: what it said is old then. */
const HOLD_MS = 60_000;

/**
 * The cars of a feed that says a thing once and then only what has changed: what holds is sent again with every tick, so
 * that silence of the feed is not taken for silence of the car.
 */
export class TimedCars {
  readonly #catalogue: Catalogue;
  readonly #frame: Frame;
  readonly #held = new Map<string, ChannelValues>();
  #heardAtMs = Number.NEGATIVE_INFINITY;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
    this.#frame = createFrame(catalogue);
  }

  /** The feed said something. @param atMs Race time, Unix ms. */
  hear(atMs: number): void {
    this.#heardAtMs = atMs;
  }

  /** From now on this holds of a car; `undefined` for a car of which nothing more is known. */
  hold(car: string, values: ChannelValues | undefined): void {
    if (values && (this.#held.has(car) || this.#held.size < MAX_CARS)) this.#held.set(car, values);
    else this.#held.delete(car);
  }

  /** Sends what holds at a race time, which is that of the tick. */
  send(sink: SourceSink, atMs: number): void {
    if (atMs - this.#heardAtMs > HOLD_MS) return;
    for (const [car, values] of this.#held) this.sendOne(sink, car, atMs, values);
  }

  sendOne(sink: SourceSink, car: string, atMs: number, values: ChannelValues): void {
    const frame = this.#frame;
    frame.car = car;
    frame.atMs = atMs;
    frame.count = 0;
    for (const [key, value] of Object.entries(values)) {
      const index = value === undefined ? undefined : this.#catalogue.indexOf(key);
      if (index === undefined || this.#catalogue.channels[index]!.of !== undefined) continue;
      frame.channels[frame.count] = index;
      frame.values[frame.count++] = value!;
    }
    if (frame.count > 0) sink.frame(frame);
  }
}
