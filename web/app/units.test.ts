import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sayIn, shownIn, type Units } from './units.ts';
import { sayValue } from './words.ts';

/** Every unit that is shown as another one: what it becomes, and how many of that one are 1 of it. */
const RATES: [units: Units, unit: string, shown: string, rate: number][] = [
  ['us', 'km/h', 'mph', 0.62137119],
  ['us', 'm/s', 'ft/s', 3.2808399],
  ['us', 'mm/s', 'in/s', 0.03937008],
  ['us', '°C', '°F', 1.8],
  ['us', 'kPa', 'psi', 0.14503774],
  ['us', 'bar', 'psi', 14.503774],
  ['us', 'hPa', 'inHg', 0.029529983],
  ['us', 'l', 'gal', 0.26417205],
  ['us', 'm', 'ft', 3.2808399],
  ['us', 'mm', 'in', 0.03937008],
  ['us', 'kg/h', 'lb/h', 2.2046226],
  ['us', 'Nm', 'lb·ft', 0.73756215],
  ['us', 'kg/m³', 'lb/ft³', 0.06242796],
  ['us', 'm/s²', 'g', 0.10197162],
  ['metric', 'm/s²', 'g', 0.10197162],
];
const systems = fc.constantFrom<Units>('metric', 'us');
const unit = fc.constantFrom(...new Set(RATES.map(([, one]) => one)), '', '%', 'V', 'rpm', 'constructor');
const reading = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const resolutions = fc.oneof(
  fc.integer({ min: -6, max: 3 }).map((exponent) => Number(`1e${exponent}`)),
  fc.double({ min: 1e-6, max: 1e4, noNaN: true }),
);

describe('units for people', () => {
  it.each(RATES)('%s: %s is shown as %s', (units, from, to, rate) => {
    const { unit, convert } = shownIn(units, from, 1);
    expect(unit).toBe(to);
    expect((convert(1) - convert(0)) / rate).toBeCloseTo(1, 7);
  });

  it.each<[string, number, number]>([
    ['°C', 0, 32],
    ['°C', 100, 212],
    ['°C', -40, -40],
    ['km/h', 160.9344, 100],
    ['bar', 1.01325, 14.695949],
    ['hPa', 1013.25, 29.921256],
    ['l', 3.785411784, 1],
    ['m', 1609.344, 5280],
    ['mm', 25.4, 1],
  ])('%s: %d is %d', (from, value, wanted) => {
    expect(shownIn('us', from, 1).convert(value)).toBeCloseTo(wanted, 6);
    expect(shownIn('us', from, 1).back(wanted)).toBeCloseTo(value, 4);
  });

  it('leave alone what the catalogue has in the unit of the reader, or in one that is not known', () => {
    for (const [, from] of RATES.filter(([, from]) => from !== 'm/s²'))
      expect(shownIn('metric', from, 0.25)).toMatchObject({ unit: from, resolution: 0.25 });
    for (const from of ['', '%', 'rpm', 's', 'toString']) {
      const { unit, resolution, convert, back } = shownIn('us', from, 0.25);
      expect([unit, resolution, convert(1.5), back(1.5)]).toEqual([from, 0.25, 1.5, 1.5]);
    }
  });

  it('come back to the value', () => {
    fc.assert(
      fc.property(systems, unit, reading, (units, from, value) => {
        const { convert, back } = shownIn(units, from, 1);
        expect(Math.abs(back(convert(value)) - value)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(value)));
      }),
    );
  });

  it('keep the order of values', () => {
    fc.assert(
      fc.property(systems, unit, reading, reading, (units, from, a, b) => {
        const { convert } = shownIn(units, from, 1);
        if (a < b) expect(convert(a)).toBeLessThanOrEqual(convert(b));
        if (b - a > 1e-6) expect(convert(a)).toBeLessThan(convert(b));
      }),
    );
  });
});

describe('digits in other units', () => {
  it('are never more than the data is worth, and less than one fewer', () => {
    fc.assert(
      fc.property(fc.constantFrom(...RATES), resolutions, ([units, from, , rate], resolution) => {
        const shown = shownIn(units, from, resolution).resolution / (resolution * rate);
        expect(shown).toBeGreaterThan(1 - 1e-6);
        expect(shown).toBeLessThan(10);
      }),
    );
  });

  it.each<[string, number, number]>([
    ['km/h', 0.1, 0.1],
    ['m/s', 0.01, 0.1],
    ['mm/s', 1, 0.1],
    ['°C', 0.1, 1],
    ['°C', 1, 2],
    ['kPa', 0.1, 0.1],
    ['bar', 0.01, 1],
    ['bar', 0.001, 0.1],
    ['hPa', 0.1, 0.01],
    ['l', 0.01, 0.01],
    ['m', 0.1, 1],
    ['m', 1, 5],
    ['mm', 0.1, 0.01],
    ['kg/h', 0.1, 1],
    ['Nm', 0.01, 0.01],
    ['kg/m³', 0.0001, 0.00001],
    ['m/s²', 0.01, 0.01],
  ])('%s in steps of %d: in steps of %d', (from, resolution, wanted) => {
    expect(shownIn('us', from, resolution).resolution).toBe(wanted);
  });

  it.each<[string, Units, number | null, string, number, string]>([
    ['as the catalogue has it', 'metric', 187.3, 'km/h', 0.1, '187.3'],
    ['in miles', 'us', 300, 'km/h', 0.1, '186.4'],
    ['in whole degrees', 'us', 100.4, '°C', 0.1, '213'],
    ['in steps of two degrees', 'us', 600, '°C', 1, '1112'],
    ['in even numbers only', 'us', 601, '°C', 1, '1114'],
    ['in g, with a real minus', 'metric', -12.5, 'm/s²', 0.01, '−1.27'],
    ['without a minus for nothing', 'us', -0.02, 'm/s²', 0.01, '0.00'],
    ['missing', 'us', null, '°C', 0.1, '–'],
    ['in no unit', 'us', 4, '', 1, '4'],
  ])('a value is said %s', (_, units, value, from, resolution, text) => {
    expect(sayIn(units, value, from, resolution)).toBe(text);
  });

  it('say a value that travelled as the catalogue has it', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 0.1, 0.01, 0.001, 5), fc.integer({ min: 1, max: 1e6 }), (resolution, steps) => {
        const value = steps * resolution;
        expect(sayIn('metric', value, 'km/h', resolution)).toBe(sayValue(value, resolution));
      }),
    );
  });
});
