import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LastState } from './last-state.ts';
import { LastStateKeeper } from './last-state-keeper.ts';

const STATE: LastState = {
  ...{ race: 'demo', savedAtMs: 0, timeMs: undefined, cars: [] },
  document: {
    session: {
      ...{ race: 'demo', name: 'Test 500', track: null, trackLengthM: null },
      ...{ kind: 'simulation', origin: null, startedAtMs: 0, lapsTotal: null },
    },
    ...{ flag: 'green', lap: 3, roster: {}, standings: {}, pitStops: [] },
  },
};

let shown: LastState | undefined;
let kept = 0;
const page = { window: new EventTarget(), document: Object.assign(new EventTarget(), { visibilityState: 'visible' }) };
let keeper: LastStateKeeper;

beforeEach(() => {
  vi.useFakeTimers();
  shown = STATE;
  kept = 0;
  page.document.visibilityState = 'visible';
  keeper = new LastStateKeeper({ setItem: () => kept++ }, () => shown, page);
});

afterEach(() => {
  keeper.stop();
  vi.useRealTimers();
});

it('keeps what is shown every ten seconds, and nothing while nothing is', () => {
  vi.advanceTimersByTime(9_999);
  expect(kept).toBe(0);
  vi.advanceTimersByTime(20_001);
  expect(kept).toBe(3);
  shown = undefined;
  vi.advanceTimersByTime(20_000);
  page.window.dispatchEvent(new Event('pagehide'));
  expect(kept).toBe(3);
});

it('keeps it at once when the page is left or hidden, not when it is seen again', () => {
  page.window.dispatchEvent(new Event('pagehide'));
  expect(kept).toBe(1);
  page.document.visibilityState = 'hidden';
  page.document.dispatchEvent(new Event('visibilitychange'));
  expect(kept).toBe(2);
  page.document.visibilityState = 'visible';
  page.document.dispatchEvent(new Event('visibilitychange'));
  expect(kept).toBe(2);
});

it('keeps nothing more once it is stopped', () => {
  keeper.stop();
  vi.advanceTimersByTime(20_000);
  page.window.dispatchEvent(new Event('pagehide'));
  page.document.visibilityState = 'hidden';
  page.document.dispatchEvent(new Event('visibilitychange'));
  expect(kept).toBe(0);
});
