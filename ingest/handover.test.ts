import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NULL_VALUE } from '../protocol/coding-plan.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { joinFacts, overlay, UNHEARD } from './handover.ts';

const state = (...values: number[]) => Int32Array.from(values);

describe('what a standby knows, laid over what fans hold', () => {
  it('wins where it has heard something, null included; cars that fans do not have come behind', () => {
    const published: Field = { cars: ['1', '2', '3'], states: [state(10, 11), state(20, 21), undefined] };
    const own: Field = {
      cars: ['9', '2', '1', '3', '8'],
      states: [state(90, UNHEARD), state(UNHEARD, NULL_VALUE), undefined, state(UNHEARD, 31), undefined],
    };
    expect(overlay(published, own)).toEqual({
      cars: ['1', '2', '3', '9'],
      states: [undefined, state(20, NULL_VALUE), state(NULL_VALUE, 31), state(90, NULL_VALUE)],
    });
  });

  it('changes nothing that it does not know, and leaves no trace of what it does not know', () => {
    const car = fc.constantFrom('1', '2', '3', '4', '5', '6');
    const value = fc.constantFrom(UNHEARD, NULL_VALUE, 0, 1, 2);
    const values = fc.option(fc.array(value, { minLength: 2, maxLength: 2 }), { nil: undefined });
    const field = (isOwn: boolean) =>
      fc.uniqueArray(fc.record({ car, values }), { selector: (one) => one.car }).map(
        (cars): Field => ({
          cars: cars.map((one) => one.car),
          states: cars.map(
            (one) => one.values && state(...one.values.map((v) => (isOwn || v > UNHEARD ? v : NULL_VALUE))),
          ),
        }),
      );
    const of = ({ cars, states }: Field, id: string) => states[cars.indexOf(id)];
    fc.assert(
      fc.property(field(false), field(true), (published, own) => {
        const result = overlay(published, own);
        expect(result.cars.slice(0, published.cars.length)).toEqual(published.cars);
        expect(new Set(result.cars).size).toBe(result.cars.length);
        for (const id of new Set([...published.cars, ...own.cars])) {
          const [before, known, after] = [of(published, id), of(own, id), of(result, id)];
          if (!own.cars.includes(id)) expect(after).toBe(before);
          else if (!known) expect(after).toBeUndefined();
          else
            expect(Array.from(after!)).toEqual(
              Array.from(known, (v, c) => (v === UNHEARD ? (before?.[c] ?? NULL_VALUE) : v)),
            );
        }
        // A second time it says the same.
        expect(overlay(result, own)).toEqual(result);
      }),
    );
  });

  it('has no more cars than an epoch can hold', () => {
    const of = (name: string): Field => {
      const cars = Array.from({ length: 200 }, (_, n) => `${name}${n}`);
      return { cars, states: cars.map(() => state(1)) };
    };
    const { cars } = overlay(of('a'), of('b'));
    expect(cars).toHaveLength(MAX_CARS);
    expect(cars.at(-1)).toBe(`b${MAX_CARS - 201}`);
  });
});

describe('facts of a race', () => {
  it('are joined field by field and car by car; later ones win', () => {
    const earlier = { name: 'A', flag: 'green', roster: [{ car: '1', driver: 'x', team: 't' }, { car: '2' }] } as const;
    const later = { flag: 'yellow', lapsTotal: 5, roster: [{ car: '1', driver: 'y' }, { car: '3' }] } as const;
    expect(joinFacts(earlier, later)).toEqual({
      name: 'A',
      flag: 'yellow',
      lapsTotal: 5,
      roster: [{ car: '1', driver: 'y', team: 't' }, { car: '2' }, { car: '3' }],
    });
    expect(joinFacts({}, {})).toEqual({});
  });

  it('stay bounded, whoever sends them', () => {
    let facts = {};
    for (let n = 0; n < 30; n++) {
      const roster = Array.from({ length: 20 }, (_, i) => ({ car: `${n}-${i}` }));
      facts = joinFacts(facts, { roster });
    }
    expect((facts as { roster: unknown[] }).roster).toHaveLength(MAX_CARS);
  });
});
