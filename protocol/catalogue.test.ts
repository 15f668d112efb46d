import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Catalogue, MAX_CHANNELS, MAX_SPAN_STEPS, MAX_STEPS, MAX_VIEWS, parseCatalogue } from './catalogue.ts';
import { quantisedRange } from './coding-plan.ts';
import { ConfigError } from './errors.ts';
import { makeWorld, worldSpecs } from './testing/worlds.ts';

type Json = Record<string, unknown>;

const channel = (key: string, more: Json = {}): Json => ({
  key,
  label: 'Label',
  unit: 'V',
  resolution: 0.1,
  min: 0,
  max: 10,
  aggregate: 'last',
  group: 'engine',
  staleAfterMs: 2000,
  ...more,
});
const without = (field: string): Json => {
  const { [field]: _, ...rest } = channel('volts');
  return rest;
};
const catalogueOf = (channels: unknown, more: Json = {}): Json => ({ name: 'test', channels, ...more });
const coded = (key: string, coding: unknown): Json => channel(key, { coding });
const load = (name: string): string => readFileSync(join(import.meta.dirname, 'catalogues', `${name}.json`), 'utf8');

const refusal = (source: unknown): string => {
  try {
    parseCatalogue(source);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).code).toBe('bad_catalogue');
    return (error as Error).message;
  }
  throw new Error('The catalogue was accepted.');
};

