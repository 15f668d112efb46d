import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CarView, ChannelValue, RaceDocument } from '../../client/mod.ts';
import { keepLastState, type LastState, MAX_LAST_STATE, readLastState } from './last-state.ts';
import { sealText } from './sealed-text.ts';

/** A storage with room for one text. */
class OneText {
  text: string | null = null;
  setItem(_: string, text: string): void {
    this.text = text;
  }
  getItem(): string | null {
    return this.text;
  }
}

function viewOf(car: string, tick: number, channels: ChannelValue[]): CarView {
  const find = (key: string) => channels.find((channel) => channel.key === key);
  return {
    ...{ car, view: 'full', tick, closeAtMs: tick * 500 },
    value: (key) => find(key)?.value ?? null,
    channel: find,
    channels: () => channels,
    values: () => Object.fromEntries(channels.map(({ key, value }) => [key, value])),
  };
}

// JSON has one zero.
const numbers = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const texts = fc.string({ unit: 'binary', maxLength: 8 });
const flags = fc.constantFrom<RaceDocument['flag']>('none', 'green', 'yellow', 'red', 'white', 'checkered');
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

const documents: fc.Arbitrary<RaceDocument> = fc.record(
  {
    session: fc.record({
      ...{ race: texts, name: texts, track: orNull(texts), trackLengthM: orNull(numbers) },
      kind: fc.constantFrom('live' as const, 'recording' as const, 'simulation' as const),
      ...{ origin: orNull(texts), startedAtMs: numbers, lapsTotal: orNull(numbers) },
    }),
    flag: flags,
    lap: orNull(numbers),
    roster: fc.dictionary(texts, fc.record({ car: texts, driver: texts, team: texts }, { requiredKeys: ['car'] })),
    standings: fc.dictionary(
      texts,
      fc.record({
        ...{ position: numbers, lap: orNull(numbers), lapsDown: numbers, gapS: orNull(numbers) },
        ...{ lineAtMs: orNull(numbers), lastLapS: orNull(numbers), bestLapS: orNull(numbers), stops: numbers },
        status: fc.constantFrom('running' as const, 'pit' as const, 'silent' as const),
      }),
    ),
    pitStops: fc.array(fc.record({ car: texts, lap: orNull(numbers), inAtMs: numbers, outAtMs: orNull(numbers) }), {
      maxLength: 3,
    }),
    laps: fc.array(fc.record({ lap: numbers, atMs: numbers }), { maxLength: 3 }),
    flags: fc.array(fc.record({ flag: flags, atMs: numbers }), { maxLength: 3 }),
  },
  { requiredKeys: ['session', 'flag', 'lap', 'roster', 'standings', 'pitStops'] },
);

const channels = fc.record(
  {
    ...{ key: texts, label: texts, unit: texts, group: texts, resolution: numbers, value: orNull(numbers) },
    ...{ min: numbers, max: numbers, limits: fc.dictionary(texts, numbers), note: texts },
  },
  { requiredKeys: ['key', 'label', 'unit', 'group', 'resolution', 'value'] },
) as fc.Arbitrary<ChannelValue>;

const states: fc.Arbitrary<LastState> = fc.record({
  race: texts,
  savedAtMs: numbers,
  timeMs: fc.option(numbers, { nil: undefined }),
  document: documents,
  cars: fc.array(
    fc
      .tuple(texts, fc.nat(), fc.uniqueArray(channels, { selector: ({ key }) => key, maxLength: 4 }))
      .map((parts) => viewOf(...parts)),
    { maxLength: 3 },
  ),
});

/** A state without functions, as far as a page can see it. */
const plain = (state: LastState | undefined) =>
  state && {
    ...state,
    cars: state.cars.map((car) => ({
      ...{ car: car.car, view: car.view, tick: car.tick, closeAtMs: car.closeAtMs },
      ...{ channels: car.channels(), values: car.values() },
      each: car.channels().map(({ key }) => [car.value(key), car.channel(key)]),
    })),
  };

function sealed(state: LastState): string {
  const storage = new OneText();
  keepLastState(storage, state);
  return storage.text!;
}

function read(text: string, race?: string): LastState | undefined {
  const storage = new OneText();
  storage.text = text;
  return readLastState(storage, race);
}

