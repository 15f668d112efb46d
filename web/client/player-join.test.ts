import { describe, expect, it } from 'vitest';
import { type Chase, joinOf } from './player-join.ts';

const NEAR: Chase = {
  mode: 'past',
  isPaused: false,
  speed: 1,
  isSameEpoch: true,
  missingTicks: 1,
  delayMs: 0,
  behindMs: 0,
  tickMs: 500,
};

describe('who plays the past', () => {
  it.each<[string, Partial<Chase>, ReturnType<typeof joinOf>]>([
    ['one tick behind', {}, 'live'],
    ['at the live tick', { missingTicks: 0 }, 'live'],
    ['two ticks behind', { missingTicks: 2 }, undefined],
    ['ahead of what the live connection has heard', { missingTicks: -1 }, undefined],
    ['faster than the race', { speed: 60 }, 'live'],
    ['slower than the race', { speed: 0.99 }, undefined],
    ['who stands', { isPaused: true }, undefined],
    ['in another life of the race', { isSameEpoch: false }, undefined],
    ['who is live', { mode: 'live' }, undefined],
    ['who is at the delay', { mode: 'delayed', delayMs: 5000 }, undefined],
    ['a tick behind the delay', { delayMs: 5000, behindMs: 500, missingTicks: 11 }, 'delayed'],
    ['ahead of the delay, which was made longer', { delayMs: 5000, behindMs: -2000, missingTicks: 3 }, 'delayed'],
    ['more than a tick behind the delay', { delayMs: 5000, behindMs: 501, missingTicks: 12 }, undefined],
    ['next to live, and not allowed to be', { delayMs: 5000, behindMs: 501, missingTicks: 1 }, undefined],
    ['slower than the race at the delay', { delayMs: 5000, behindMs: 0, speed: 0.5 }, undefined],
  ])('%s: %o', (_, chase, outcome) => {
    expect(joinOf({ ...NEAR, ...chase })).toBe(outcome);
  });

  it('joins only from the past, in motion, in the same epoch, whatever else is so', () => {
    const sides = [true, false];
    let joined = 0;
    for (const mode of ['live', 'delayed', 'past'] as const)
      for (const isPaused of sides)
        for (const isSameEpoch of sides)
          for (const speed of [0.25, 1, 60])
            for (const missingTicks of [-1, 0, 1, 2])
              for (const delayMs of [0, 3000])
                for (const behindMs of [-1, 0, 500, 501]) {
                  const outcome = joinOf({
                    ...NEAR,
                    mode,
                    isPaused,
                    isSameEpoch,
                    speed,
                    missingTicks,
                    delayMs,
                    behindMs,
                  });
                  if (outcome === undefined) continue;
                  joined++;
                  expect({ mode, isPaused, isSameEpoch }).toEqual({ mode: 'past', isPaused: false, isSameEpoch: true });
                  expect(speed).toBeGreaterThanOrEqual(1);
                  expect(outcome).toBe(delayMs > 0 ? 'delayed' : 'live');
                }
    expect(joined).toBe(2 * (2 * 4 + 4 * 3));
  });
});
