import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, type Choice, choiceOf, follow, isSame, MOST_CHOSEN, move, NO_CHOICE, remove, show } from './choice.ts';

const of = (text: string, focus?: string): Choice => choiceOf(text === '' ? [] : text.split(','), focus);

it.each<[string, Choice, Choice]>([
  ['a car that nobody chose is the choice', show(NO_CHOICE, '24'), of('24')],
  ['a chosen car comes forward', show(of('24,9,48'), '9'), of('24,9,48', '9')],
  ['another one takes the place of the one before', show(of('24,9,48', '9'), '11'), of('24,11,48', '11')],
  ['one more stands behind the others', add(of('24,9', '9'), '48'), of('24,9,48', '9')],
  ['the same one is not added again', add(of('24,9'), '9'), of('24,9')],
  ['a fifth one has no room', add(of('1,2,3,4', '2'), '5'), of('1,2,3,4', '2')],
  ['without the one in front the next comes forward', remove(of('1,2,3', '2'), '2'), of('1,3', '3')],
  ['without the last one the one before', remove(of('1,2,3', '3'), '3'), of('1,2', '2')],
  ['without another one nothing comes forward', remove(of('1,2,3', '2'), '1'), of('2,3', '2')],
  ['without the only one there is none', remove(of('1'), '1'), NO_CHOICE],
  ['one place up', move(of('1,2,3', '3'), '3', -1), of('1,3,2', '3')],
  ['one place down', move(of('1,2,3'), '1', 1), of('2,1,3', '1')],
  ['the first one cannot go up', move(of('1,2,3'), '1', -1), of('1,2,3')],
  ['the last one cannot go down', move(of('1,2,3'), '3', 1), of('1,2,3')],
  ['one that is not there does not move', move(of('1,2'), '9', 1), of('1,2')],
  [
    'elsewhere one was replaced: that place fills the page',
    follow(of('1,2,3', '2'), ['1', '9', '3']),
    of('1,9,3', '9'),
  ],
  ['elsewhere one was added: the same fills the page', follow(of('1,2', '2'), ['1', '2', '3']), of('1,2,3', '2')],
  ['elsewhere all were taken', follow(of('1,2'), []), NO_CHOICE],
])('%s', (_, is, expected) => {
  expect(is).toEqual(expected);
});

const car = fc.constantFrom('1', '2', '3', '4', '5', '6');
const step = fc.oneof(
  fc.record({ do: fc.constant('show' as const), car }),
  fc.record({ do: fc.constant('add' as const), car }),
  fc.record({ do: fc.constant('remove' as const), car }),
  fc.record({ do: fc.constant('move' as const), car, by: fc.integer({ min: -5, max: 5 }) }),
  fc.record({ do: fc.constant('follow' as const), cars: fc.array(car, { maxLength: 8 }) }),
);

describe('a choice', () => {
  it('is whole after anything: at most four, each once, and one of them fills the page', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let choice = NO_CHOICE;
        for (const one of steps) {
          if (one.do === 'move') choice = move(choice, one.car, one.by);
          else if (one.do === 'follow') choice = follow(choice, one.cars);
          else choice = { show, add, remove }[one.do](choice, one.car);
          expect(choice.cars.length).toBeLessThanOrEqual(MOST_CHOSEN);
          expect(new Set(choice.cars).size).toBe(choice.cars.length);
          expect(choice.focus === undefined).toBe(choice.cars.length === 0);
          if (choice.focus !== undefined) expect(choice.cars).toContain(choice.focus);
        }
      }),
    );
  });

  it('is the same after a move there and back, wherever there is room', () => {
    fc.assert(
      fc.property(fc.array(car), car, (cars, one) => {
        const choice = choiceOf(cars);
        const place = choice.cars.indexOf(one);
        if (place < 0 || place === choice.cars.length - 1) return;
        expect(isSame(move(move(choice, one, 1), one, -1), choice)).toBe(true);
        expect(isSame(move(choice, one, 1), choice)).toBe(false);
      }),
    );
  });
});
