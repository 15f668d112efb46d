import { expect, it } from 'vitest';
import { type NamedLap, sayChoice, sayFaster, sayGained, sayShare, sayTime } from './compare-words.ts';

const lap = (car: string, number: number | undefined, timeS: number, isPit = false): NamedLap => ({
  ...{ car, number, timeS, isPit },
});

it.each([
  [lap('24', 31, 46.312), lap('9', 30, 46.496), '#24’s lap 31 (46.312) is 0.184 s faster than #9’s lap 30.'],
  [lap('9', 30, 46.496), lap('24', 31, 46.312), '#24’s lap 31 (46.312) is 0.184 s faster than #9’s lap 30.'],
  [lap('24', 31, 46.312), lap('24', 30, 46.3124), '#24’s lap 31 and #24’s lap 30 took the same time, 46.312.'],
  [lap('VER', undefined, 75.5), lap('9', 2, 76), 'VER’s lap (1:15.500) is 0.500 s faster than #9’s lap 2.'],
])('compares %j with %j', (a, b, sentence) => {
  expect(sayFaster(a, b)).toBe(sentence);
});

it.each([
  [lap('24', 31, 46.312), 'Lap 31 · 46.312'],
  [lap('24', 32, 70.004, true), 'Lap 32 · 1:10.004 · pit'],
  [lap('24', undefined, 46), 'Lap · 46.000'],
])('offers %j as %s', (one, words) => {
  expect(sayChoice(one)).toBe(words);
});

it.each([
  [0.184, '+0.184'],
  [-1.2, '−1.200'],
  [-0.0004, '0.000'],
  [0, '0.000'],
  [null, '–'],
])('%s s gained are %s', (seconds, words) => {
  expect(sayGained(seconds)).toBe(words);
});

it('names a place in the lap', () => {
  expect([sayShare(0), sayShare(0.425), sayShare(1)]).toEqual(['0.0 %', '42.5 %', '100.0 %']);
});

it('says a time from the line on', () => {
  expect([0, -1e-9, 7.5, 75.25, null].map(sayTime)).toEqual(['0.000', '0.000', '7.500', '1:15.250', '–']);
});
