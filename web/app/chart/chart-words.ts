import { MISSING, sayCar } from '../words.ts';

/** How long ago: `now`, `−30 s`, `−2:00`. @param seconds 0 and less. */
export function sayAgo(seconds: number): string {
  const ago = Math.round(-seconds);
  if (ago <= 0) return 'now';
  if (ago < 60) return `−${ago} s`;
  return `−${Math.floor(ago / 60)}:${String(ago % 60).padStart(2, '0')}`;
}

/** `speed`, `speed and brake`, `speed, brake and gear`. */
export function sayList(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

/** What a chart of some channels over some minutes says, for those who do not see it. @param values As they are said, with units. */
export const sayChart = (car: string, labels: readonly string[], minutes: number, values: readonly string[]): string =>
  `${sayList(labels)} of ${sayCar(car)} over the last ${minutes} minutes; now ${sayList(values)}.`;

/** A value with its unit. */
export const sayWithUnit = (value: string, unit: string): string =>
  value === MISSING || unit === '' ? value : `${value} ${unit}`;
