import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NULL_VALUE } from '../protocol/coding-plan.ts';
import { MAX_CONTROL_MESSAGES } from '../protocol/document.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { joinFacts, overlay, UNHEARD, withMissing } from './handover.ts';

const state = (...values: number[]) => Int32Array.from(values);

describe('what was heard in a tick, laid over the field before it', () => {
  it('wins where a channel was heard, null included; new cars come behind', () => {
    const before: Field = { cars: ['1', '2', '3'], states: [state(10, 11), state(20, 21), undefined] };
    const news: Field = {
      cars: ['9', '2', '1', '3', '8'],
      states: [state(90, UNHEARD), state(UNHEARD, NULL_VALUE), undefined, state(UNHEARD, 31), undefined],
    };
    expect(overlay(before, news)).toEqual({
      cars: ['1', '2', '3', '9'],
      states: [state(10, 11), state(20, NULL_VALUE), state(NULL_VALUE, 31), state(90, NULL_VALUE)],
    });
  });

  const field = (values: readonly number[]) => {
    const car = fc.constantFrom('1', '2', '3', '4', '5', '6');
    const one = fc.option(fc.array(fc.constantFrom(...values), { minLength: 2, maxLength: 2 }), { nil: undefined });
    return fc.uniqueArray(fc.record({ car, one }), { selector: (entry) => entry.car }).map(
      (cars): Field => ({
        cars: cars.map((entry) => entry.car),
        states: cars.map((entry) => entry.one && state(...entry.one)),
      }),
    );
  };
  const known = field([NULL_VALUE, 0, 1, 2]);
  const heard = field([UNHEARD, NULL_VALUE, 0, 1, 2]);
  const of = ({ cars, states }: Field, id: string) => states[cars.indexOf(id)];

  it('changes nothing else, and leaves no trace of what was not heard', () => {
    fc.assert(
      fc.property(known, heard, (before, news) => {
        const result = overlay(before, news);
        expect(result.cars.slice(0, before.cars.length)).toEqual(before.cars);
        expect(new Set(result.cars).size).toBe(result.cars.length);
        for (const id of new Set([...before.cars, ...news.cars])) {
          const [old, said, now] = [of(before, id), of(news, id), of(result, id)];
          if (!said) expect(now).toBe(old);
          else
            expect(Array.from(now!)).toEqual(
              Array.from(said, (v, c) => (v === UNHEARD ? (old?.[c] ?? NULL_VALUE) : v)),
            );
        }
        // A second time it says the same.
        expect(overlay(result, news)).toEqual(result);
      }),
    );
  });

  it('leaves a car to those who have it: only those that are missing are taken over', () => {
    fc.assert(
      fc.property(known, known, (own, other) => {
        const result = withMissing(own, other);
        for (const id of own.cars) expect(of(result, id)).toBe(of(own, id));
        for (const id of other.cars) if (!own.cars.includes(id)) expect(of(result, id)).toEqual(of(other, id));
      }),
    );
  });

  it('leads to no more cars than an epoch can hold', () => {
    const many = (name: string): Field => {
      const cars = Array.from({ length: 200 }, (_, n) => `${name}${n}`);
      return { cars, states: cars.map(() => state(1)) };
    };
    const { cars } = overlay(many('a'), many('b'));
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

  it('have all that race control said, in order', () => {
    const [one, two] = [{ text: 'one' }, { text: 'two', atMs: 5 }];
    expect(joinFacts({ control: [one] }, { flag: 'red' })).toEqual({ flag: 'red', control: [one] });
    expect(joinFacts({ control: [one] }, { control: [two] })).toEqual({ control: [one, two] });
    const many = Array.from({ length: MAX_CONTROL_MESSAGES }, (_, n) => ({ text: `${n}` }));
    expect(joinFacts({ control: many }, { control: [one] })).toEqual({ control: [...many.slice(1), one] });
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
