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

it('whoever invents names fills no memory and hides no other kind, whichever comes first', () => {
  const counters = new Counters();
  counters.add('ticks', '', 0);
  for (let i = 0; i < 5000; i++) counters.add(`unknown_channel:${i}`);
  for (let i = 0; i < 3000; i++) counters.add(`unknown_car:${i}`);
  counters.add('late:24');
  counters.add('ticks');
  counters.add('unknown_channel:7');
  expect(Object.keys(counters.toObject()).length).toBe(2 * 251 + 2);
  expect(counters.get('ticks')).toBe(1);
  expect(counters.get('late:24')).toBe(1);
  expect(counters.get('unknown_channel:7')).toBe(2);
  expect(counters.get('unknown_channel:(others)')).toBe(4750);
  expect(counters.get('unknown_car:(others)')).toBe(2750);
  expect(counters.get('never')).toBe(0);
});

it('whoever invents names does not flood the log, and what is of another kind is still reported', () => {
  const firsts: string[] = [];
  const counters = new Counters((name, detail) => firsts.push(`${name} ${detail}`));
  for (let i = 0; i < 5000; i++) counters.add(`unknown_channel:${i}`);
  counters.add('field_full:24', 'no slot');
  expect(firsts).toHaveLength(22);
  expect(firsts.slice(-2)).toEqual(['unknown_channel:(others) more than 250 names', 'field_full:24 no slot']);
});
