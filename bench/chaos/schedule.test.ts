import { describe, expect, it } from 'vitest';
import { FAULTS } from './faults.ts';
import { nextFault, shareOut } from './schedule.ts';

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

  it.each([
    [600, [A, B], [C], [590, 10]],
    [600, [A, B], [], [600, 0]],
    [600, [], [C], [0, 600]],
    [15, [A], [C], [15, 0]],
    [20, [A], [C], [10, 10]],
  ])('shares %d s out between two acts', (seconds, first, second, shares) => {
    expect(shareOut(seconds, first, second, 5)).toEqual(shares);
  });

  it('has room for every fault in ten minutes', () => {
    const acts = (['single', 'cluster'] as const).map((nats) =>
      FAULTS.filter((fault) => (fault.nats ?? 'single') === nats),
    );
    const shares = shareOut(600, acts[0]!, acts[1]!, 5);
    const done = acts.flatMap((faults, n) => plan(shares[n]!, [...faults]));
    expect(new Set(done)).toEqual(new Set(FAULTS.map(({ name }) => name)));
  });
});
