import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseCatalogue } from './catalogue.ts';
import { fitCoding } from './coding-fit.ts';
import { NULL_VALUE } from './coding-plan.ts';
import { encodeDelta } from './delta.ts';
import { makeWorld, randomNextState, randomState, worldSpecs } from './testing/worlds.ts';

const channel = {
  label: '',
  unit: '',
  resolution: 1,
  min: -100_000,
  max: 100_000,
  aggregate: 'last',
  group: '',
  staleAfterMs: 500,
};
const channels = ['a', 'twice_a', 'rare', 'still'].map((key) => ({ key, ...channel }));

it('finds what moves always, what follows another, and what seldom changes', () => {
  const run = Array.from({ length: 60 }, (_, t) => {
    const a = Math.round(10_000 * Math.sin(t));
    return Int32Array.of(a, 2 * a, t % 20 === 0 ? t : 0, NULL_VALUE);
  });
  const plain = parseCatalogue({ name: '', channels });
  const hints = fitCoding(plain.channels, [run]);
  expect(hints[0]).toMatchObject({ busy: true });
  expect(hints[1]).toMatchObject({ busy: true, from: 'a', ratio: 512 });
  expect(hints[2]?.busy).toBeUndefined();
  expect(hints[3]).toEqual({ k: 2 });
  const fitted = parseCatalogue({ name: '', channels: channels.map((one, c) => ({ ...one, coding: hints[c] })) });
  const costOf = ({ views }: typeof plain) =>
    run.slice(1).reduce((sum, after, t) => sum + encodeDelta(views[0]!, run[t]!, after)!.length, 0);
  expect(costOf(fitted)).toBeLessThan(costOf(plain) / 2);
});

it('gives hints that a catalogue takes, whatever it is shown', () => {
  fc.assert(
    fc.property(worldSpecs({ maxTicks: 1, maxChannels: 8 }), (spec) => {
      const { catalogue, random } = makeWorld(spec);
      const run = [randomState(random, catalogue)];
      for (let t = 0; t < 6; t++) run.push(randomNextState(random, catalogue, run.at(-1)!));
      const hints = fitCoding(catalogue.channels, [run]);
      const channels = catalogue.channels.map((one, c) => ({ ...one, coding: hints[c] }));
      expect(parseCatalogue({ name: '', channels }).channels.map(({ coding }) => coding)).toEqual(hints);
    }),
    { numRuns: 200 },
  );
});
