import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NULL_VALUE } from '../protocol/coding-plan.ts';
import type { RaceDocument, RaceFacts } from '../protocol/document.ts';
import { MAX_PIT_STOPS } from '../protocol/document.ts';
import { diffDocuments } from '../protocol/document-patch.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { pack } from '../protocol/pack.ts';
import { quantise } from '../protocol/quantise.ts';
import { TEST_CATALOGUE } from '../testing/synthetic-source.ts';
import { advanceDocument, createDocument, mergeFacts } from './race-document.ts';

const START_MS = 1_800_000_000_000;

/** What a car says; what it leaves out is null. `undefined` for a car that is gone. */
type Said = Partial<Record<'lap' | 'lap_dist_pct' | 'lap_time' | 'lap_time_last' | 'on_pit_road', number | null>>;

function toField(cars: Readonly<Record<string, Said | undefined>>): Field {
  // A list of pairs: an object would put `7` before `07` and `toString`.
  const entries = Object.entries(cars);
  return {
    cars: entries.map(([car]) => car),
    states: entries.map(([, said]) =>
      said
        ? Int32Array.from(TEST_CATALOGUE.channels, (channel) => {
            const value = said[channel.key as keyof Said];
            return value === undefined ? NULL_VALUE : quantise(channel, value);
          })
        : undefined,
    ),
  };
}

/** A race told tick by tick, 500 ms each; every car is on the road unless it says otherwise. */
function tell(
  ticks: readonly Readonly<Record<string, Said | undefined>>[],
  from = createDocument('r', 'live', START_MS),
) {
  let document = from;
  return ticks.map((cars, i) => {
    const onRoad = Object.fromEntries(
      Object.entries(cars).map(([car, said]) => [car, said && { on_pit_road: 0, ...said }]),
    );
    document = advanceDocument(document, TEST_CATALOGUE, toField(onRoad), START_MS + (i + 1) * 500);
    return document;
  });
}

const order = (document: RaceDocument) =>
  Object.entries(document.standings)
    .sort(([, a], [, b]) => a.position - b.position)
    .map(([car]) => car);

const at = (lap: number, lap_dist_pct: number, more: Said = {}): Said => ({ lap, lap_dist_pct, ...more });

describe('the order', () => {
  it('is that of laps and the way around the track, from the first tick on', () => {
    const [document] = tell([{ a: at(3, 10), b: at(3, 90), c: at(4, 1), d: {} }]);
    expect(order(document!)).toEqual(['c', 'b', 'a', 'd']);
    expect(document!.lap).toBe(4);
    expect(document!.standings.d).toMatchObject({ position: 4, lap: null, status: 'silent' });
  });

  it('is taken anew every two seconds, not with every look at a pack', () => {
    const documents = tell(
      [1, 2, 3, 4, 5, 6, 7, 8].map((i) => ({
        a: at(1, 10 + i),
        b: at(1, 10 + i + (i % 2 ? 1 : -1) * (i < 8 ? 1 : -1)),
      })),
    );
    expect(documents.map((document) => order(document)[0])).toEqual(['b', 'b', 'b', 'a', 'a', 'a', 'a', 'b']);
  });

  it('is taken at once when a car is new', () => {
    const documents = tell([{ a: at(1, 10) }, { a: at(1, 11), b: at(1, 50) }]);
    expect(order(documents[1]!)).toEqual(['b', 'a']);
  });

  it('keeps a car that fell silent in its place until the others have done its lap', () => {
    const ahead = (pct: number) => ({ a: at(3, 40), b: at(3, pct) });
    const silent = (lap: number, pct: number) => ({ a: undefined, b: at(lap, pct) });
    const ticks = [ahead(30), ahead(31), ahead(32), ahead(33), ...[50, 60, 70, 80].map((pct) => silent(3, pct))];
    const documents = tell([...ticks, ...[1, 2, 3, 4].map((pct) => silent(4, pct))]);
    expect(order(documents[7]!)).toEqual(['a', 'b']);
    expect(documents[7]!.standings.a).toMatchObject({ status: 'silent', lap: 3 });
    expect(order(documents[11]!)).toEqual(['b', 'a']);
  });
});

