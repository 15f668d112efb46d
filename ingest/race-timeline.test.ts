import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Flag,
  MAX_CONTROL_MESSAGES,
  MAX_FLAG_CHANGES,
  MAX_LAP_STARTS,
  type RaceDocument,
} from '../protocol/document.ts';
import { advanceTimeline, appendControl } from './race-timeline.ts';

type Timeline = Pick<RaceDocument, 'laps' | 'flags' | 'flag'>;

/** Ticks of half a second, each with the lap of the leader and the flag. */
function run(ticks: readonly [lap: number | null, flag: Flag][], begin: Timeline = { flag: 'none' }): Timeline {
  let timeline = begin;
  ticks.forEach(([lap, flag], tick) => {
    timeline = { flag, ...advanceTimeline({ ...timeline, flag }, lap, tick * 500) };
  });
  return timeline;
}

describe('the timeline of a race', () => {
  it('has the first tick of each lap and of each flag', () => {
    const { laps, flags } = run([
      [null, 'none'],
      [1, 'green'],
      [1, 'green'],
      [2, 'yellow'],
      [2, 'green'],
      [4, 'green'],
    ]);
    expect(laps).toEqual([
      { lap: 1, atMs: 500 },
      { lap: 2, atMs: 1500 },
      { lap: 4, atMs: 2500 },
    ]);
    expect(flags).toEqual([
      { flag: 'green', atMs: 500 },
      { flag: 'yellow', atMs: 1500 },
      { flag: 'green', atMs: 2000 },
    ]);
  });

  it('does not begin a lap twice when the lead goes to a car of the lap before', () => {
    expect(run([5, 6, 5, 6, 7].map((lap) => [lap, 'none'])).laps).toEqual([
      { lap: 5, atMs: 0 },
      { lap: 6, atMs: 500 },
      { lap: 7, atMs: 2000 },
    ]);
  });

  it('begins anew with a race that begins anew', () => {
    expect(run([5, 6, 0, 1].map((lap) => [lap, 'none'])).laps).toEqual([
      { lap: 0, atMs: 1000 },
      { lap: 1, atMs: 1500 },
    ]);
  });

  it('is bounded, in order, and the same list while nothing happens', () => {
    const flag = fc.constantFrom<Flag>('none', 'green', 'yellow');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 1200 }), flag), { maxLength: 900 }), (ticks) => {
        const timeline = run(ticks.sort(([a], [b]) => a - b));
        const { laps = [], flags = [] } = timeline;
        expect(laps.length).toBeLessThanOrEqual(MAX_LAP_STARTS);
        expect(flags.length).toBeLessThanOrEqual(MAX_FLAG_CHANGES);
        const numbers = laps.map(({ lap }) => lap);
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
        const again = advanceTimeline(timeline, laps.at(-1)?.lap ?? null, 1e9);
        expect(again.laps).toBe(laps.length > 0 ? laps : again.laps);
        if (flags.length > 0) expect(again.flags).toBe(flags);
      }),
      { numRuns: 40 },
    );
  });
});

describe('what race control has said', () => {
  const debris = { text: 'Debris in turn 2', atMs: 50_000 };

  it.each<[string, Parameters<typeof appendControl>, unknown[]]>([
    ['nothing', [undefined, []], []],
    ['the first message', [undefined, [debris]], [debris]],
    ['another one at the same time', [[debris], [{ text: 'x', atMs: 50_000 }]], [debris, { text: 'x', atMs: 50_000 }]],
    ['the same as a second ingest heard it', [[debris], [{ ...debris, atMs: 50_480 }]], [debris]],
    ['the same as a clock behind had it', [[debris], [{ ...debris, atMs: 40_001 }]], [debris]],
    ['the same words once more', [[debris], [{ ...debris, atMs: 60_000 }]], [debris, { ...debris, atMs: 60_000 }]],
    ['the same twice in one breath', [[], [debris, debris]], [debris]],
    ['a message that nobody has dated', [[debris], [{ text: 'x' }]], [debris]],
    ['a message of before', [[debris], [{ text: 'x', atMs: 10 }]], [debris, { text: 'x', atMs: 10 }]],
  ])('grows by %s', (_, asked, said) => {
    expect(appendControl(...asked)).toEqual(said);
  });

  it('is bounded, has the newest, and is the same list while nothing is said', () => {
    let said: ReturnType<typeof appendControl> = [];
    for (let n = 0; n < 500; n++) {
      said = appendControl(said, [{ text: `${n}`, atMs: n }]);
      expect(said.length).toBeLessThanOrEqual(MAX_CONTROL_MESSAGES);
      expect(said.slice(-50).map(({ atMs }) => atMs)).toEqual(
        Array.from({ length: Math.min(n + 1, 50) }, (_, k) => Math.max(0, n - 49) + k),
      );
    }
    expect(appendControl(said, [])).toBe(said);
    expect(appendControl(said, [said.at(-1)!])).toBe(said);
  });
});
