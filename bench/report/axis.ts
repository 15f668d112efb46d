/** Places values from 0 (begin of the axis) to 1 (end). */
export interface Axis {
  /** NaN of what has no place. */
  place(value: number): number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

const label = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 6 });
const withLabels = (values: readonly number[]) => values.map((value) => ({ value, label: label(value) }));
/** Powers of ten are not exact below one; labels and places should be. */
const tidy = (value: number) => Number(value.toPrecision(12));

/** The smallest of 1, 2, 5, 10, 20, … that is not below `value`, which is above 0. */
export function niceStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = [1, 2, 5].find((step) => step >= tidy(value / power)) ?? 10;
  return tidy(digit * power);
}

/** From 0 to at least `max`, with about `count` steps. */
export function linearAxis(max: number, count = 5): Axis {
  const step = niceStep(max > 0 ? max / count : 1 / count);
  const steps = Math.max(1, Math.ceil(tidy(max / step)));
  const end = steps * step;
  return {
    place: (value) => value / end,
    ticks: withLabels(Array.from({ length: steps + 1 }, (_, n) => tidy(n * step))),
  };
}

/** Logarithmic around values above 0; what is at or below 0 stands at the begin. */
export function logAxis(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  const [min, max] = positive.length > 0 ? [Math.min(...positive), Math.max(...positive)] : [1, 10];
  const marks = [];
  // A logarithm may be rounded up to the next power: the marks begin one below, and are cut to what is needed.
  for (let power = Math.floor(Math.log10(min)) - 1; power <= Math.ceil(Math.log10(max)); power++) {
    for (const digit of [1, 2, 5]) marks.push(tidy(digit * 10 ** power));
  }
  const first = marks.findLastIndex((mark) => mark <= min);
  const last = marks.findIndex((mark) => mark >= max);
  const shown = marks.slice(first, Math.max(last, first + 1) + 1);
  const [begin, end] = [Math.log10(shown[0]!), Math.log10(shown.at(-1)!)];
  // Many decades: the powers of ten are enough.
  const ticks = shown.length > 12 ? shown.filter((mark) => Number.isInteger(tidy(Math.log10(mark)))) : shown;
  return {
    place: (value) => (value > 0 ? Math.max(0, (Math.log10(value) - begin) / (end - begin)) : 0 * value),
    ticks: withLabels(ticks),
  };
}

/** Each further nine takes the same room, as in the plots of HdrHistogram; 100 stands where the fifth nine would. */
export function percentileAxis(): Axis {
  const nines = 5;
  return {
    place: (percentile) => Math.min(1, Math.log10(100 / (100 - percentile)) / nines),
    ticks: [
      { value: 0, label: '0' },
      { value: 50, label: '50' },
      ...withLabels([90, 99, 99.9, 99.99]),
      { value: 100, label: 'max' },
    ],
  };
}
