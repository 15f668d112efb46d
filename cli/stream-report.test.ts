import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RaceWriter, testCatalogue, type Written } from '../fanout/testing/publisher.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { StreamReport } from './stream-report.ts';

/** A message of the stream before it has a sequence. */
interface Entry {
  readonly kind: Written['kind'] | 'catalogue';
  readonly bytes: Uint8Array;
}

const catalogueOf = ({ json }: Catalogue): Entry => ({ kind: 'catalogue', bytes: new TextEncoder().encode(json) });

/** What an ingest leaves in the stream: the catalogue, a tick with a keyframe, then ticks with what belongs to them. */
function raceOf(ticks: number, writer = new RaceWriter()): Entry[] {
  const entries = [catalogueOf(writer.catalogue), writer.nextTick(), writer.keyframe()];
  while (writer.tick < ticks - 1) entries.push(...writer.next());
  return entries;
}

function inspect(entries: readonly Entry[], firstSeq = 1): StreamReport {
  const report = new StreamReport('test');
  for (const [index, { kind, bytes }] of entries.entries())
    report.add({ subject: `race.test.${kind}`, seq: firstSeq + index, data: bytes });
  return report;
}

const placeOf = (entries: readonly Entry[], kind: Entry['kind'], nth: number): number =>
  entries.flatMap((entry, index) => (entry.kind === kind ? [index] : []))[nth]!;

const flip = (entry: Entry, at = Math.floor(entry.bytes.length / 2), bit = 1): Entry => ({
  ...entry,
  bytes: entry.bytes.with(at, entry.bytes[at]! ^ bit),
});