describe('the gap', () => {
  const lapOf = (a: Said, b: Said) => ({ a, b });

  it('is what lies between the times at the line, to a hundredth, also within one tick', () => {
    const documents = tell([
      lapOf(at(1, 99), at(1, 98)),
      lapOf(at(2, 1, { lap_time: 0.4 }), at(2, 0.5, { lap_time: 0.13 })),
    ]);
    const { a, b } = documents[1]!.standings;
    expect(a).toMatchObject({ lap: 2, gapS: 0, lapsDown: 0, lineAtMs: START_MS + 600 });
    expect(b).toMatchObject({ lap: 2, gapS: 0.27, lapsDown: 0, lineAtMs: START_MS + 870 });
  });

  it('stays until the next crossing, whatever happens on the way', () => {
    const documents = tell([
      lapOf(at(1, 99), at(1, 98)),
      lapOf(at(2, 1, { lap_time: 0.4 }), at(2, 0.5, { lap_time: 0.13 })),
      lapOf(at(2, 20), at(2, 30)),
      lapOf(at(2, 40), at(2, 50)),
      lapOf(at(2, 98), at(2, 99)),
      lapOf(at(2, 99), at(3, 1, { lap_time: 0.2 })),
    ]);
    expect(order(documents[3]!)).toEqual(['b', 'a']);
    expect(documents[4]!.standings.b).toMatchObject({ gapS: 0.27 });
    expect(documents[5]!.standings.b).toMatchObject({ gapS: 0, position: 1 });
    expect(documents[5]!.standings.a).toMatchObject({ gapS: 0, lapsDown: 0, position: 2 });
  });

  it('of a lapped car is laps, not seconds', () => {
    const documents = tell([
      lapOf(at(1, 99), at(1, 50)),
      lapOf(at(2, 1, { lap_time: 0.1 }), at(1, 51)),
      lapOf(at(3, 1, { lap_time: 0.1 }), at(1, 98)),
      lapOf(at(3, 5), at(2, 1, { lap_time: 0.1 })),
    ]);
    expect(documents[3]!.standings.b).toMatchObject({ lap: 2, lapsDown: 1, gapS: null });
  });

  it('is unknown until a car has been seen to cross the line', () => {
    const [document] = tell([lapOf(at(5, 99), at(5, 1))]);
    expect(document!.standings.b).toMatchObject({ gapS: null, lineAtMs: null });
  });
});

describe('lap times', () => {
  it('show the last one, and the best also where the car does not say it', () => {
    const documents = tell([31, 30, 32].map((seconds, i) => ({ a: at(i, 1, { lap_time_last: seconds }) })));
    expect(documents.map(({ standings }) => [standings.a!.lastLapS, standings.a!.bestLapS])).toEqual([
      [31, 31],
      [30, 30],
      [32, 30],
    ]);
  });

  it('of 0 s are none', () => {
    const [document] = tell([{ a: at(0, 1, { lap_time_last: 0 }) }]);
    expect(document!.standings.a).toMatchObject({ lastLapS: null, bestLapS: null });
  });
});

