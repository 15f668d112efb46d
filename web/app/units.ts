import { sayValue } from './words.ts';

/** In what people read values. The catalogue is metric; limits and charts of it are converted as the values are. */
export type Units = 'metric' | 'us';

/** How the values of a channel are shown. */
export interface Shown {
  readonly unit: string;
  /** Smallest step that is worth showing, in `unit`. */
  readonly resolution: number;
  /** From the unit of the catalogue to `unit`; keeps the order of values. */
  convert(value: number): number;
  /** From `unit` to the unit of the catalogue. */
  back(value: number): number;
}

/** A unit to show: how much one of it is in the unit of the catalogue, and what it reads where that one reads 0. */
interface Scale {
  readonly unit: string;
  readonly size: number;
  readonly atZero?: number;
}

// All exact. Foot, inch, mile and pound: the international yard (0.9144 m) and pound of 1959; US gallon: 231 cubic
// inches; standard gravity: third CGPM, 1901; mercury: 13,595.1 kg/m³ for the conventional inch. As in NIST Special
// Publication 811 (2008), appendix B.
const FOOT_M = 0.3048;
const INCH_M = 0.0254;
const MILE_M = 1609.344;
const POUND_KG = 0.45359237;
const GALLON_L = 3.785411784;
const GRAVITY_MPS2 = 9.80665;
const POUND_FORCE_N = POUND_KG * GRAVITY_MPS2;
const PSI_PA = POUND_FORCE_N / INCH_M ** 2;
const INCH_OF_MERCURY_PA = 13_595.1 * GRAVITY_MPS2 * INCH_M;

/** By the unit of the catalogue. Fans everywhere know g. */
const METRIC: ReadonlyMap<string, Scale> = new Map([['m/s²', { unit: 'g', size: GRAVITY_MPS2 }]]);

const US: ReadonlyMap<string, Scale> = new Map<string, Scale>([
  ...METRIC,
  ['km/h', { unit: 'mph', size: MILE_M / 1000 }],
  ['m/s', { unit: 'ft/s', size: FOOT_M }],
  ['mm/s', { unit: 'in/s', size: 1000 * INCH_M }],
  ['°C', { unit: '°F', size: 5 / 9, atZero: 32 }],
  ['kPa', { unit: 'psi', size: PSI_PA / 1000 }],
  ['bar', { unit: 'psi', size: PSI_PA / 1e5 }],
  ['hPa', { unit: 'inHg', size: INCH_OF_MERCURY_PA / 100 }],
  ['l', { unit: 'gal', size: GALLON_L }],
  ['m', { unit: 'ft', size: FOOT_M }],
  ['mm', { unit: 'in', size: 1000 * INCH_M }],
  ['kg/h', { unit: 'lb/h', size: POUND_KG }],
  ['Nm', { unit: 'lb·ft', size: POUND_FORCE_N * FOOT_M }],
  ['kg/m³', { unit: 'lb/ft³', size: POUND_KG / FOOT_M ** 3 }],
]);

const identity = (value: number): number => value;

/**
 * How to show a channel; as the catalogue has it where there is nothing else to show it in. For readings, not for
 * differences of temperatures.
 *
 * @param unit Of the catalogue.
 * @param resolution In `unit`.
 */
export function shownIn(units: Units, unit: string, resolution: number): Shown {
  const scale = (units === 'us' ? US : METRIC).get(unit);
  if (!scale) return { unit, resolution, convert: identity, back: identity };
  const { size, atZero = 0 } = scale;
  return {
    unit: scale.unit,
    resolution: roundStep(resolution / size),
    convert: (value) => value / size + atZero,
    back: (value) => (value - atZero) * size,
  };
}

/**
 * The next step up that people can read: digits that the data is not worth are not shown, and less than one digit of
 * it is lost. Up to 1 it is a power of ten, a digit of its own; beyond, where no digit can go, also 2 and 5 of one.
 */
function roundStep(step: number): number {
  // A step that is such a power but for the error of the division stays.
  const exponent = Math.ceil(Math.log10(step) - 1e-9);
  // From text, since powers of ten below 1 are not always the nearest numbers.
  const power = Number(`1e${exponent}`);
  if (exponent <= 0) return power;
  return [power / 5, power / 2].find((one) => one >= step * (1 - 1e-9)) ?? power;
}

/** A reading with as many digits as it is worth, without its unit; see {@link shownIn}. */
export function sayIn(units: Units, value: number | null, unit: string, resolution: number): string {
  const shown = shownIn(units, unit, resolution);
  if (value === null) return sayValue(null, shown.resolution);
  // Whole steps, so that nothing rounds to −0.0, and a step of 2 shows no odd numbers.
  const steps = Math.round(shown.convert(value) / shown.resolution) + 0;
  return sayValue(steps * shown.resolution, shown.resolution);
}