describe('the report on a stream', () => {
  it('finds nothing wrong with what an ingest writes, and counts it', () => {
    const writer = new RaceWriter();
    const entries = raceOf(50, writer);
    const report = inspect(entries);
    expect(report.isSound).toBe(true);
    const size = (kind: string) =>
      entries.filter((entry) => entry.kind === kind).reduce((sum, { bytes }) => sum + bytes.length, 0);
    const carTicks = [...writer.fields.values()].flatMap(({ states }) => states.filter((state) => state)).length;
    expect(report.summary()).toEqual({
      race: 'test',
      catalogue: { name: 'test', hash: writer.catalogue.hash, channels: 10 },
      epochs: [
        {
          epoch: '00000000000000aa',
          firstTick: 0,
          lastTick: 49,
          ticks: 50,
          startedAtMs: writer.closeAtMs(0),
          endedAtMs: writer.closeAtMs(49),
        },
      ],
      cars: writer.field.cars.filter((_, slot) => writer.field.states[slot]),
      messages: entries.length,
      ticks: 50,
      keyframes: 3,
      patches: 17,
      lost: 0,
      doubled: 0,
      unreadable: 0,
      unchecked: 0,
      misplaced_patches: 0,
      bytes_per_tick: Math.round(size('tick') / 50),
      bytes_per_car_tick: Number((size('tick') / carTicks).toFixed(1)),
      keyframe_bytes_per_tick: Math.round(size('keyframe') / 50),
      document_bytes_per_tick: Math.round(size('doc') / 50),
      problems: [],
    });
  });

  it('says the same in words', () => {
    const text = inspect(raceOf(50)).text();
    expect(text).toContain('epoch      00000000000000aa  ticks 0–49  2023-11-14 22:13:20 – 2023-11-14 22:13:44 UTC\n');
    expect(text).toContain(': 50 ticks, 3 keyframes, 17 document patches\n');
    expect(text).toContain(
      'problems   0 ticks lost, 0 doubled, 0 not checked; 0 messages unreadable, 0 patches misplaced\n',
    );
  });

  it('of an empty stream holds zeros', () => {
    const report = inspect([]);
    expect(report.isSound).toBe(true);
    expect(report.summary()).toMatchObject({ catalogue: null, epochs: [], cars: [], ticks: 0, bytes_per_tick: 0 });
    expect(report.text()).toContain('catalogue  none');
  });

  it('counts lost ticks, and checks again from the next keyframe on', () => {
    const entries = raceOf(50);
    entries.splice(placeOf(entries, 'tick', 30), 1);
    const report = inspect(entries);
    expect(report.isSound).toBe(false);
    expect(report.summary()).toMatchObject({ ticks: 49, lost: 1, doubled: 0, unreadable: 0, unchecked: 10 });
    expect(report.summary().problems).toEqual([
      `sequence ${placeOf(entries, 'tick', 30) + 1}: tick 31 comes where tick 30 was expected`,
    ]);
  });

  it('goes on from the keyframe of a tick that is lost', () => {
    const entries = raceOf(50);
    entries.splice(placeOf(entries, 'tick', 40), 1);
    expect(inspect(entries).summary()).toMatchObject({ lost: 1, unchecked: 0 });
  });

  it('counts doubled ticks and is not confused by them', () => {
    const entries = raceOf(50);
    const place = placeOf(entries, 'tick', 30);
    entries.splice(place + 1, 0, entries[place]!, entries[placeOf(entries, 'tick', 10)]!);
    const report = inspect(entries);
    expect(report.isSound).toBe(false);
    expect(report.summary()).toMatchObject({ ticks: 52, lost: 0, doubled: 2, unreadable: 0, unchecked: 0 });
    expect(report.summary().epochs).toMatchObject([{ ticks: 50, lastTick: 49 }]);
    expect(report.summary().problems).toEqual([
      `sequence ${place + 2}: tick 30 comes after tick 30`,
      `sequence ${place + 3}: tick 10 comes after tick 30`,
    ]);
  });

  it('counts a damaged tick as unreadable, and as lost', () => {
    const entries = raceOf(50);
    const place = placeOf(entries, 'tick', 30);
    entries[place] = flip(entries[place]!);
    const report = inspect(entries);
    expect(report.isSound).toBe(false);
    expect(report.summary()).toMatchObject({ ticks: 50, lost: 1, doubled: 0, unreadable: 1, unchecked: 10 });
    expect(report.summary().epochs).toMatchObject([{ ticks: 49, lastTick: 49 }]);
  });

  it.each(['keyframe', 'doc', 'catalogue'] as const)('finds a damaged %s', (kind) => {
    const entries = raceOf(50);
    const place = placeOf(entries, kind, 0);
    entries[place] = flip(entries[place]!);
    expect(inspect(entries).isSound).toBe(false);
  });

  it('finds lost, doubled and exchanged patches of the document', () => {
    const entries = raceOf(50);
    const place = placeOf(entries, 'doc', 5);
    const report = inspect(entries.toSpliced(place, 1));
    expect(report.isSound).toBe(false);
    expect(report.summary()).toMatchObject({ patches: 16, misplaced_patches: 1, lost: 0 });
    expect(report.summary().problems[0]).toMatch(/: revision 7 of the document follows revision 5$/);
    expect(inspect(entries.toSpliced(place, 0, entries[place]!)).summary().misplaced_patches).toBe(1);
  });

  it('finds a message of a subject that it does not know', () => {
    const report = new StreamReport('test');
    report.add({ subject: 'race.test.other', seq: 1, data: new Uint8Array() });
    expect(report.isSound).toBe(false);
  });

  it('keeps several epochs apart, each with its own document', () => {
    const writer = new RaceWriter();
    const entries = raceOf(30, writer);
    writer.startAnew('00000000000000bb');
    writer.docRevision = 0;
    writer.document = { laps: 0 };
    entries.push(...raceOf(20, writer));
    const report = inspect(entries);
    expect(report.summary()).toMatchObject({
      ticks: 50,
      unchecked: 0,
      problems: [],
      epochs: [
        { epoch: '00000000000000aa', ticks: 30, firstTick: 0, lastTick: 29 },
        { epoch: '00000000000000bb', ticks: 20, firstTick: 0, lastTick: 19 },
      ],
    });
    expect(report.isSound).toBe(true);
  });

  it('counts ticks of an epoch that was over as doubled', () => {
    const writer = new RaceWriter();
    const entries = raceOf(30, writer);
    const late = writer.nextTick();
    writer.startAnew('00000000000000bb');
    entries.push(...raceOf(10, writer), late, ...writer.next());
    const { epochs, doubled, lost, problems } = inspect(entries).summary();
    expect(epochs.map(({ epoch, ticks }) => [epoch, ticks])).toEqual([
      ['00000000000000aa', 30],
      ['00000000000000bb', 11],
    ]);
    expect({ doubled, lost }).toEqual({ doubled: 1, lost: 0 });
    expect(problems[0]).toContain('tick 30 comes after the end of its epoch');
  });

  it('misses the first ticks of an epoch that follows another', () => {
    const writer = new RaceWriter();
    const entries = raceOf(30, writer);
    writer.startAnew('00000000000000bb');
    writer.nextTick();
    entries.push(...raceOf(10, writer));
    expect(inspect(entries).summary()).toMatchObject({ lost: 1, epochs: [{ ticks: 30 }, { ticks: 9, firstTick: 0 }] });
  });

  it('follows a change of the catalogue', () => {
    const writer = new RaceWriter();
    const entries = raceOf(30, writer);
    writer.changeCatalogue(testCatalogue('other'));
    entries.push(catalogueOf(writer.catalogue), writer.keyframe());
    for (let n = 0; n < 20; n++) entries.push(...writer.next());
    const report = inspect(entries);
    expect(report.isSound).toBe(true);
    expect(report.summary()).toMatchObject({ catalogue: { name: 'other' }, ticks: 50, unchecked: 0, problems: [] });
    // Without the catalogue nothing behind it can be read.
    const blind = inspect(entries.filter(({ kind }, index) => kind !== 'catalogue' || index === 0));
    expect(blind.isSound).toBe(false);
  });

  it('of a stream that has forgotten its beginning says what it could not check', () => {
    const entries = raceOf(50);
    const [catalogue, ...rest] = entries;
    const cut = rest.slice(placeOf(rest, 'tick', 5));
    const report = inspect([catalogue!, ...cut]);
    expect(report.isSound).toBe(true);
    expect(report.summary()).toMatchObject({ ticks: 45, lost: 0, unchecked: 16 });
    expect(report.summary().epochs).toMatchObject([{ firstTick: 5, lastTick: 49, ticks: 45 }]);
    expect(inspect(cut).summary()).toMatchObject({ ticks: 45, unchecked: 45, catalogue: null, cars: [] });
  });

  it('remembers the first problems only', () => {
    const entries = raceOf(100).filter((_, index) => index % 2 === 0);
    expect(inspect(entries).summary().problems).toHaveLength(20);
  });

  it('finds every altered byte', () => {
    const entries = raceOf(45);
    fc.assert(
      fc.property(fc.nat(entries.length - 1), fc.nat(), fc.nat(7), (place, at, bit) => {
        const entry = entries[place]!;
        const altered = flip(entry, at % entry.bytes.length, 2 ** bit);
        expect(inspect(entries.with(place, altered)).isSound).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