describe('a pit stop', () => {
  const pit = (lap: number): Said => at(lap, 95, { on_pit_road: 1 });

  it('lasts from entry to exit', () => {
    const documents = tell([{ a: at(4, 90) }, { a: pit(4) }, { a: pit(4) }, { a: at(5, 2) }]);
    expect(documents[1]!.standings.a).toMatchObject({ status: 'pit', stops: 1 });
    expect(documents[2]!.pitStops).toEqual([{ car: 'a', lap: 4, inAtMs: START_MS + 1000, outAtMs: null }]);
    expect(documents[3]!.pitStops).toEqual([{ car: 'a', lap: 4, inAtMs: START_MS + 1000, outAtMs: START_MS + 2000 }]);
    expect(documents[3]!.standings.a).toMatchObject({ status: 'running', stops: 1 });
  });

  it('goes on through silence: a car may be switched off in its stall', () => {
    const documents = tell([
      { a: at(4, 90) },
      { a: pit(4) },
      { a: undefined },
      { a: {} },
      { a: pit(4) },
      { a: at(5, 2) },
    ]);
    expect(documents[2]!.standings.a!.status).toBe('silent');
    expect(documents[5]!.pitStops).toEqual([{ car: 'a', lap: 4, inAtMs: START_MS + 1000, outAtMs: START_MS + 3000 }]);
    expect(documents[5]!.standings.a!.stops).toBe(1);
  });

  it('goes on while the car does not say where it is', () => {
    const unknown = { ...pit(4), on_pit_road: null };
    const documents = tell([{ a: at(4, 90) }, { a: pit(4) }, { a: unknown }, { a: pit(4) }]);
    expect(documents.map(({ standings }) => standings.a!.status)).toEqual(['running', 'pit', 'pit', 'pit']);
    expect(documents[3]!.pitStops).toHaveLength(1);
  });

  it('is none when the car is on pit road the first time that it is seen', () => {
    const documents = tell([{ a: pit(0) }, { a: pit(0) }, { a: at(1, 2) }]);
    expect(documents[0]!.standings.a).toMatchObject({ status: 'pit', stops: 0 });
    expect(documents[2]!.pitStops).toEqual([]);
  });

  it('is forgotten, oldest first and many at once, when there are too many', () => {
    let most = 0;
    let changes = 0;
    let document = createDocument('r', 'live', START_MS);
    for (let i = 0; i < 2 * (MAX_PIT_STOPS + 150); i++) {
      const before = document;
      document = advanceDocument(
        document,
        TEST_CATALOGUE,
        toField({ a: i % 2 ? pit(i) : at(i, 2, { on_pit_road: 0 }) }),
        START_MS + i * 500,
      );
      most = Math.max(most, document.pitStops.length);
      if (diffDocuments(before.pitStops, document.pitStops).length > 50) changes++;
    }
    expect(most).toBe(MAX_PIT_STOPS);
    expect(changes).toBeLessThanOrEqual(3);
    expect(document.pitStops.at(-1)!.lap).toBe(2 * (MAX_PIT_STOPS + 150) - 1);
    expect(document.standings.a!.stops).toBe(MAX_PIT_STOPS + 150);
  });
});

describe('a session that begins again', () => {
  it('forgets laps, gaps, stops and best laps of the one before', () => {
    const documents = tell([
      { a: at(20, 99, { lap_time_last: 30 }), b: at(20, 98) },
      { a: at(21, 1, { lap_time: 0.1, lap_time_last: 30 }), b: at(21, 1, { on_pit_road: 1 }) },
      { a: at(21, 2, { lap_time_last: 30 }), b: at(21, 3) },
      { a: at(0, 1), b: at(0, 2) },
    ]);
    expect(documents[1]!.standings.b!.stops).toBe(1);
    expect(documents[3]!.lap).toBe(0);
    expect(order(documents[3]!)).toEqual(['b', 'a']);
    for (const standing of Object.values(documents[3]!.standings)) {
      expect(standing).toMatchObject({ lap: 0, lapsDown: 0, gapS: null, lineAtMs: null, stops: 0, bestLapS: null });
    }
  });
});

describe('facts', () => {
  it('are merged field by field, later ones win, and what is left out stays', () => {
    const one = mergeFacts(createDocument('r', 'live', START_MS), {
      name: 'Race',
      lapsTotal: 200,
      flag: 'green',
      roster: [
        { car: '1', driver: 'A', team: 'T' },
        { car: '2', driver: 'B' },
      ],
    });
    const two = mergeFacts(one, {
      kind: 'simulation',
      flag: 'yellow',
      roster: [{ car: '1', driver: 'C' }, { car: '3' }],
    });
    expect(two).toMatchObject({
      session: { race: 'r', name: 'Race', lapsTotal: 200, kind: 'simulation', track: null },
      flag: 'yellow',
      roster: { '1': { car: '1', driver: 'C', team: 'T' }, '2': { car: '2', driver: 'B' }, '3': { car: '3' } },
    });
  });

  it('leave nothing undefined behind, and no roster without end', () => {
    let document = createDocument('r', 'live', START_MS);
    document = mergeFacts(document, {
      roster: [{ car: '1', driver: undefined } as unknown as { car: string }],
    } as RaceFacts);
    expect(document.roster['1']).toEqual({ car: '1' });
    expect(Object.keys(document.roster['1']!)).toEqual(['car']);
    for (let i = 0; i < 20; i++) {
      document = mergeFacts(document, { roster: Array.from({ length: 50 }, (_, n) => ({ car: `${i}-${n}` })) });
    }
    expect(Object.keys(document.roster)).toHaveLength(MAX_CARS);
  });
});

