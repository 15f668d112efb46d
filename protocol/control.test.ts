import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCatalogue } from './catalogue.ts';
import {
  type ControlLimits,
  checkWatch,
  formatHello,
  formatQuery,
  type Hello,
  type Next,
  parseClientMessage,
  parseQuery,
  RATES,
} from './control.ts';
import { attempt, codeOf } from './testing/bytes.ts';
import { PROTOCOL_VERSION } from './tick-message.ts';

const KEYS = ['rpm', 'speed', 'gear'];
const VIEWS = ['full', 'essentials', 'tires'];
const channelOf = (key: string) => ({
  ...{ key, label: key, unit: '', resolution: 1, min: 0, max: 9, aggregate: 'last', group: '', staleAfterMs: 500 },
});
const catalogue = parseCatalogue({
  name: 'test',
  channels: KEYS.map(channelOf),
  views: { essentials: ['speed'], tires: ['gear'] },
});
const limits: ControlLimits = { maxCars: 5, catalogue, hasOwnView: false };
const withOwn: ControlLimits = { ...limits, hasOwnView: true };
const hasView = (name: string) => VIEWS.includes(name);
const EPOCH = '0123456789abcdef';

const watches = fc.uniqueArray(
  fc.record({ car: fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/), view: fc.constantFrom(...VIEWS, 'own') }),
  { maxLength: 5, selector: ({ car }) => car },
);
const hasNoOwn = (watch: Hello['watch']) => watch.every(({ view }) => view !== 'own');
const nexts: fc.Arbitrary<Next> = fc.oneof(
  fc.record(
    {
      ...{ watch: watches, channels: fc.subarray(KEYS, { minLength: 1 }) },
      ...{ rate: fc.constantFrom(...RATES), resync: fc.constant(true as const) },
    },
    { requiredKeys: ['watch'] },
  ),
  fc.record({ rate: fc.constantFrom(...RATES) }),
  fc.constant({ resync: true } as const),
);

const hellos: fc.Arbitrary<Hello> = fc
  .record(
    {
      version: fc.integer({ min: 0, max: 999_999_999 }),
      watch: watches,
      channels: fc.subarray(KEYS, { minLength: 1 }),
      history: fc.constantFrom('all' as const, 'latest' as const),
      since: fc.record({ epoch: fc.stringMatching(/^[0-9a-f]{16}$/), seq: fc.integer({ min: 1, max: 2 ** 48 - 1 }) }),
      doc: fc.boolean(),
      rate: fc.constantFrom(...RATES),
      next: nexts,
    },
    { requiredKeys: ['version', 'watch', 'history', 'doc', 'rate'] },
  )
  .filter(({ watch, channels }) => channels !== undefined || hasNoOwn(watch))
  .filter(({ channels, next }) => (channels ?? next?.channels) !== undefined || hasNoOwn(next?.watch ?? []));

it('a hello says the same as a message and as a query', () => {
  fc.assert(
    fc.property(hellos, (hello) => {
      expect(parseQuery(formatQuery(hello), limits)).toEqual(hello);
      expect(parseClientMessage(formatHello(hello), limits)).toEqual({ type: 'hello', ...hello });
    }),
  );
});

it('the other messages of a client read back', () => {
  const { watch } = { watch: [{ car: '24', view: 'tires' }] };
  for (const message of [
    { type: 'watch', id: 7, watch },
    { type: 'watch', id: 8, watch: [{ car: '9', view: 'own' }], channels: ['gear', 'rpm'] },
    ...RATES.map((rate) => ({ type: 'rate', id: 3, rate })),
    { type: 'watch', id: 0, watch: [] },
    { type: 'resync' },
    { type: 'ping', id: Number.MAX_SAFE_INTEGER },
  ]) {
    expect(parseClientMessage(JSON.stringify(message), limits)).toEqual(message);
  }
});

