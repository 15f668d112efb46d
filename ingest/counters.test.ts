import { expect, it } from 'vitest';
import { Counters } from './counters.ts';

it('names are reported once each, with the detail of the first time', () => {
  const firsts: string[] = [];
  const counters = new Counters((name, detail) => firsts.push(`${name}: ${detail}`));
  counters.add('late:07', 'by 900 ms');
  counters.add('late:07', 'by 800 ms', 2);
  expect(firsts).toEqual(['late:07: by 900 ms']);
  expect(counters.toObject()).toEqual({ 'late:07': 3 });
});

it('whoever invents names fills no memory and hides no name that was there before', () => {
  const counters = new Counters();
  counters.add('ticks', '', 0);
  for (let i = 0; i < 5000; i++) counters.add(`unknown_channel:${i}`);
  counters.add('ticks');
  expect(Object.keys(counters.toObject()).length).toBeLessThanOrEqual(1001);
  expect(counters.get('ticks')).toBe(1);
  expect(counters.get('other')).toBe(5000 - 999);
  expect(counters.get('never')).toBe(0);
});
