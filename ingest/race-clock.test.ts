import { afterEach, describe, expect, it, vi } from 'vitest';
import { createClock, VirtualClock } from './clock.ts';
import { RaceClock, type TickClose } from './race-clock.ts';
import type { Clock } from './source.ts';

const TICK_MS = 500;

function record(clock: Clock, onClose: (close: TickClose) => void = () => {}) {
  const closes: TickClose[] = [];
  const raceClock = new RaceClock(clock, TICK_MS, (close) => {
    closes.push(close);
    onClose(close);
  });
  return { raceClock, closes };
}

let running: RaceClock | undefined;
afterEach(() => running?.stop());

describe('the race clock', () => {
  it.each([
    ['between two', 10_123, 10_500],
    ['just before one', 10_499.999, 10_500],
    ['on one', 10_500, 11_000],
  ])('closes the first tick at the first whole multiple after a start %s', (_, startMs, firstMs) => {
    const clock = new VirtualClock(startMs);
    const { raceClock, closes } = record(clock);
    raceClock.start(startMs);
    clock.advanceTo(firstMs + 2 * TICK_MS);
    expect(closes.map(({ closeAtMs }) => closeAtMs)).toEqual([firstMs, firstMs + TICK_MS, firstMs + 2 * TICK_MS]);
    expect(closes.every(({ lateByMs, skipped }) => lateByMs === 0 && skipped === 0)).toBe(true);
  });

  it('closes nothing before a start in the future, and nothing after a stop', () => {
    const clock = new VirtualClock(10_000);
    const { raceClock, closes } = record(clock);
    raceClock.start(15_000);
    clock.advanceTo(15_400);
    expect(closes).toEqual([]);
    clock.advanceTo(15_500);
    raceClock.stop();
    clock.advanceTo(60_000);
    expect(closes).toHaveLength(1);
  });

  it('can be stopped from within a tick and started again', () => {
    const clock = new VirtualClock(0);
    const { raceClock, closes } = record(clock, ({ closeAtMs }) => {
      if (closeAtMs === 1000) raceClock.stop();
    });
    raceClock.start(0);
    clock.advanceTo(5000);
    raceClock.start(5200);
    clock.advanceTo(6000);
    expect(closes.map(({ closeAtMs }) => closeAtMs)).toEqual([500, 1000, 5500, 6000]);
  });

  it('goes on after a tick that throws', () => {
    const clock = new VirtualClock(0);
    const { raceClock, closes } = record(clock, ({ closeAtMs }) => {
      if (closeAtMs === 500) throw new Error('bad tick');
    });
    raceClock.start(0);
    expect(() => clock.advanceTo(500)).toThrow('bad tick');
    clock.advanceTo(1000);
    expect(closes.map(({ closeAtMs }) => closeAtMs)).toEqual([500, 1000]);
  });

  it('after a stall closes one tick at once, on the newest grid time that has passed, and keeps the grid', () => {
    let nowMs = 10_000;
    let due: { atMs: number; callback: () => void } | undefined;
    const clock: Clock = {
      nowMs: () => nowMs,
      callAt: (atMs, callback) => {
        due = { atMs, callback };
        return () => {};
      },
    };
    const { raceClock, closes } = record(clock);
    raceClock.start(nowMs);
    const wakeAt = (atMs: number) => {
      nowMs = atMs;
      due!.callback();
    };
    wakeAt(10_510);
    wakeAt(12_990);
    expect(due!.atMs).toBe(13_000);
    wakeAt(13_000);
    expect(closes).toEqual([
      { closeAtMs: 10_500, lateByMs: 10, skipped: 0 },
      { closeAtMs: 12_500, lateByMs: 1990, skipped: 3 },
      { closeAtMs: 13_000, lateByMs: 0, skipped: 0 },
    ]);
  });

  it('on real timers, with a process that stands still in between, never closes early, twice or off the grid', async () => {
    // A hundred times as fast: a tick every 5 ms.
    const clock = createClock(1_000_000, 100);
    const early: TickClose[] = [];
    const { raceClock, closes } = record(clock, (close) => {
      if (close.closeAtMs > clock.nowMs()) early.push(close);
      if (closes.length % 10 === 5) {
        const until = performance.now() + 23;
        while (performance.now() < until);
      }
    });
    running = raceClock;
    raceClock.start(clock.nowMs());
    await vi.waitUntil(() => closes.length >= 50);
    raceClock.stop();
    expect(early).toEqual([]);
    closes.forEach(({ closeAtMs, skipped }, i) => {
      expect(closeAtMs % TICK_MS).toBe(0);
      if (i > 0) expect(closeAtMs - closes[i - 1]!.closeAtMs).toBe((1 + skipped) * TICK_MS);
    });
    expect(closes.some(({ skipped }) => skipped >= 3)).toBe(true);
  });
});

it('the race clock leaves out what another one has closed already, and only that', () => {
  const clock = new VirtualClock(0);
  const { raceClock, closes } = record(clock);
  expect(raceClock.isRunning).toBe(false);
  raceClock.start(0);
  clock.advanceTo(1000);
  raceClock.skipTo(400);
  raceClock.skipTo(1000);
  clock.advanceTo(1500);
  raceClock.skipTo(2500);
  clock.advanceTo(3500);
  expect(closes.map(({ closeAtMs }) => closeAtMs)).toEqual([500, 1000, 1500, 3000, 3500]);
  expect(raceClock.isRunning).toBe(true);
  raceClock.stop();
  expect(raceClock.isRunning).toBe(false);
});