describe('a catalogue that breaks a rule is refused with the channel and the field', () => {
  const one = (more: Json) => catalogueOf([channel('volts', more)]);
  const busy = coded('a', { busy: true });
  it.each<[string, unknown, string]>([
    ['no JSON', '{', 'The catalogue must be JSON'],
    ['no object', [], 'the catalogue must be an object, but is a list of 0'],
    ['null', 'null', 'the catalogue must be an object, but is null'],
    ['an unknown field', catalogueOf([channel('a')], { vews: {} }), 'the catalogue: vews must be left out'],
    ['no name', { channels: [channel('a')] }, 'the catalogue: name must be a text'],
    ['a long name', { name: 'x'.repeat(65), channels: [] }, 'the catalogue: name must be a text of at most 64'],
    ['no channels', { name: 'a' }, 'channels must be a list of 1 to 4096 channels, but is missing'],
    ['an empty list', catalogueOf([]), 'channels must be a list of 1 to 4096 channels, but is "0 channels"'],
    ['too many', catalogueOf(new Array(MAX_CHANNELS + 1).fill({})), 'channels must be a list of 1 to 4096 channels'],
    ['no channel object', catalogueOf([channel('a'), 7]), 'channel 1 must be an object, but is 7'],
    ['no key', catalogueOf([without('key')]), 'channel 0: key must be lower snake case'],
    ['a bad key', catalogueOf([channel('Volts')]), 'channel 0: key must be lower snake case'],
    ['a long key', catalogueOf([channel('a'.repeat(33))]), 'channel 0: key must be lower snake case'],
    ['a key twice', catalogueOf([channel('volts'), channel('volts')]), 'channel volts: key must be unique'],
    ['an unknown field', one({ resolutoin: 1 }), 'channel volts: resolutoin must be left out'],
    [
      '__proto__',
      `{"name":"","channels":[{"key":"volts","__proto__":{}}]}`,
      'channel volts: __proto__ must be left out',
    ],
    ...['label', 'unit', 'resolution', 'min', 'max', 'aggregate', 'group', 'staleAfterMs'].map(
      (field): [string, unknown, string] => [
        `no ${field}`,
        catalogueOf([without(field)]),
        `channel volts: ${field} must be`,
      ],
    ),
    ['a label of another type', one({ label: 3 }), 'channel volts: label must be a text'],
    ['a long label', one({ label: 'x'.repeat(81) }), 'channel volts: label must be a text of at most 80'],
    ['a long unit', one({ unit: 'x'.repeat(17) }), 'channel volts: unit must be a text of at most 16'],
    ['a long group', one({ group: 'x'.repeat(33) }), 'channel volts: group must be a text of at most 32'],
    ['resolution 0', one({ resolution: 0 }), 'channel volts: resolution must be a number above 0, but is 0'],
    ['a negative resolution', one({ resolution: -1 }), 'channel volts: resolution must be'],
    ['an infinite resolution', one({ resolution: Number.POSITIVE_INFINITY }), 'channel volts: resolution must be'],
    ['a resolution as text', one({ resolution: '1' }), 'channel volts: resolution must be'],
    ['min too low', one({ resolution: 1, min: -MAX_STEPS - 1 }), 'channel volts: min must be'],
    ['min without a number of steps', one({ resolution: 5e-324, min: -1 }), 'channel volts: min must be'],
    ['max below min', one({ max: -1 }), 'channel volts: max must be above min (0)'],
    ['max equal to min', one({ max: 0 }), 'channel volts: max must be above min (0)'],
    [
      'too many steps',
      one({ resolution: 1, max: MAX_SPAN_STEPS + 1 }),
      'channel volts: max must be above min (0) by at most',
    ],
    ['max too high', one({ resolution: 1, min: MAX_STEPS - 5, max: MAX_STEPS + 1 }), 'channel volts: max must be'],
    ['an unknown aggregate', one({ aggregate: 'sum' }), 'channel volts: aggregate must be one of last, mean'],
    ['an inherited aggregate', one({ aggregate: 'toString' }), 'channel volts: aggregate must be one of'],
    ['a short stale time', one({ staleAfterMs: 499 }), 'channel volts: staleAfterMs must be a number of ms'],
    ['a long stale time', one({ staleAfterMs: 86_400_001 }), 'channel volts: staleAfterMs must be a number of ms'],
    ['of an unknown channel', one({ of: 'amps' }), 'channel volts: of must be the key of an earlier channel'],
    ['of itself', one({ of: 'volts' }), 'channel volts: of must be the key of an earlier channel'],
    ['of a later channel', catalogueOf([channel('a', { of: 'b' }), channel('b')]), 'channel a: of must be'],
    [
      'of a derived channel',
      catalogueOf([channel('a'), channel('b', { of: 'a' }), channel('c', { of: 'b' })]),
      'channel c: of must be the key of an earlier channel that is not derived',
    ],
    ['of null', one({ of: null }), 'channel volts: of must be a text'],
    ['limits null', one({ limits: null }), 'channel volts: limits must be an object, but is null'],
    ['limits as a list', one({ limits: [1, 2] }), 'channel volts: limits must be an object, but is a list of 2'],
    ['no limit', one({ limits: {} }), 'channel volts: limits must be an object with at least one of alarmBelow, warn'],
    ['an unknown limit', one({ limits: { warnOver: 5 } }), 'channel volts: limits: warnOver must be left out'],
    ['a limit as text', one({ limits: { warnAbove: '5' } }), 'channel volts: limits: warnAbove must be a number from'],
    ['a limit that is null', one({ limits: { warnBelow: null } }), 'channel volts: limits: warnBelow must be a number'],
    [
      'a limit below min',
      one({ limits: { alarmBelow: -0.1 } }),
      'channel volts: limits: alarmBelow must be a number from min (0) to max (10), but is -0.1',
    ],
    [
      'a limit above max',
      one({ limits: { alarmAbove: 10.1 } }),
      'channel volts: limits: alarmAbove must be a number from min (0) to max (10), but is 10.1',
    ],
    [
      'a warning below the alarm',
      one({ limits: { warnBelow: 2, alarmBelow: 3 } }),
      'channel volts: limits: warnBelow must be at least alarmBelow (3), but is 2',
    ],
    [
      'a warning above the alarm',
      one({ limits: { warnAbove: 9, alarmAbove: 8 } }),
      'channel volts: limits: alarmAbove must be at least warnAbove (9), but is 8',
    ],
    [
      'warnings that leave no good value',
      one({ limits: { warnBelow: 5, warnAbove: 5 } }),
      'channel volts: limits: warnAbove must be above warnBelow (5), but is 5',
    ],
    [
      'alarms that leave no good value',
      one({ limits: { alarmBelow: 5, alarmAbove: 5 } }),
      'channel volts: limits: alarmAbove must be above alarmBelow (5), but is 5',
    ],
    ['coding null', one({ coding: null }), 'channel volts: coding must be an object'],
    ['an unknown hint', one({ coding: { rice: 1 } }), 'channel volts: coding: rice must be left out'],
    ['k too high', one({ coding: { k: 25 } }), 'channel volts: coding: k must be an integer 0–24'],
    ['k negative', one({ coding: { k: -1 } }), 'channel volts: coding: k must be'],
    ['k with a fraction', one({ coding: { k: 1.5 } }), 'channel volts: coding: k must be'],
    ['busy as a number', one({ coding: { busy: 1 } }), 'channel volts: coding.busy must be true or false'],
    [
      'from on a quiet channel',
      catalogueOf([busy, coded('b', { from: 'a' })]),
      'channel b: coding.from must be left out',
    ],
    ['from of another type', one({ coding: { busy: true, from: 1 } }), 'channel volts: coding: from must be a text'],
    [
      'from a later channel',
      catalogueOf([coded('b', { busy: true, from: 'a' }), busy]),
      'channel b: coding.from must be',
    ],
    ['from itself', one({ coding: { busy: true, from: 'volts' } }), 'channel volts: coding.from must be'],
    [
      'from a quiet channel',
      catalogueOf([channel('a'), coded('b', { busy: true, from: 'a' })]),
      'channel b: coding.from must be the key of an earlier busy channel',
    ],
    ['ratio without from', one({ coding: { busy: true, ratio: 1 } }), 'channel volts: coding.ratio must be left out'],
    [
      'a ratio too high',
      catalogueOf([busy, coded('b', { busy: true, from: 'a', ratio: 32_768 })]),
      'channel b: coding: ratio must be an integer −32768–32767, but is 32768',
    ],
    ['views of another type', catalogueOf([channel('a')], { views: [] }), 'views must be an object'],
    [
      'too many views',
      catalogueOf([channel('a')], {
        views: Object.fromEntries(Array.from({ length: MAX_VIEWS }, (_, i) => [`v${i}`, ['a']])),
      }),
      'views must be at most 60 beside full, but is 61',
    ],
    ['a view called full', catalogueOf([channel('a')], { views: { full: ['a'] } }), 'view full must be named'],
    [
      'a view called own',
      catalogueOf([channel('a')], { views: { own: ['a'] } }),
      'view own must be named in lower snake case and not "full" or "own", which are built in',
    ],
    ['a bad view name', catalogueOf([channel('a')], { views: { '1': ['a'] } }), 'view 1 must be named'],
    ['an empty view', catalogueOf([channel('a')], { views: { v: [] } }), 'view v must be a list of at least one'],
    ['a view of no list', catalogueOf([channel('a')], { views: { v: 'a' } }), 'view v must be a list of at least one'],
    [
      'an unknown key',
      catalogueOf([channel('a')], { views: { v: ['b'] } }),
      'view v must be a list of known channel keys, but is "b"',
    ],
    [
      'a key twice',
      catalogueOf([channel('a')], { views: { v: ['a', 'a'] } }),
      'view v must be a list that names each channel once',
    ],
  ])('%s', (_, source, message) => {
    expect(refusal(source)).toContain(message);
  });

  it('a value nested without end is named, not followed', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(refusal(`{"name":${deep},"channels":[]}`)).toContain(
      'name must be a text of at most 64 characters, but is a list of 1',
    );
  });
});

