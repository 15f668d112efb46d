import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lull } from './lull.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** So many wait; `gone` lists who may go, in order. */
function crowdOf(count: number, isBusy: () => boolean) {
  const lull = new Lull(isBusy);
  const gone: number[] = [];
  for (let n = 0; n < count; n++) void lull.wait().then(() => gone.push(n));
  return { lull, gone };
}
const turn = () => vi.advanceTimersToNextTimerAsync();

describe('what is not urgent', () => {
  it('goes out piece by piece, in order, when no tick does', async () => {
    const { gone } = crowdOf(40, () => false);
    await turn();
    expect(gone).toEqual(Array.from({ length: 16 }, (_, n) => n));
    await turn();
    expect(gone).toHaveLength(32);
    await turn();
    expect(gone).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits while ticks go out, and goes on when it is told that they have', async () => {
    let isBusy = true;
    const { lull, gone } = crowdOf(3, () => isBusy);
    await vi.advanceTimersByTimeAsync(900);
    expect(gone).toEqual([]);
    isBusy = false;
    lull.resume();
    await turn();
    expect(gone).toEqual([0, 1, 2]);
  });

  it('stops where ticks begin to go out', async () => {
    let isBusy = false;
    const { gone } = crowdOf(40, () => isBusy);
    await turn();
    isBusy = true;
    await vi.advanceTimersByTimeAsync(100);
    expect(gone).toHaveLength(16);
  });

  it('does not wait for ever where ticks go out all the time', async () => {
    const { gone } = crowdOf(40, () => true);
    await vi.advanceTimersByTimeAsync(999);
    expect(gone).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await turn();
    expect(gone).toHaveLength(16);
    await turn();
    await turn();
    expect(gone).toHaveLength(40);
  });
});
