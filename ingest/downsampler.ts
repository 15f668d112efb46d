import { AGGREGATES, type Catalogue } from '../protocol/catalogue.ts';
import { NULL_VALUE, quantisedRange } from '../protocol/coding-plan.ts';
import { EMPTY_FIELD, type Field, MAX_CARS } from '../protocol/field.ts';
import { quantise } from '../protocol/quantise.ts';
import { type Arrival, CarWindow } from './car-window.ts';
import { UNHEARD } from './handover.ts';
import type { Frame } from './source.ts';

/** Samples of a mean are added as whole 1/1024 steps: sums of integers do not depend on the order of arrival. */
const MEAN_PARTS = 1024;

const [LAST, MEAN, MIN, MAX] = AGGREGATES.map((_, index) => index) as [number, number, number, number];

export interface DownsamplerOptions {
  readonly catalogue: Catalogue;
  /** Length of a tick in ms of race time. */
  readonly tickMs: number;
  /** More cars than this are refused, 1–250. @defaultValue 250 */
  readonly maxCars?: number;
  /** A car silent for longer, in ms of race time, leaves the field. @defaultValue 600000 */
  readonly goneAfterMs?: number;
}

/** Outcome of {@link Downsampler.add}; `field_full` when the car would be one too many. */
export type FrameOutcome = Arrival | 'field_full';

/** What the open tick holds of one car. */
interface Car {
  readonly slot: number;
  readonly window: CarWindow;
  /** By channel: last, sum of parts, lowest, highest or largest sample so far. */
  readonly value: Float64Array;
  /** By channel: valid samples in the tick. */
  readonly count: Uint32Array;
  /** By channel: car time at which it said that it has no value or an impossible one, −∞ when not in this tick. */
  readonly invalidAtMs: Float64Array;
  /** By channel, for `last`: car time of the newest sample that counted. */
  readonly atMs: Float64Array;
  /** By channel: race time at which the tick closed that last heard of it. */
  readonly heardAtMs: Float64Array;
  lastFrameAtMs: number;
  /** Whether a frame came in the open tick. */
  wasHeard: boolean;
}

/**
 * Turns frames at any rate into one quantised field per tick. Pure but for its own state: time comes in as arguments.
 *
 * Within a tick the order of arrival does not matter. Of samples of the same instant the greater one is the last, of
 * samples of the same magnitude the greater one is the peak. A valid sample wins over an invalid one of the same tick.
 */
export class Downsampler {
  readonly #catalogue: Catalogue;
  readonly #options: Required<Pick<DownsamplerOptions, 'tickMs' | 'maxCars' | 'goneAfterMs'>>;
  readonly #aggregate: Uint8Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  /** By channel: parts of a mean per unit. */
  readonly #partsPerUnit: Float64Array;
  readonly #highest: Int32Array;
  readonly #staleAfterMs: Float64Array;
  /** By channel: first channel derived from it, and the next one derived from the same; −1 ends the list. */
  readonly #firstDerived: Int16Array;
  readonly #nextDerived: Int16Array;
  readonly #cars = new Map<string, Car>();
  /** Slot of every car ever seen. */
  readonly #slots = new Map<string, number>();
  #field = EMPTY_FIELD;
  #news = EMPTY_FIELD;