describe('the limits themselves are allowed', () => {
  it.each<[string, Json]>([
    ['the widest range', { resolution: 1, min: MAX_STEPS - MAX_SPAN_STEPS, max: MAX_STEPS }],
    ['the lowest range', { resolution: 1, min: -MAX_STEPS, max: MAX_SPAN_STEPS - MAX_STEPS }],
    ['a range narrower than a step', { resolution: 1, min: 0.1, max: 0.2 }],
    ['a tiny resolution', { resolution: 5e-324, min: 0, max: 1e-320 }],
    ['the bounds of hints', { coding: { k: 24, busy: true } }],
    ['limits at the ends of the range', { limits: { alarmBelow: 0, warnBelow: 0, warnAbove: 10, alarmAbove: 10 } }],
    ['a single limit', { limits: { warnAbove: 0 } }],
    ['the bounds of time', { staleAfterMs: 86_400_000 }],
  ])('%s', (_, more) => {
    const { views } = parseCatalogue(catalogueOf([channel('volts', more)]));
    const { lowest, highest } = quantisedRange(parseCatalogue(catalogueOf([channel('volts', more)])).channels[0]!);
    expect(views[0]!.width[0]).toBe(lowest === highest ? 0 : Math.floor(Math.log2(highest - lowest)) + 1);
  });
});

function expectSame(a: Catalogue, b: Catalogue): void {
  expect(b.json).toBe(a.json);
  expect(b.hash).toBe(a.hash);
  expect(b.tag).toBe(a.tag);
  expect(b.channels).toEqual(a.channels);
  expect(b.views).toEqual(a.views);
  expect(b.packedOrder).toEqual(a.packedOrder);
}

