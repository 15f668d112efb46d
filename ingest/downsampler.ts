import { AGGREGATES, type Catalogue } from '../protocol/catalogue.ts';
import { NULL_VALUE } from '../protocol/coding-plan.ts';
import { EMPTY_FIELD, emptyState, type Field, MAX_CARS } from '../protocol/field.ts';
import { quantise } from '../protocol/quantise.ts';
import { type Arrival, CarWindow } from './car-window.ts';
import type { Frame } from './source.ts';

const [LAST, MEAN, MIN, MAX] = AGGREGATES.map((_, index) => index) as [number, number, number, number];

export interface DownsamplerOptions {
  readonly catalogue: Catalogue;
  /** Length of a tick in ms of race time. */
  readonly tickMs: number;
  /** More cars than this are refused, 1–250. @defaultValue 250 */
  readonly maxCars?: number;
  /** A car silent for longer, in ms of race time, leaves the field. @defaultValue 600000 */
  readonly goneAfterMs?: number;
  /** Where a run goes on after a restart. @defaultValue the empty field */
  readonly field?: Field;
  /** Race time now, Unix ms; with a field from before, staleness counts from here. */
  readonly nowMs: number;
}

/** Outcome of {@link Downsampler.add}; `field_full` when the car would be one too many. */
export type FrameOutcome = Arrival | 'field_full';

/** What the open tick holds of one car. */
interface Car {
  readonly window: CarWindow;
  /** By channel: last, sum, lowest, highest or largest sample so far. */
  readonly value: Float64Array;
  /** By channel: valid samples in the tick. */
  readonly count: Uint32Array;
  /** By channel: whether the car said that it has no value, or an impossible one. */
  readonly invalid: Uint8Array;
  /** By channel: car time of the sample in `value`, for `last`. */
  readonly atMs: Float64Array;
  /** By channel: race time at which the tick closed that last heard of it. */
  readonly heardAtMs: Float64Array;
  lastFrameAtMs: number;
}

/** Turns frames at any rate into one quantised field per tick. Pure but for its own state: time comes in as arguments. */
export class Downsampler {
  readonly #catalogue: Catalogue;
  readonly #options: Required<Pick<DownsamplerOptions, 'tickMs' | 'maxCars' | 'goneAfterMs'>>;
  readonly #aggregate: Uint8Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  /** By channel: first channel derived from it, and the next one derived from the same; −1 ends the list. */
  readonly #firstDerived: Int16Array;
  readonly #nextDerived: Int16Array;
  readonly #cars = new Map<string, Car>();
  #field: Field;

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
    this.#firstDerived = new Int16Array(channels.length).fill(-1);
    this.#nextDerived = new Int16Array(channels.length).fill(-1);
    channels.forEach((channel, index) => {
      if (channel.of === undefined) return;
      const of = options.catalogue.indexOf(channel.of)!;
      this.#nextDerived[index] = this.#firstDerived[of]!;
      this.#firstDerived[of] = index;
    });
    this.#field = options.field ?? EMPTY_FIELD;
    this.#field.cars.forEach((car, slot) => {
      if (this.#field.states[slot]) this.#cars.set(car, this.#createCar(options.nowMs));
    });
  }

  /** The field of the tick that closed last. */
  get field(): Field {
    return this.#field;
  }

  /** Takes a frame into the open tick. @param nowMs Race time of arrival. */
  add(frame: Frame, nowMs: number): FrameOutcome {
    let car = this.#cars.get(frame.car);
    if (!car) {
      if (this.#cars.size >= this.#options.maxCars || !this.#hasSlotFor(frame.car)) return 'field_full';
      car = this.#createCar(nowMs);
      this.#cars.set(frame.car, car);
    }
    const arrival = car.window.admit(frame, nowMs);
    if (arrival === 'new_clock') car.atMs.fill(Number.NEGATIVE_INFINITY);
    else if (arrival !== 'fresh') return arrival;
    car.lastFrameAtMs = nowMs;
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
      car.invalid[channel] = 1;
      return;
    }
    const count = car.count[channel]!;
    car.count[channel] = count + 1;
    const aggregate = this.#aggregate[channel]!;
    if (aggregate === LAST) {
      if (count === 0 ? atMs > car.atMs[channel]! : atMs >= car.atMs[channel]!) {
        car.value[channel] = value;
        car.atMs[channel] = atMs;
      } else if (count === 0) {
        // Overtaken by a sample of the tick before: heard of, but the newer value stays.
        car.count[channel] = 0;
      }
      return;
    }
    const held = car.value[channel]!;
    if (count === 0) car.value[channel] = value;
    else if (aggregate === MEAN) car.value[channel] = held + value;
    else if (aggregate === MIN) car.value[channel] = Math.min(value, held);
    else if (aggregate === MAX) car.value[channel] = Math.max(value, held);
    else if (Math.abs(value) > Math.abs(held)) car.value[channel] = value;
  }

  /**
   * Closes the open tick and returns the field after it. States of cars in which nothing changed are the same arrays
   * as in the field before.
   * @param closeAtMs Race time of the close.
   */
  close(closeAtMs: number): Field {
    const cars = this.#field.cars.slice();
    const states = this.#field.states.slice();
    for (const [id, car] of this.#cars) {
      let slot = cars.indexOf(id);
      if (slot < 0) slot = cars.push(id) - 1;
      if (closeAtMs - car.lastFrameAtMs > this.#options.goneAfterMs) {
        states[slot] = undefined;
        this.#cars.delete(id);
      } else {
        states[slot] = this.#closeCar(car, states[slot], closeAtMs);
      }
    }
    this.#field = { cars, states };
    return this.#field;
  }

  #closeCar(car: Car, before: Int32Array | undefined, closeAtMs: number): Int32Array {
    const { channels } = this.#catalogue;
    let after = before ?? emptyState(this.#catalogue);
    let isCopy = before === undefined;
    for (let c = 0; c < channels.length; c++) {
      const channel = channels[c]!;
      const count = car.count[c]!;
      let value = after[c]!;
      if (count > 0) value = quantise(channel, this.#aggregate[c] === MEAN ? car.value[c]! / count : car.value[c]!);
      else if (car.invalid[c] === 1) value = NULL_VALUE;
      else if (closeAtMs - car.heardAtMs[c]! > channel.staleAfterMs) value = NULL_VALUE;
      if (count > 0 || car.invalid[c] === 1) car.heardAtMs[c] = closeAtMs;
      if (value === after[c]) continue;
      if (!isCopy) {
        after = after.slice();
        isCopy = true;
      }
      after[c] = value;
    }
    car.count.fill(0);
    car.invalid.fill(0);
    car.window.close();
    return after;
  }

  #hasSlotFor(car: string): boolean {
    return this.#field.cars.length < MAX_CARS || this.#field.cars.includes(car);
  }

  #createCar(nowMs: number): Car {
    const size = this.#catalogue.channels.length;
    return {
      window: new CarWindow(this.#options.tickMs),
      value: new Float64Array(size),
      count: new Uint32Array(size),
      invalid: new Uint8Array(size),
      atMs: new Float64Array(size).fill(Number.NEGATIVE_INFINITY),
      heardAtMs: new Float64Array(size).fill(nowMs),
      lastFrameAtMs: nowMs,
    };
  }
}
