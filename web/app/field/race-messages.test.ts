import { expect, it } from 'vitest';
import type { RaceDocument } from '../../client/mod.ts';
import { messagesOf } from './race-messages.ts';

const race = {
  laps: [
    { lap: 1, atMs: 1000 },
    { lap: 2, atMs: 47_000 },
  ],
  flags: [
    { flag: 'green', atMs: 1000 },
    { flag: 'yellow', atMs: 60_000 },
  ],
  control: [
    { atMs: 59_900, text: 'Debris in turn 2' },
    { atMs: 90_000, text: 'Pit road is closed' },
  ],
  pitStops: [
    { car: '24', lap: 2, inAtMs: 62_000, outAtMs: 76_400 },
    { car: '9', lap: 2, inAtMs: 63_000, outAtMs: null },
    { car: '48', lap: null, inAtMs: 64_000, outAtMs: null },
  ],
} as unknown as RaceDocument;

it('tells what race control said, flags and the stops of the chosen drivers in the order in which they were', () => {
  expect(messagesOf(race, ['24', '48']).map(({ atMs, text }) => `${atMs} ${text}`)).toEqual([
    '1000 Green, lap 1',
    '59900 Debris in turn 2',
    '60000 Caution, lap 2',
    '62000 #24 comes to the pits, lap 2',
    '64000 #48 comes to the pits',
    '76400 #24 is back on the track after 14.4 s',
    '90000 Pit road is closed',
  ]);
});

it('tells nothing where nothing is known', () => {
  expect(messagesOf({ pitStops: [] } as unknown as RaceDocument, ['24'])).toEqual([]);
});
