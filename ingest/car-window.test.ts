import { describe, expect, it } from 'vitest';
import { type Arrival, CarWindow } from './car-window.ts';
import type { Frame } from './source.ts';

const TICK_MS = 500;

const frame = (atMs: number, channels: number[] = [0]): Frame => ({
  car: '1',
  atMs,
  count: channels.length,
  channels: Uint16Array.from(channels),
  values: new Float64Array(channels.length),
});

/** A window that has taken frames every 100 ms up to `toMs`, with ticks closed on the way; arrival is 50 ms later. */
function running(toMs: number): CarWindow {
  const window = new CarWindow(TICK_MS);
  for (let atMs = 0; atMs <= toMs; atMs += 100) {
    window.admit(frame(atMs), atMs + 50);
    if (atMs % TICK_MS === 0) window.close();
  }
  return window;
}

/** What becomes of frames sent evenly; `shiftMs` is how wrong the car's clock is. */
function drive(window: CarWindow, fromMs: number, toMs: number, shiftMs = 0, everyMs = 100): Set<Arrival> {
  const arrivals = new Set<Arrival>();
  for (let atMs = fromMs; atMs <= toMs; atMs += everyMs) {
    arrivals.add(window.admit(frame(atMs + shiftMs), atMs + 50));
    if (atMs % TICK_MS === 0) window.close();
  }
  return arrivals;
}

describe('a frame, after the tick with the newest sample at 10,000 has closed,', () => {
  it.each<[string, number, Arrival]>([
    ['newer is fresh', 10_100, 'fresh'],
    ['newer by a silence that really was is fresh', 40_000, 'fresh'],
    ['overtaken by less than a tick is fresh', 9_550, 'fresh'],
    ['one tick old is taken', 9_500, 'fresh'],
    ['older than one tick is late', 9_499, 'late'],
    ['from the far past is late', 0, 'late'],
    ['a little early is fresh', 12_000, 'fresh'],
    ['from the future is implausible', 12_200, 'implausible_time'],
    ['from the far future is implausible', 1e13, 'implausible_time'],
  ])('%s', (_, atMs, arrival) => {
    const arrivesAtMs = atMs === 40_000 ? 40_050 : 10_100;
    expect(running(10_000).admit(frame(atMs, [1]), arrivesAtMs)).toBe(arrival);
  });

  it('of an instant and channels seen before is a double', () => {
    const window = running(10_000);
    expect(window.admit(frame(10_100), 10_150)).toBe('fresh');
    expect(window.admit(frame(10_100), 10_151)).toBe('double');
    expect(window.admit(frame(9_900), 10_152)).toBe('double');
  });

  it('of an instant seen before with other channels is no double', () => {
    const window = running(10_000);
    const parts = [[1, 2, 9], [1, 3, 9], [1, 2, 3, 9], [4], [], [9, 2, 1]];
    expect(parts.map((channels) => window.admit(frame(10_100, channels), 10_150))).toEqual(parts.map(() => 'fresh'));
    expect(parts.map((channels) => window.admit(frame(10_100, channels), 10_160))).toEqual(parts.map(() => 'double'));
  });

  it('of the first tick has nothing that it could be late for', () => {
    const window = new CarWindow(TICK_MS);
    expect([5000, 1000, 3000].map((atMs) => window.admit(frame(atMs), 9000))).toEqual(['fresh', 'fresh', 'fresh']);
  });
});

describe('one wrong time stamp silences a car for no longer than a clock that was set', () => {
  it.each([
    ['far ahead', 1e12],
    ['ahead by an hour', 3_600_000],
    ['ahead by 5 s', 5000],
    ['ahead by too little to notice', 1900],
    ['behind by 5 s', -5000],
    ['far behind', -1e12],
  ])('%s', (_, wrongByMs) => {
    const window = running(20_000);
    window.admit(frame(20_100 + wrongByMs), 20_150);
    window.close();
    drive(window, 20_200, 22_400);
    expect(drive(window, 22_500, 30_000)).toEqual(new Set(['fresh']));
  });

  it.each([
    ['far ahead', 1e12],
    ['far behind', -1e12],
  ])('also when it is the very first, %s', (_, wrongByMs) => {
    const window = new CarWindow(TICK_MS);
    window.admit(frame(100 + wrongByMs), 150);
    window.close();
    drive(window, 200, 2500);
    expect(drive(window, 2600, 9000)).toEqual(new Set(['fresh']));
  });

  it('when every tenth stamp is far ahead, no other frame is lost', () => {
    const window = running(20_000);
    const lost = [];
    for (let atMs = 20_100; atMs < 60_000; atMs += 100) {
      const isWrong = atMs % 1000 === 0;
      const arrival = window.admit(frame(isWrong ? atMs + 1e9 : atMs), atMs + 50);
      if (!isWrong && arrival !== 'fresh') lost.push(atMs);
      if (atMs % TICK_MS === 0) window.close();
    }
    expect(lost).toEqual([]);
  });
});

describe('a clock that is set', () => {
  it.each([
    ['ahead', 3_600_000],
    ['back', -3_600_000],
    ['back by less than the silence that it would cost', -4000],
  ])('%s is believed after two seconds of even running', (_, shiftMs) => {
    const window = running(20_000);
    expect(drive(window, 20_100, 22_000, shiftMs)).not.toContain('new_clock');
    expect(drive(window, 22_100, 22_100, shiftMs)).toEqual(new Set(['new_clock']));
    expect(drive(window, 22_200, 40_000, shiftMs)).toEqual(new Set(['fresh']));
  });

  it('is not believed on few frames', () => {
    const window = running(20_000);
    expect(drive(window, 21_000, 24_000, 3_600_000, 1000)).toEqual(new Set(['implausible_time']));
    expect(drive(window, 25_000, 25_000, 3_600_000)).toEqual(new Set(['new_clock']));
  });

  it('is not believed when stamps are all over the place', () => {
    const window = running(20_000);
    for (let i = 0; i < 100; i++) {
      expect(window.admit(frame(20_000 + 5000 * i + 1e6), 20_100 + 100 * i)).toBe('implausible_time');
    }
  });

  it('is not believed while frames of the right time come too, as from a second gateway that lags', () => {
    const window = running(20_000);
    for (let atMs = 20_100; atMs < 60_000; atMs += 100) {
      expect(window.admit(frame(atMs), atMs + 50)).toBe('fresh');
      expect(window.admit(frame(atMs - 15_050), atMs + 60)).toBe('late');
      if (atMs % TICK_MS === 0) window.close();
    }
  });
});

describe('a backlog', () => {
  it('of old frames in one burst is late and flips no clock', () => {
    const window = running(20_000);
    for (let atMs = 10_010; atMs < 19_000; atMs += 100) expect(window.admit(frame(atMs), 20_100)).toBe('late');
    expect(drive(window, 20_200, 30_000)).toEqual(new Set(['fresh']));
  });

  it('of old frames sent faster than they happened, for longer than two seconds, flips no clock', () => {
    const window = running(100_000);
    for (let i = 0; i < 400; i++) expect(window.admit(frame(50_010 + 100 * i), 100_100 + 10 * i)).toBe('late');
    expect(drive(window, 104_200, 110_000)).toEqual(new Set(['fresh']));
  });

  it('of frames that nobody has seen yet is taken, and so is what follows live', () => {
    const window = running(20_000);
    for (let atMs = 20_100; atMs <= 60_000; atMs += 100) expect(window.admit(frame(atMs), 60_050)).toBe('fresh');
    window.close();
    expect(drive(window, 60_100, 70_000)).toEqual(new Set(['fresh']));
  });
});