describe('the identity of a catalogue', () => {
  it('survives the way through its own text, whatever is in it', () => {
    fc.assert(
      fc.property(worldSpecs({ maxTicks: 1 }), (spec) => {
        const { catalogue } = makeWorld(spec);
        expectSame(catalogue, parseCatalogue(catalogue.json));
        expectSame(catalogue, parseCatalogue(JSON.parse(catalogue.json)));
      }),
      { numRuns: 300 },
    );
  });

  it('is the SHA-256 of its text, and the tag is the first four bytes of it, little end first', () => {
    const { json, hash, tag } = parseCatalogue(load('stock-car'));
    expect(hash).toBe(createHash('sha256').update(json).digest('hex'));
    expect(tag).toBe(Buffer.from(hash, 'hex').readUInt32LE());
  });

  it('holds the limits, and does not see the order in which they are written', () => {
    const ascending = ['alarmBelow', 'warnBelow', 'warnAbove', 'alarmAbove'];
    const sorted = fc
      .uniqueArray(fc.integer({ min: 0, max: 100 }), { minLength: 4, maxLength: 4 })
      .map((steps) => steps.sort((a, b) => a - b).map((step, i) => [ascending[i], step / 10] as const));
    fc.assert(
      fc.property(sorted, fc.subarray([0, 1, 2, 3], { minLength: 1 }), (all, chosen) => {
        const entries = chosen.map((i) => all[i]!);
        const parse = (limits: object) => parseCatalogue(catalogueOf([channel('volts', { limits })]));
        const catalogue = parse(Object.fromEntries(entries));
        expect(catalogue.channels[0]!.limits).toEqual(Object.fromEntries(entries));
        expectSame(catalogue, parse(Object.fromEntries(entries.toReversed())));
        expectSame(catalogue, parseCatalogue(catalogue.json));
        expect(catalogue.hash).not.toBe(parseCatalogue(catalogueOf([channel('volts')])).hash);
      }),
    );
  });

  it('does not see white space and the order of fields, but the order of channels', () => {
    const [a, b] = [channel('a'), channel('b')];
    const { hash } = parseCatalogue(catalogueOf([a, b], { views: { v: ['a', 'b'] } }));
    const spaced = JSON.stringify(
      catalogueOf([a, Object.fromEntries(Object.entries(b).reverse())], { views: { v: ['b', 'a'] } }),
      null,
      4,
    );
    expect(parseCatalogue(spaced).hash).toBe(hash);
    expect(parseCatalogue(catalogueOf([b, a], { views: { v: ['a', 'b'] } })).hash).not.toBe(hash);
  });
});

it('knows channels by key, views by name, and which channels a packed frame carries', () => {
  const { indexOf, viewOf, packedOrder, views } = parseCatalogue(
    catalogueOf([channel('a'), channel('a_max', { of: 'a', aggregate: 'max' }), channel('b')], {
      views: { v: ['b', 'a'] },
    }),
  );
  expect(['a', 'b', 'toString', ''].map(indexOf)).toEqual([0, 2, undefined, undefined]);
  expect(viewOf('full')).toBe(views[0]);
  expect(Array.from(viewOf('v')!.channels)).toEqual([0, 2]);
  expect(viewOf('constructor')).toBeUndefined();
  expect(Array.from(packedOrder)).toEqual([0, 2]);
});

describe.each(['stock-car', 'formula-1'])('the catalogue %s', (name) => {
  const catalogue = parseCatalogue(load(name));

  it('is called as its file', () => {
    expect(catalogue.name).toBe(name);
  });

  it('has the view essentials, and label and group for every channel', () => {
    expect(catalogue.viewOf('essentials')).toBeDefined();
    for (const { key, label, group } of catalogue.channels) {
      expect(label, key).not.toBe('');
      expect(group, key).not.toBe('');
    }
  });
});

it('a stock car has at least 120 channels and all views of the design', () => {
  const { channels, views } = parseCatalogue(load('stock-car'));
  expect(channels.length).toBeGreaterThanOrEqual(120);
  expect(views.map(({ name }) => name)).toEqual([
    'full',
    'essentials',
    'driver',
    'engine',
    'tires',
    'chassis',
    'field',
  ]);
});