describe('the document', () => {
  it('takes cars by any name that a car can have', () => {
    const names = ['toString', 'valueOf', '07', '7'];
    const cars = Object.fromEntries(names.map((car) => [car, at(1, 5)]));
    const documents = tell([cars, cars]);
    let document = documents[1]!;
    for (const car of names) expect(document.standings[car]).toMatchObject({ lap: 1, stops: 0, status: 'running' });
    document = mergeFacts(document, { roster: names.map((car) => ({ car, driver: car })) });
    expect(Object.keys(document.roster)).toHaveLength(4);
    expect(document.roster.valueOf).toEqual({ car: 'valueOf', driver: 'valueOf' });
  });

  it('has nulls where a catalogue has no channel', () => {
    const [document] = tell([{ a: {}, b: {} }]);
    expect(document).toMatchObject({ lap: null, standings: { a: { lap: null, gapS: null, status: 'silent' } } });
  });

  const said = fc.oneof(
    { weight: 1, arbitrary: fc.constant(undefined) },
    {
      weight: 8,
      arbitrary: fc.record({
        lap: fc.option(fc.nat(4)),
        lap_dist_pct: fc.option(fc.integer({ min: 0, max: 100 })),
        lap_time: fc.option(fc.integer({ min: 0, max: 40 }).map((n) => n / 10)),
        lap_time_last: fc.option(fc.integer({ min: 0, max: 9000 }).map((n) => n / 1000)),
        on_pit_road: fc.option(fc.nat(1)),
      }),
    },
  );
  const race = fc.array(fc.record({ '1': said, '2': said, '3': said }), { minLength: 1, maxLength: 12 });

  it('is clean JSON with every position once, whatever the cars say', () => {
    fc.assert(
      fc.property(race, (ticks) => {
        for (const document of tell(ticks)) {
          expect(JSON.parse(JSON.stringify(document))).toStrictEqual(document);
          expect(order(document).map((car) => document.standings[car]!.position)).toEqual([1, 2, 3]);
          const open = document.pitStops.filter(({ outAtMs }) => outAtMs === null).map(({ car }) => car);
          expect(new Set(open).size).toBe(open.length);
          for (const { gapS, lapsDown } of Object.values(document.standings)) {
            expect(gapS ?? 0).toBeGreaterThanOrEqual(0);
            expect(lapsDown).toBeGreaterThanOrEqual(0);
          }
        }
      }),
    );
  });

  it('keeps all its memory in itself: a restart changes nothing', () => {
    fc.assert(
      fc.property(race, fc.nat(11), (ticks, cut) => {
        const whole = tell(ticks);
        // As it comes back from the stream: other order of keys, other objects.
        const restored = whole.map((document) => JSON.parse(JSON.stringify(document)) as RaceDocument);
        const i = cut % ticks.length;
        const before = i === 0 ? createDocument('r', 'live', START_MS) : restored[i - 1]!;
        const field = toField(
          Object.fromEntries(
            Object.entries(ticks[i]!).map(([car, one]) => [
              car,
              one && { ...one, on_pit_road: one.on_pit_road ?? null },
            ]),
          ),
        );
        expect(advanceDocument(before, TEST_CATALOGUE, field, START_MS + (i + 1) * 500)).toEqual(whole[i]);
      }),
    );
  });

  it('changes by nothing while 40 cars drive and none crosses the line, passes or pits', () => {
    const cars = (pct: number) =>
      Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`c${i}`, at(7, pct + i, { lap_time: pct })]));
    const documents = tell([1, 2, 3, 4, 5, 6, 7, 8].map((pct) => cars(pct)));
    for (let i = 1; i < documents.length; i++) expect(diffDocuments(documents[i - 1]!, documents[i]!)).toEqual([]);
  });

  it('costs at most 250 bytes for a car that crosses the line', () => {
    const cars = (lap: number, pct: number) => ({
      a: at(3, 50),
      b: at(lap, pct, { lap_time: 0.2, lap_time_last: 31.234 + lap }),
    });
    const documents = tell([cars(2, 97), cars(2, 98), cars(2, 99), cars(3, 1)]);
    const patch = pack(diffDocuments(documents[2]!, documents[3]!));
    expect(patch.length).toBeGreaterThan(0);
    expect(patch.length).toBeLessThanOrEqual(250);
  });
});
