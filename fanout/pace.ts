import { type Rate, strideOf } from '../protocol/control.ts';

/** In which ticks a fan gets its frames: every `stride`th, those that leave `phase` as the rest. */
export class Pace {
  readonly stride: number;
  readonly phase: number;

  constructor(stride: number, phase: number) {
    this.stride = stride;
    this.phase = phase;
  }

  /** The first tick of this pace after `tick`. */
  after(tick: number): number {
    const { stride, phase } = this;
    return stride === 1 ? tick + 1 : tick + stride - ((tick + stride - phase) % stride);
  }
}

export const EVERY_TICK = new Pace(1, 0);

/** Gives out paces so that the fans of one rate are spread evenly over the ticks. */
export class Paces {
  readonly #tickMs: number;
  readonly #byRate = new Map<Rate, { readonly paces: readonly Pace[]; next: number }>();

  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  take(rate: Rate): Pace {
    let known = this.#byRate.get(rate);
    if (!known) {
      const stride = strideOf(rate, this.#tickMs);
      known = { paces: Array.from({ length: stride }, (_, phase) => new Pace(stride, phase)), next: 0 };
      this.#byRate.set(rate, known);
    }
    const pace = known.paces[known.next]!;
    known.next = (known.next + 1) % known.paces.length;
    return pace;
  }
}
