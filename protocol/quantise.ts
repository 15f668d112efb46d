import type { Channel } from './catalogue.ts';
import { NULL_VALUE } from './coding-plan.ts';

/**
 * Turns a reading into the integer it travels as: the integer nearest to value / resolution, of two equally near the
 * greater one, as Math.round does. Missing, NaN and out-of-range readings become {@link NULL_VALUE}.
 * @param value In the channel's unit.
 */
export function quantise(channel: Channel, value: number | null | undefined): number {
  if (value === null || value === undefined || !(value >= channel.min && value <= channel.max)) return NULL_VALUE;
  // Rounding is monotone, so a value in range stays in the quantised range. −0 becomes 0.
  return Math.round(value / channel.resolution) + 0;
}

/** The reading that a fan sees, in the channel's unit; `null` when it is missing. Digits beyond the resolution are cut. */
export function dequantise(channel: Channel, steps: number): number | null {
  if (steps === NULL_VALUE) return null;
  const value = steps * channel.resolution;
  const digits = Math.max(0, Math.ceil(-Math.log10(channel.resolution)) + 3);
  return digits > 15 ? value : Number(value.toFixed(digits));
}
