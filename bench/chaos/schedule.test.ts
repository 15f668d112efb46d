import { describe, expect, it } from 'vitest';
import { FAULTS } from './faults.ts';
import { nextFault } from './schedule.ts';

const A = { name: 'a', aboutS: 10 };
const B = { name: 'b', aboutS: 60 };
const C = { name: 'c', aboutS: 5 };

/** Names of all faults that come in so many seconds. */
function plan(seconds: number, faults = [A, B, C], steadyS = 5): string[] {
  const done: string[] = [];
  for (let leftS = seconds; ; ) {
    const next = nextFault(faults, done, leftS, steadyS);
    if (!next) return done;
    done.push(next.name);
    leftS -= next.aboutS + steadyS;
  }
}

describe('the schedule', () => {
  it.each([
    [9, []],
    [10, ['c']],
    [25, ['a', 'c']],
    [90, ['a', 'b', 'c']],
    [105, ['a', 'b', 'c', 'a']],
    [200, ['a', 'b', 'c', 'a', 'b', 'c', 'a']],
  ])('fills %d s in order, without what does not fit', (seconds, names) => {
    expect(plan(seconds)).toEqual(names);
  });

  it('has room for every fault in ten minutes', () => {
    expect(new Set(plan(600, [...FAULTS]))).toEqual(new Set(FAULTS.map(({ name }) => name)));
  });
});
