import { describe, expect, it } from 'vitest';
import type { CarHistory } from '../../client/mod.ts';
import { channelsToAsk, findLap, type KnownLap, readLaps } from './lap-table.ts';

const START_MS = 1_000_000;
const LAP_MS = 15_300;
const count = 130;
const atMs = Array.from({ length: count }, (_, n) => START_MS + n * 500);
const way = atMs.map((at) => 0.6 + (at - START_MS) / LAP_MS);
const lapOf = (n: number) => Math.floor(way[n]!) + 30;

function history(more: Record<string, (number | null)[]>, rest: Partial<CarHistory> = {}): CarHistory {
  const channels = new Map(Object.entries({ lap: atMs.map((_, n) => lapOf(n)), ...more }));
  return { epoch: '00000000000000aa', car: '24', tickMs: 500, ticksEach: 1, atMs, channels, ...rest };
}
const percent = way.map((share) => (share % 1) * 100);

describe('the laps of a car', () => {
  it('have numbers, times and a name that stays when more is read', () => {
    const laps = readLaps(history({ lap_dist_pct: percent }), null);
    expect(laps.map(({ number, timeS, isPit }) => [number, timeS.toFixed(3), isPit])).toEqual([
      [31, '15.300', false],
      [32, '15.300', false],
      [33, '15.300', false],
    ]);
    const later = history({ lap_dist_pct: percent.slice(5) }, { atMs: atMs.slice(5) });
    expect(readLaps(later, null).map(({ id }) => id)).toEqual(laps.map(({ id }) => id));
  });

  it('are found by metres where the length of the track is known', () => {
    const lap_dist = way.map((share) => (share % 1) * 858);
    expect(readLaps(history({ lap_dist }), 858).map(({ timeS }) => timeS.toFixed(3))).toHaveLength(3);
    expect(readLaps(history({ lap_dist }), null)).toEqual([]);
    expect(readLaps(history({}), 858)).toEqual([]);
  });

  it('have the official time, and not that of the lap before', () => {
    // Timing comes two ticks after the line, and says 12 ms more each lap.
    const lap_time_last = atMs.map((_, n) => 15.3 + 0.012 * (lapOf(Math.max(0, n - 2)) - 30));
    const laps = readLaps(history({ lap_dist_pct: percent, lap_time_last }), null);
    expect(laps.map(({ timeS }) => timeS.toFixed(3))).toEqual(['15.324', '15.336', '15.348']);
    // Where laps are alike.
    const alike = readLaps(history({ lap_dist_pct: percent, lap_time_last: atMs.map(() => 15.309) }), null);
    expect(alike.map(({ timeS }) => timeS)).toEqual([15.309, 15.309, 15.309]);
    const other = readLaps(history({ lap_dist_pct: percent, lap_time_last: atMs.map(() => 15.4) }), null);
    expect(other.map(({ timeS }) => timeS.toFixed(3))).toEqual(['15.300', '15.300', '15.300']);
    const wrong = readLaps(history({ lap_dist_pct: percent, lap_time_last: lap_time_last.map((at) => at + 9) }), null);
    expect(wrong.map(({ timeS }) => timeS.toFixed(3))).toEqual(['15.300', '15.300', '15.300']);
  });

  it('are in the pits where the car was there in any tick of them', () => {
    const on_pit_road = atMs.map((_, n) => (n === 50 ? 1 : 0));
    const laps = readLaps(history({ lap_dist_pct: percent, on_pit_road }), null);
    expect(laps.map(({ isPit }) => isPit)).toEqual([false, true, false]);
  });

  it('are not read out of joined ticks', () => {
    expect(() => readLaps(history({ lap_dist_pct: percent }, { ticksEach: 2 }), null)).toThrow(/shorter time/);
  });
});

const lap = (id: string, timeS: number, isPit = false) => ({ id, timeS, isPit }) as KnownLap;
it.each([
  ['best', [lap('1', 47), lap('2', 46), lap('3', 45, true), lap('4', 48)], '2'],
  ['best', [lap('1', 47, true), lap('2', 46, true)], '2'],
  ['last', [lap('1', 47), lap('2', 46)], '2'],
  ['1', [lap('1', 47), lap('2', 46)], '1'],
  ['7', [lap('1', 47)], undefined],
  ['best', [], undefined],
  ['last', [], undefined],
])('%s of %j is %s', (choice, laps, id) => {
  expect(findLap(laps, choice)?.id).toBe(id);
});

it.each([
  [['lap_dist', 'lap_dist_pct', 'speed', 'brake', 'lap'], 858, ['lap_dist_pct', 'speed', 'brake', 'lap']],
  [['lap_dist', 'speed'], 858, ['lap_dist', 'speed']],
  [['lap_dist', 'speed'], null, undefined],
  [['speed'], 858, undefined],
])('of the channels %j on a track of %s m it asks for %j', (keys, trackLengthM, asked) => {
  expect(channelsToAsk((key) => keys.includes(key), trackLengthM)).toEqual(asked);
});