  constructor(options: DownsamplerOptions) {
    const { channels } = options.catalogue;
    this.#catalogue = options.catalogue;
    this.#options = {
      tickMs: options.tickMs,
      maxCars: options.maxCars ?? MAX_CARS,
      goneAfterMs: options.goneAfterMs ?? 600_000,
    };
    this.#aggregate = Uint8Array.from(channels, (channel) => AGGREGATES.indexOf(channel.aggregate));
    this.#min = Float64Array.from(channels, (channel) => channel.min);
    this.#max = Float64Array.from(channels, (channel) => channel.max);
    this.#partsPerUnit = Float64Array.from(channels, (channel) => MEAN_PARTS / channel.resolution);
    this.#highest = Int32Array.from(channels, (channel) => quantisedRange(channel).highest);
    this.#staleAfterMs = Float64Array.from(channels, (channel) => channel.staleAfterMs);
    this.#firstDerived = new Int16Array(channels.length).fill(-1);
    this.#nextDerived = new Int16Array(channels.length).fill(-1);
    channels.forEach((channel, index) => {
      if (channel.of === undefined) return;
      const of = options.catalogue.indexOf(channel.of)!;
      this.#nextDerived[index] = this.#firstDerived[of]!;
      this.#firstDerived[of] = index;
    });
  }

  /**
   * Goes on from another field, in its slots, such as that which fans hold after a restart. What came in the open tick
   * stays in it. Where the field holds another value than was known here, silence counts from now.
   * @param nowMs Race time, Unix ms.
   */
  adopt(field: Field, nowMs: number): void {
    const known = new Map(this.#cars);
    this.#cars.clear();
    this.#slots.clear();
    field.cars.forEach((id, slot) => {
      this.#slots.set(id, slot);
      const state = field.states[slot];
      const car = known.get(id);
      if (state && car) this.#noteHeard(car, state, nowMs);
      if (state) this.#cars.set(id, { ...(car ?? this.#createCar(slot, nowMs)), slot });
    });
    // Cars that have only just come, in the open tick.
    for (const [id, car] of known) {
      const slot = this.#slots.get(id) ?? this.#slots.size;
      if (this.#cars.has(id) || slot >= MAX_CARS) continue;
      this.#slots.set(id, slot);
      this.#cars.set(id, { ...car, slot });
    }
    this.#field = field;
  }

  #noteHeard({ slot, heardAtMs }: Car, state: Int32Array, nowMs: number): void {
    const own = this.#field.states[slot];
    for (let c = 0; c < state.length; c++) if (own?.[c] !== state[c]) heardAtMs[c] = nowMs;
  }

  /** The field of the tick that closed last. */
  get field(): Field {
    return this.#field;
  }

  /** What was heard in the tick that closed last, in the slots of {@link field}; `undefined` of cars that were silent. */
  get news(): Field {
    return this.#news;
  }

  /** Takes a frame into the open tick. @param nowMs Race time of arrival. */
  add(frame: Frame, nowMs: number): FrameOutcome {
    const car = this.#cars.get(frame.car) ?? this.#admitCar(frame.car, nowMs);
    if (!car) return 'field_full';
    const arrival = car.window.admit(frame, nowMs);
    if (arrival === 'new_clock') {
      car.atMs.fill(Number.NEGATIVE_INFINITY);
      car.invalidAtMs.fill(Number.NEGATIVE_INFINITY);
    } else if (arrival !== 'fresh') return arrival;
    car.lastFrameAtMs = nowMs;
    car.wasHeard = true;
    const { channels, values, count, atMs } = frame;
    for (let i = 0; i < count; i++) {
      const channel = channels[i]!;
      const value = values[i]!;
      this.#take(car, channel, value, atMs);
      for (let d = this.#firstDerived[channel]!; d >= 0; d = this.#nextDerived[d]!) this.#take(car, d, value, atMs);
    }
    return arrival;
  }

  #take(car: Car, channel: number, value: number, atMs: number): void {
    if (!(value >= this.#min[channel]! && value <= this.#max[channel]!)) {
      if (atMs > car.invalidAtMs[channel]!) car.invalidAtMs[channel] = atMs;
      return;
    }
    const aggregate = this.#aggregate[channel]!;
    const count = car.count[channel]!;
    const held = car.value[channel]!;
    if (aggregate === LAST) {
      const heldAtMs = car.atMs[channel]!;
      // Overtaken, maybe by a sample of the tick before.
      if (atMs < heldAtMs || (atMs === heldAtMs && (count === 0 || value <= held))) return;
      car.value[channel] = value;
      car.atMs[channel] = atMs;
    } else if (aggregate === MEAN) {
      const parts = Math.round(value * this.#partsPerUnit[channel]!);
      car.value[channel] = count === 0 ? parts : held + parts;
    } else if (count === 0) {
      car.value[channel] = value;
    } else if (aggregate === MIN) {
      if (value < held) car.value[channel] = value;
    } else if (aggregate === MAX) {
      if (value > held) car.value[channel] = value;
    } else {
      const growth = Math.abs(value) - Math.abs(held);
      if (growth > 0 || (growth === 0 && value > held)) car.value[channel] = value;
    }
    car.count[channel] = count + 1;
  }

  /**
   * Closes the open tick and returns the field after it. States of cars in which nothing changed are the same arrays
   * as in the field before.
   * @param closeAtMs Race time of the close.
   */
  close(closeAtMs: number): Field {
    const cars = this.#field.cars.slice();
    const states = this.#field.states.slice();
    const news: (Int32Array | undefined)[] = new Array(states.length).fill(undefined);
    for (const [id, car] of this.#cars) {
      const { slot } = car;
      cars[slot] = id;
      if (closeAtMs - car.lastFrameAtMs > this.#options.goneAfterMs) {
        states[slot] = undefined;
        this.#cars.delete(id);
      } else {
        const heard = new Int32Array(this.#staleAfterMs.length).fill(UNHEARD);
        states[slot] = this.#closeCar(car, states[slot], closeAtMs, heard);
        news[slot] = car.wasHeard ? heard : undefined;
        car.wasHeard = false;
      }
    }
    this.#field = { cars, states };
    this.#news = { cars, states: news };
    return this.#field;
  }

  #closeCar(car: Car, before: Int32Array | undefined, closeAtMs: number, heard: Int32Array): Int32Array {
    const staleAfterMs = this.#staleAfterMs;
    const { count, invalidAtMs, heardAtMs } = car;
    let after = before ?? new Int32Array(staleAfterMs.length).fill(NULL_VALUE);
    let isCopy = before === undefined;
    for (let c = 0; c < staleAfterMs.length; c++) {
      let value = after[c]!;
      if (count[c]! > 0) {
        value = this.#aggregated(car, c);
        heardAtMs[c] = closeAtMs;
        heard[c] = value;
      } else if (invalidAtMs[c]! > car.atMs[c]!) {
        value = NULL_VALUE;
        heardAtMs[c] = closeAtMs;
        heard[c] = value;
        if (this.#aggregate[c] === LAST) car.atMs[c] = invalidAtMs[c]!;
      } else if (closeAtMs - heardAtMs[c]! > staleAfterMs[c]!) {
        value = NULL_VALUE;
      }
      if (value === after[c]) continue;
      if (!isCopy) {
        after = after.slice();
        isCopy = true;
      }
      after[c] = value;
    }
    count.fill(0);
    invalidAtMs.fill(Number.NEGATIVE_INFINITY);
    car.window.close();
    return after;
  }

  #aggregated(car: Car, channel: number): number {
    const value = car.value[channel]!;
    if (this.#aggregate[channel] !== MEAN) return quantise(this.#catalogue.channels[channel]!, value);
    // Parts are rounded, so a mean at the very end of the range can come to lie half a part beyond it.
    return Math.min(Math.round(value / car.count[channel]! / MEAN_PARTS), this.#highest[channel]!);
  }

  #admitCar(id: string, nowMs: number): Car | undefined {
    if (this.#cars.size >= this.#options.maxCars) return undefined;
    const slot = this.#slots.get(id) ?? this.#slots.size;
    if (slot >= MAX_CARS) return undefined;
    this.#slots.set(id, slot);
    const car = this.#createCar(slot, nowMs);
    this.#cars.set(id, car);
    return car;
  }

  #createCar(slot: number, nowMs: number): Car {
    const size = this.#catalogue.channels.length;
    return {
      slot,
      window: new CarWindow(this.#options.tickMs),
      value: new Float64Array(size),
      count: new Uint32Array(size),
      invalidAtMs: new Float64Array(size).fill(Number.NEGATIVE_INFINITY),
      atMs: new Float64Array(size).fill(Number.NEGATIVE_INFINITY),
      heardAtMs: new Float64Array(size).fill(nowMs),
      lastFrameAtMs: nowMs,
      wasHeard: false,
    };
  }
}