describe('what is left out has a default', () => {
  it('in a message', () => {
    const hello = { type: 'hello', version: 1, watch: [], history: 'latest', doc: true, rate: 2 };
    expect(parseClientMessage('{"type":"hello","version":1}', limits)).toEqual(hello);
    const nulls =
      '{"type":"hello","version":1,"since":null,"history":null,"doc":null,"watch":null,"rate":null,"channels":null}';
    expect(parseClientMessage(nulls, limits)).toEqual(hello);
    expect(parseClientMessage('{"type":"ping"}', limits)).toEqual({ type: 'ping', id: 0 });
    expect(checkWatch([{ car: '24' }], 5, hasView)).toEqual([{ car: '24', view: 'full' }]);
  });

  it('the list of channels is the one before', () => {
    const text = '{"type":"watch","watch":[{"car":"24","view":"own"}]}';
    const read = { type: 'watch', id: 0, watch: [{ car: '24', view: 'own' }] };
    expect(parseClientMessage(text, withOwn)).toEqual(read);
    expect(codeOf(() => parseClientMessage(text, limits))).toBe('bad_watch');
  });

  it('in a query, which says nothing without a watch', () => {
    const hello = { version: PROTOCOL_VERSION, watch: [], history: 'latest', doc: true, rate: 2 };
    expect(parseQuery('watch=', limits)).toEqual(hello);
    expect(parseQuery('watch=24,9:tires&doc=1&since=', limits)).toEqual({
      ...hello,
      watch: [
        { car: '24', view: 'full' },
        { car: '9', view: 'tires' },
      ],
    });
    expect(parseQuery('', limits)).toBeUndefined();
    expect(parseQuery(`since=${EPOCH}:5`, limits)).toBeUndefined();
  });
});

it.each([`${EPOCH}:0`, 'now', 5, {}, true])(
  'a position %j that is none is garbled, so that a snapshot can be given',
  (since) => {
    expect(parseClientMessage(JSON.stringify({ type: 'hello', version: 1, since }), limits)).toMatchObject({
      since: 'garbled',
    });
    expect(parseQuery(`watch=24&since=${encodeURIComponent(String(since))}`, limits)).toMatchObject({
      since: 'garbled',
    });
  },
);

describe('what a catalogue has no place for', () => {
  const since = '00000000000000aa:7';
  const [rpm, wings] = [
    { car: '24', view: 'own' },
    { car: '9', view: 'wings' },
  ];
  const full = { car: '48', view: 'full' };

  it.each<[string, object, object]>([
    ['nothing', { watch: [full, rpm], channels: ['rpm'] }, { watch: [full, rpm], channels: ['rpm'] }],
    ['a view', { watch: [full, wings] }, { watch: [full], lost: 1 }],
    ['a channel', { watch: [rpm], channels: ['rpm', 'boost'] }, { watch: [rpm], channels: ['rpm'], lost: 1 }],
    [
      'all channels, and so the cars in them',
      { watch: [full, rpm], channels: ['boost', 'x'] },
      { watch: [full], lost: 3 },
    ],
    ['anything', { watch: [wings] }, { watch: [], lost: 1 }],
  ])('is left out of the hello of a client that comes back, and counted: %s', (_, named, left) => {
    for (const position of [since, 'lost']) {
      const { watch, channels, lost } = parseClientMessage(hello({ ...named, since: position }), limits) as Hello;
      expect({ watch, channels, lost }).toEqual({ channels: undefined, lost: undefined, ...left });
    }
  });

  it.each<[string, object]>([
    ['a car twice', { watch: [full, full] }],
    ['a channel twice', { watch: [rpm], channels: ['rpm', 'rpm', 'boost'] }],
    ['own without channels', { watch: [rpm] }],
    ['a view that is no text', { watch: [{ car: '24', view: 1 }] }],
    ['an empty list', { watch: [full], channels: [] }],
    ['channels of no list', { watch: [full], channels: { length: 1 } }],
    ['no list of cars', { watch: { 0: full } }],
  ])('is no excuse for %s', (_, named) => {
    expect(codeOf(() => parseClientMessage(hello({ ...named, since }), limits))).toBe('bad_watch');
  });

  it('is left out of a query too, and refused where the client is new', () => {
    const query = 'watch=24:own,9:wings&channels=rpm,boost';
    expect(parseQuery(`${query}&since=${since}`, limits)).toMatchObject({ watch: [rpm], channels: ['rpm'], lost: 2 });
    expect(codeOf(() => parseQuery(query, limits))).toBe('bad_watch');
    // A browser that repeats its old address says in a header that it has been here.
    expect(parseQuery(query, { ...limits, isBack: true })).toMatchObject({ watch: [rpm], channels: ['rpm'], lost: 2 });
  });
});

