import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCatalogue } from '../protocol/catalogue.ts';
import { applyPatch } from '../protocol/document-patch.ts';
import { quantise } from '../protocol/quantise.ts';
import { JsonRace, readValues, type Shown, wholeField } from './json-race.ts';
import { RaceState } from './race-state.ts';
import type { RingEntry } from './ring.ts';
import { RaceWriter, type Written } from './testing/publisher.ts';

/** A race that is followed, message by message. */
function follow(seed = 1) {
  const writer = new RaceWriter({ cars: 5, seed });
  const state = new RaceState(writer.catalogue);
  let seq = 0;
  const put = (...messages: Written[]) => {
    for (const { bytes } of messages) state.apply(++seq, bytes);
  };
  put(writer.nextTick(), writer.keyframe());
  return { writer, state, put, json: new JsonRace('oval', state) };
}

const SHOWN: Record<string, (state: RaceState) => Shown> = {
  'the whole field': ({ catalogue }) => wholeField(catalogue),
  'some cars in some views':
    ({ catalogue }) =>
    ({ cars }) =>
      cars.flatMap((_, slot) => (slot % 2 ? [{ slot, view: catalogue.views[slot % 3]! }] : [])),
};

/** What somebody holds who applies patches. */
class Reader {
  held: unknown;
  entry: RingEntry;
  seq: number;
  readonly #race: ReturnType<typeof follow>;
  readonly #shown: Shown;

  constructor(race: ReturnType<typeof follow>, shown: Shown) {
    this.#race = race;
    this.#shown = shown;
    this.held = structuredClone(race.json.snapshot(shown));
    this.entry = race.state.head!;
    this.seq = race.state.seq;
  }

  /** @param toSeq As the position of a tick, or of the newest document. */
  read(toSeq: number): void {
    const { state, json } = this.#race;
    const last = state.ring.atSeq(toSeq)!;
    const entries = [this.entry, ...state.ring.after(this.entry.tick)].filter(({ tick }) => tick <= last.tick);
    const cars = json.changesOfCars(this.entry, last, this.#shown);
    this.held = applyPatch(this.held, JSON.parse(json.patch(entries, this.seq, toSeq, cars)));
    this.entry = last;
    this.seq = toSeq;
  }
}

describe.each(Object.entries(SHOWN))('patches of %s', (_, shownIn) => {
  it('lead to exactly what the edge holds, tick by tick or over many ticks, wherever the document changes', () => {
    const step = fc.record({ ticks: fc.nat(30), reads: fc.constantFrom('each', 'last', 'none'), docs: fc.boolean() });
    fc.assert(
      fc.property(fc.nat(1000), fc.array(step, { maxLength: 8 }), (seed, steps) => {
        const race = follow(seed);
        const shown = shownIn(race.state);
        const reader = new Reader(race, shown);
        for (const { ticks, reads, docs } of steps) {
          for (let n = 0; n < ticks; n++) {
            race.put(...race.writer.next());
            if (reads === 'each') reader.read(race.state.head!.seq);
          }
          if (reads === 'last') reader.read(race.state.head!.seq);
          if (docs) race.put(race.writer.docPatch());
        }
        reader.read(race.state.seq);
        expect(reader.held).toEqual(JSON.parse(JSON.stringify(race.json.snapshot(shown))));
        const { cars } = reader.held as { cars: Record<string, object> };
        const { field, catalogue } = race.writer;
        const views = new Map(shown(field).map(({ slot, view }) => [field.cars[slot]!, view]));
        for (const [slot, car] of field.cars.entries()) {
          const [view, held] = [views.get(car), field.states[slot]];
          expect(cars[car]).toEqual(view && held ? readValues(catalogue, view, held) : undefined);
        }
        expect((reader.held as { document: object }).document).toEqual(race.writer.document);
      }),
      { numRuns: 50 },
    );
  });
});

it('a document that a keyframe replaces is replaced as a whole', () => {
  const race = follow();
  const reader = new Reader(race, wholeField(race.state.catalogue));
  race.put(race.writer.nextTick());
  // The patch is lost on the way, and the keyframe tells what it did.
  race.writer.docPatch([{ op: 'add', path: '/flag', value: 'yellow' }]);
  race.put(race.writer.keyframe(), race.writer.nextTick());
  reader.read(race.state.seq);
  expect(reader.held).toMatchObject({ document: { flag: 'yellow' } });
  expect(reader.held).toEqual(JSON.parse(JSON.stringify(race.json.snapshot(wholeField(race.state.catalogue)))));
});

it('moves and copies in the document stay in it', () => {
  const race = follow();
  const reader = new Reader(race, wholeField(race.state.catalogue));
  race.put(
    race.writer.docPatch([
      { op: 'copy', from: '/laps', path: '/lapsTotal' },
      { op: 'move', from: '/name', path: '/title' },
    ]),
  );
  reader.read(race.state.seq);
  expect((reader.held as { document: object }).document).toEqual(race.writer.document);
});

it('values have no more digits than the resolution gives them a reason for', () => {
  const resolutions = [1, 0.1, 0.01, 0.001, 0.25, 0.05, 1 / 3];
  const catalogue = parseCatalogue({
    name: 'digits',
    channels: resolutions.map((resolution, n) => ({
      ...{ key: `c${n}`, label: `${n}`, unit: 'm', resolution, min: -1000, max: 1000 },
      ...{ aggregate: 'last', group: 'test', staleAfterMs: 1000 },
    })),
  });
  const state = Int32Array.from(catalogue.channels, (channel) => quantise(channel, 291.2));
  expect(readValues(catalogue, catalogue.views[0]!, state)).toEqual({
    ...{ c0: 291, c1: 291.2, c2: 291.2, c3: 291.2, c4: 291.25, c5: 291.2, c6: 291.3333 },
  });
});
