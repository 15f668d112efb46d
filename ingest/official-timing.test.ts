import { describe, expect, it } from 'vitest';
import { quantise } from '../protocol/quantise.ts';
import { TEST_CATALOGUE } from '../testing/synthetic-source.ts';
import type { CarTiming } from './official-timing.ts';
import { advanceDocument, createDocument } from './race-document.ts';

const START_MS = 1_800_000_000_000;

/** Cars that say laps; the timekeepers say what they will. Gives the document after each tick. */
function tell(ticks: readonly [laps: Record<string, number>, said: Record<string, CarTiming>][]) {
  let document = createDocument('r', 'recording', START_MS);
  return ticks.map(([laps, said], i) => {
    const states = Object.values(laps).map((lap) =>
      Int32Array.from(TEST_CATALOGUE.channels, (channel) => quantise(channel, channel.key === 'lap' ? lap : null)),
    );
    const field = { cars: Object.keys(laps), states };
    const timing = new Map(Object.entries(said));
    document = advanceDocument(document, TEST_CATALOGUE, field, START_MS + (i + 1) * 500, timing);
    return document;
  });
}

describe('what timekeepers say', () => {
  it('is the order, whatever the samples say; cars that they do not place come behind', () => {
    const said = { a: { position: 2 }, b: { position: 1 }, d: { position: 3 } };
    const [document] = tell([[{ a: 9, b: 3, c: 8, d: 1 }, said]]);
    const order = Object.entries(document!.standings).map(([car, { position }]) => [position, car]);
    expect(order.sort()).toEqual([
      [1, 'b'],
      [2, 'a'],
      [3, 'd'],
      [4, 'c'],
    ]);
    expect(document!.lap).toBe(3);
  });

  it('wins over samples where it says something', () => {
    const said = { a: { position: 1, lap: 5, lastLapS: 30.5, bestLapS: 29, lapsDown: 0, gapS: 0 }, b: { gapS: 1.25 } };
    const [document] = tell([[{ a: 3, b: 2 }, said]]);
    expect(document!.standings.a).toMatchObject({ lap: 5, lastLapS: 30.5, bestLapS: 29, gapS: 0, status: 'running' });
    expect(document!.standings.b).toMatchObject({ lap: 2, lastLapS: null, gapS: 1.25 });
  });

  it('makes pit stops of being on pit road', () => {
    const documents = tell([
      [{ a: 3 }, { a: { isOnPitRoad: false } }],
      [{ a: 3 }, { a: { isOnPitRoad: true } }],
      [{ a: 3 }, { a: { isOnPitRoad: true } }],
      [{ a: 4 }, { a: { isOnPitRoad: false } }],
    ]);
    expect(documents.map(({ standings }) => standings.a!.status)).toEqual(['running', 'pit', 'pit', 'running']);
    const stop = { car: 'a', lap: 3, inAtMs: START_MS + 1000, outAtMs: START_MS + 2000 };
    expect(documents.at(-1)!.pitStops).toEqual([stop]);
    expect(documents.at(-1)!.standings.a!.stops).toBe(1);
  });

  it('has pit stops of its own in the order of time, in place of ours, and the same list while they are the same', () => {
    const stop = (car: string, inAtMs: number) => ({ car, lap: 1, inAtMs, outAtMs: inAtMs + 10 });
    const said = { a: { stops: 2, pitStops: [stop('a', 5), stop('a', 30)] }, b: { pitStops: [stop('b', 20)] } };
    const documents = tell([
      [
        { a: 3, b: 3, c: 3 },
        { ...said, c: { isOnPitRoad: false } },
      ],
      [
        { a: 3, b: 3, c: 3 },
        { ...said, a: { ...said.a, isOnPitRoad: true }, c: { isOnPitRoad: true } },
      ],
      [
        { a: 3, b: 3, c: 3 },
        { ...said, a: { ...said.a, isOnPitRoad: true }, c: { isOnPitRoad: true } },
      ],
    ]);
    expect(documents[2]!.pitStops.map(({ car, inAtMs }) => [car, inAtMs])).toEqual([
      ['a', 5],
      ['b', 20],
      ['a', 30],
      ['c', START_MS + 1000],
    ]);
    expect(documents[2]!.standings.a!.stops).toBe(2);
    expect(documents[2]!.pitStops).toEqual(documents[1]!.pitStops);
  });

  it('has no pit stops of ours where it says that there were none', () => {
    const documents = tell([
      [{ a: 3 }, { a: { isOnPitRoad: false, pitStops: [] } }],
      [{ a: 3 }, { a: { isOnPitRoad: true, pitStops: [] } }],
    ]);
    expect(documents[1]!.pitStops).toEqual([]);
  });

  it('lets a car that is out stand as silent, with the lap that it had', () => {
    const [document] = tell([[{ a: 3, b: 3 }, { b: { lap: 2, isOut: true } }]]);
    expect(document!.standings.b).toMatchObject({ status: 'silent', lap: 2 });
  });
});