describe('what is wanted next', () => {
  const nextOf = (wanted: unknown) => {
    const message = parseClientMessage(hello({ watch: [{ car: '24' }], next: wanted }), limits);
    const { next, badNext } = message as Hello;
    return next ?? badNext?.code;
  };

  it.each<[string, unknown, string]>([
    ['a text', 'watch', 'bad_message'],
    ['a list of cars', [{ car: '24' }], 'bad_message'],
    ['an unknown view', { watch: [{ car: '24', view: 'wings' }] }, 'bad_watch'],
    ['a car twice', { watch: [{ car: '24' }, { car: '24' }] }, 'bad_watch'],
    ['own without channels', { watch: [{ car: '24', view: 'own' }] }, 'bad_watch'],
    ['channels without cars', { channels: ['rpm'] }, 'bad_watch'],
    ['too many cars', { watch: ['1', '2', '3', '4', '5', '6'].map((car) => ({ car })) }, 'too_many_cars'],
    ['a rate between', { rate: 1.5 }, 'bad_rate'],
    ['a resync that is none', { resync: false }, 'bad_message'],
  ])('is refused when it is %s, and the hello stands', (_, wanted, code) => {
    expect(nextOf(wanted)).toBe(code);
  });

  it('is refused in a query too', () => {
    for (const [query, code] of [
      ['next=24:full:1', 'bad_watch'],
      ['next=24&nextChannels=boost', 'bad_watch'],
      ['nextChannels=rpm', 'bad_watch'],
      ['nextRate=3', 'bad_rate'],
      ['nextResync=0', 'bad_message'],
    ])
      expect(parseQuery(`watch=24&${query}`, limits)).toMatchObject({ badNext: { code }, watch: [{ car: '24' }] });
  });

  it('may use the channels that are held', () => {
    const next = { watch: [{ car: '9', view: 'own' }] };
    expect(parseClientMessage(hello({ channels: ['rpm'], next }), limits)).toMatchObject({ next });
  });
});

const hello = (more: object) => JSON.stringify({ type: 'hello', version: 1, ...more });
const watch = (watch: unknown) => JSON.stringify({ type: 'watch', id: 1, watch });

