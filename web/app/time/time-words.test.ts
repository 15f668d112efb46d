import { expect, it } from 'vitest';
import { sayDelay, saySpan, sayWhere, type Where } from './time-words.ts';

it.each([
  [-5, '0:00'],
  [0, '0:00'],
  [7400, '0:07'],
  [59_600, '1:00'],
  [2_470_000, '41:10'],
  [3_725_000, '1:02:05'],
  [36_000_000, '10:00:00'],
])('%i ms are %s', (ms, text) => {
  expect(saySpan(ms)).toBe(text);
});

const LIVE: Where = { mode: 'live', isPaused: false, isWaiting: false, speed: 1, delayMs: 0, behindMs: 0 };

it.each<[Partial<Where>, string]>([
  [{}, 'Live.'],
  [{ mode: 'past', behindMs: 92_000 }, 'Playing, 1:32 behind live.'],
  [{ mode: 'past', behindMs: 92_000, speed: 8 }, 'Playing at 8×, 1:32 behind live.'],
  [{ mode: 'past', isPaused: true, behindMs: 5000 }, 'Paused, 0:05 behind live.'],
  [{ mode: 'past', isPaused: true, behindMs: undefined }, 'Paused.'],
  [{ mode: 'delayed', delayMs: 7500, behindMs: 7600 }, '7.5 s behind live, as set.'],
  [{ mode: 'past', isWaiting: true }, 'Waiting for what is to be shown; it is tried again by itself.'],
])('%o reads: %s', (where, sentence) => {
  expect(sayWhere({ ...LIVE, ...where })).toBe(sentence);
});

it('says a delay with the digits that it is worth', () => {
  expect([0, 500, 30_000, 1_230].map(sayDelay)).toEqual(['0 s', '0.5 s', '30 s', '1.2 s']);
});
