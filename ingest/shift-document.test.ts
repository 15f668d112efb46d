import { expect, it } from 'vitest';
import type { RaceDocument } from '../protocol/document.ts';
import { createDocument } from './race-document.ts';
import { shiftDocument } from './shift-document.ts';

/** Every number under a key that is a race time. */
function timesIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    key.endsWith('AtMs') || key === 'atMs' ? (typeof one === 'number' ? [one] : []) : timesIn(one),
  );
}

it('moves every time of a document, and nothing else', () => {
  const document: RaceDocument = {
    ...createDocument('oval', 'live', 1000),
    standings: {
      24: {
        ...{ position: 1, lap: 2, lapsDown: 0, gapS: 0, lineAtMs: 2000, lastLapS: 1, bestLapS: 1 },
        ...{ status: 'pit', stops: 1 },
      },
    },
    pitStops: [
      { car: '24', lap: 1, inAtMs: 3000, outAtMs: 4000 },
      { car: '24', lap: 2, inAtMs: 5000, outAtMs: null },
    ],
    laps: [{ lap: 1, atMs: 6000 }],
    flags: [{ flag: 'green', atMs: 7000 }],
    control: [{ text: 'Debris', atMs: 8000 }],
  };
  const before = timesIn(document);
  const after = shiftDocument(document, 500_000);
  expect(before).toHaveLength(8);
  expect(timesIn(after)).toEqual(before.map((ms) => ms + 500_000));
  expect(shiftDocument(after, -500_000)).toEqual(document);
});