describe('a message that breaks a rule is refused with a code', () => {
  it.each<[string, string, string]>([
    ['no JSON', '{"type":', 'bad_message'],
    ['nothing', '', 'bad_message'],
    ['null', 'null', 'bad_message'],
    ['a number', '7', 'bad_message'],
    ['a list', '[]', 'bad_message'],
    ['no type', '{}', 'bad_message'],
    ['an unknown type', '{"type":"subscribe"}', 'bad_message'],
    ['an inherited type', '{"type":"toString"}', 'bad_message'],
    ['a hello without a version', '{"type":"hello"}', 'bad_message'],
    ['a version as text', hello({ version: '1' }), 'bad_message'],
    ['an unknown history', hello({ history: 'some' }), 'bad_message'],
    ['doc as a number', hello({ doc: 0 }), 'bad_message'],
    ['an id below 0', '{"type":"ping","id":-1}', 'bad_message'],
    ['an id with a fraction', '{"type":"ping","id":0.5}', 'bad_message'],
    ['an id beyond 2^53', '{"type":"ping","id":9007199254740992}', 'bad_message'],
    ['an id of null', '{"type":"ping","id":null}', 'bad_message'],
    ['no watch', '{"type":"watch","id":1}', 'bad_watch'],
    ['a watch of no list', watch('24:full'), 'bad_watch'],
    ['a watch of texts', watch(['24']), 'bad_watch'],
    ['a watch of nulls', watch([null]), 'bad_watch'],
    ['a car as a number', watch([{ car: 24 }]), 'bad_watch'],
    ['a long car id', watch([{ car: '123456789' }]), 'bad_watch'],
    ['an empty car id', watch([{ car: '' }]), 'bad_watch'],
    ['a car twice', watch([{ car: '24' }, { car: '24', view: 'tires' }]), 'bad_watch'],
    ['an unknown view', watch([{ car: '24', view: 'suspension' }]), 'bad_watch'],
    ['a view as a number', watch([{ car: '24', view: 1 }]), 'bad_watch'],
    ['own without channels', hello({ watch: [{ car: '24', view: 'own' }] }), 'bad_watch'],
    ['channels of no list', hello({ channels: 'rpm' }), 'bad_watch'],
    ['channels of nothing', hello({ channels: [] }), 'bad_watch'],
    ['channels as numbers', hello({ channels: [1] }), 'bad_watch'],
    ['an unknown channel', hello({ channels: ['rpm', 'boost'] }), 'bad_watch'],
    ['an inherited channel', hello({ channels: ['constructor'] }), 'bad_watch'],
    ['a channel twice', hello({ channels: ['rpm', 'rpm'] }), 'bad_watch'],
    ['more channels than there are', hello({ channels: ['rpm', 'speed', 'gear', 'x'] }), 'bad_watch'],
    ['a rate between', hello({ rate: 1.5 }), 'bad_rate'],
    ['a rate of 0', hello({ rate: 0 }), 'bad_rate'],
    ['a rate as text', hello({ rate: '1' }), 'bad_rate'],
    ['a rate without a rate', '{"type":"rate","id":1}', 'bad_rate'],
    ['a rate with a bad id', '{"type":"rate","id":-1,"rate":1}', 'bad_message'],
    ['too many cars', watch(['1', '2', '3', '4', '5', '6'].map((car) => ({ car }))), 'too_many_cars'],
  ])('%s', (_, text, code) => {
    expect(codeOf(() => parseClientMessage(text, limits))).toBe(code);
  });

  it.each([
    ['watch=24:full:1', 'bad_watch'],
    ['watch=24,', 'bad_watch'],
    ['watch=:', 'bad_watch'],
    ['watch=24,24', 'bad_watch'],
    ['watch=24:', 'bad_watch'],
    ['watch=1,2,3,4,5,6', 'too_many_cars'],
    ['watch=24&history=1', 'bad_message'],
    ['watch=24&version=one', 'bad_message'],
    ['watch=24&version=', 'bad_message'],
    ['watch=24&doc=false', 'bad_message'],
    ['watch=24&doc=toString', 'bad_message'],
    ['watch=24:own', 'bad_watch'],
    ['watch=24:own&channels=', 'bad_watch'],
    ['watch=24&channels=rpm,', 'bad_watch'],
    ['watch=24&channels=boost', 'bad_watch'],
    ['watch=24&rate=', 'bad_rate'],
    ['watch=24&rate=0x2', 'bad_rate'],
    ['watch=24&rate=fast', 'bad_rate'],
  ])('the query %s', (query, code) => {
    expect(codeOf(() => parseQuery(query, limits))).toBe(code);
  });
});

it.each([
  [['boost'], 'channels names "boost", which the catalogue does not have.'],
  [['rpm', 'rpm'], 'channels names rpm twice.'],
  [[], 'channels must be a list of 1 to 3 channel keys, but is a list of 0.'],
])('channels %j are refused with a sentence', (channels, sentence) => {
  expect(() => parseClientMessage(hello({ channels }), limits)).toThrow(sentence);
});

it('names a value without following it, however deep it is nested', () => {
  for (const depth of [5000, 100_000]) {
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    for (const text of [
      `{"type":${deep}}`,
      `{"type":"watch","watch":[{"car":${deep}}]}`,
      `{"type":"ping","id":${deep}}`,
    ]) {
      expect(codeOf(() => parseClientMessage(text, limits))).toMatch(/^bad_/);
    }
  }
});

it('any text and any query is answered with a message or a ProtocolError', () => {
  const words = fc.constantFrom(
    'hello',
    'watch',
    'ping',
    'type',
    'id',
    'car',
    'view',
    'since',
    'version',
    'history',
    'doc',
    'channels',
    'rate',
    'own',
    'next',
  );
  const json = fc.jsonValue({ maxDepth: 3 });
  const object = fc.dictionary(words, fc.oneof(words, json, fc.array(fc.dictionary(words, fc.oneof(words, json)))));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        object.map((value) => JSON.stringify(value)),
      ),
      (text) => {
        attempt(() => parseClientMessage(text, limits));
        attempt(() => parseQuery(text, limits));
        attempt(() => parseQuery(`watch=${text}`, limits));
        attempt(() => parseQuery(`watch=&channels=${text}&rate=${text}`, limits));
        attempt(() => parseQuery(`watch=&next=${text}&nextChannels=${text}&nextRate=${text}`, limits));
      },
    ),
    { numRuns: 1000 },
  );
});
