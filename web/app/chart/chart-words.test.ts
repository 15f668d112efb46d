import { expect, it } from 'vitest';
import { sayAgo, sayChart, sayList, sayWithUnit } from './chart-words.ts';

it.each([
  [0, 'now'],
  [-0.4, 'now'],
  [-30, '−30 s'],
  [-59.6, '−1:00'],
  [-95, '−1:35'],
  [-600, '−10:00'],
])('%s s are %s', (seconds, words) => {
  expect(sayAgo(seconds)).toBe(words);
});

it.each([
  [[], ''],
  [['speed'], 'speed'],
  [['speed', 'brake'], 'speed and brake'],
  [['speed', 'brake', 'gear'], 'speed, brake and gear'],
])('%j is "%s"', (words, list) => {
  expect(sayList(words)).toBe(list);
});

it('says what a chart shows', () => {
  const values = [sayWithUnit('182.3', 'mph'), sayWithUnit('4', ''), sayWithUnit('–', '%')];
  expect(sayChart('24', ['Speed', 'Gear', 'Brake'], 2, values)).toBe(
    'Speed, Gear and Brake of #24 over the last 2 minutes; now 182.3 mph, 4 and –.',
  );
});