const EXAMPLE: LastState = {
  ...{ race: 'demo', savedAtMs: 5, timeMs: 4 },
  document: {
    session: {
      ...{ race: 'demo', name: 'Test 500', track: null, trackLengthM: null },
      ...{ kind: 'simulation', origin: null, startedAtMs: 0, lapsTotal: 200 },
    },
    ...{ flag: 'green', lap: 3, roster: { '24': { car: '24' } }, pitStops: [] },
    standings: {
      '24': {
        ...{ position: 1, lap: 3, lapsDown: 0, gapS: 0, lineAtMs: 4, lastLapS: null, bestLapS: null },
        ...{ status: 'running', stops: 0 },
      },
    },
  },
  cars: [
    viewOf('24', 3, [
      { key: 'rpm', label: 'RPM', unit: '1/min', group: 'engine', resolution: 1, value: 9000 } as ChannelValue,
    ]),
  ],
};

describe('the last state', () => {
  it('comes back as it was kept', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(plain(read(sealed(state)))).toEqual(plain(state));
        expect(plain(read(sealed(state), state.race))).toEqual(plain(state));
        expect(read(sealed(state), `${state.race}x`)).toBeUndefined();
      }),
    );
  });

  it('says nothing of a channel that it does not have', () => {
    const [car] = read(sealed(EXAMPLE))!.cars;
    expect([car!.value('rpm'), car!.value('speed'), car!.channel('speed')]).toEqual([9000, null, undefined]);
    expect([car!.value('__proto__'), car!.channel('constructor')]).toEqual([null, undefined]);
  });

  it('is none when the text was cut anywhere', () => {
    const text = sealed(EXAMPLE);
    for (let end = 0; end < text.length; end++) expect(read(text.slice(0, end))).toBeUndefined();
  });

  it('is none when any character is another one', () => {
    fc.assert(
      fc.property(states, fc.nat(), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (state, at, other) => {
        const text = sealed(state);
        const index = at % text.length;
        fc.pre(text[index] !== other[0]);
        expect(read(text.slice(0, index) + other[0] + text.slice(index + 1))).toBeUndefined();
      }),
    );
  });

  it('is none when the text is anything else, well sealed or not', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        expect(read(text)).toBeUndefined();
        expect(read(sealText(text))).toBeUndefined();
      }),
    );
  });

  it('is none when any field that the page relies on is missing or of another kind', () => {
    const json = sealed(EXAMPLE).slice('1 01234567 '.length);
    expect(read(sealText(json))).toBeDefined();
    // The race time is the only field that may be missing.
    const places = findPlaces(JSON.parse(json)).filter((place) => place.join('.') !== 'timeMs');
    expect(places.length).toBeGreaterThan(35);
    const mayBeMissing = (place: string[]) =>
      /^(document\.roster\.24|document\.standings\.24|cars\.0)$/.test(place.join('.'));
    for (const place of places) {
      const hostile: unknown[] = [[{}], { a: [] }, true, ...(mayBeMissing(place) ? [] : [undefined])];
      for (const value of hostile) {
        const changed = JSON.parse(json);
        let parent = changed;
        for (const key of place.slice(0, -1)) parent = parent[key];
        parent[place.at(-1)!] = value;
        expect(
          read(sealText(JSON.stringify(changed))),
          `${place.join('.')} = ${JSON.stringify(value)}`,
        ).toBeUndefined();
      }
    }
  });

  it('has a bound: the cars at the end are left out, then nothing is kept', () => {
    const long: ChannelValue[] = [{ ...EXAMPLE.cars[0]!.channels()[0]!, label: 'x'.repeat(90_000) }];
    const text = sealed({ ...EXAMPLE, cars: ['1', '2', '3'].map((car) => viewOf(car, 1, long)) });
    expect(text.length).toBeLessThanOrEqual(MAX_LAST_STATE);
    expect(read(text)!.cars.map(({ car }) => car)).toEqual(['1', '2']);
    const storage = new OneText();
    keepLastState(storage, { ...EXAMPLE, race: 'x'.repeat(MAX_LAST_STATE) });
    expect(storage.text).toBeNull();
    expect(read(sealText(JSON.stringify({ ...EXAMPLE, race: 'x'.repeat(MAX_LAST_STATE) })))).toBeUndefined();
  });

  it('is not needed: a storage that is absent, full or forbidden does no harm', () => {
    const refuse = () => {
      throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
    };
    for (const storage of [undefined, { setItem: refuse, getItem: refuse }]) {
      keepLastState(storage, EXAMPLE);
      expect(readLastState(storage, 'demo')).toBeUndefined();
    }
    expect(readLastState(new OneText(), 'demo')).toBeUndefined();
  });
});

/** The way to every value inside of another one. */
function findPlaces(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[key], ...findPlaces(inner).map((rest) => [key, ...rest])]);
}
