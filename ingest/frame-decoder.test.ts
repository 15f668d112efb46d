import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCatalogue } from '../protocol/catalogue.ts';
import { pack } from '../protocol/pack.ts';
import { createFrameDecoder, MAX_FRAME_BYTES } from './frame-decoder.ts';
import { encodePackedFrame } from './packed-frame.ts';
import type { RefusalReason, SourceSink } from './source.ts';

const channel = (key: string, more: object = {}) => {
  const range = { resolution: 0.1, min: 0, max: 500, aggregate: 'last', staleAfterMs: 2000 };
  return { key, label: key, unit: '', group: 'g', ...range, ...more };
};
const CATALOGUE = parseCatalogue({
  name: 'test',
  channels: [channel('speed'), channel('speed_max', { of: 'speed' }), channel('gear'), channel('rpm')],
});
const AT = 1_700_000_000_000.5;

type Seen = { car: string; atMs: number; values: Record<string, number> };

/** Decodes with a fresh sink and tells what it was given. */
function decode(bytes: Uint8Array, car?: string, decoder = createFrameDecoder(CATALOGUE)) {
  const seen: { frame?: Seen; refused: [RefusalReason, string][]; accepted: boolean } = {
    refused: [],
    accepted: false,
  };
  const sink: SourceSink = {
    frame(frame) {
      const entries = Array.from({ length: frame.count }, (_, i) => {
        return [CATALOGUE.channels[frame.channels[i]!]!.key, frame.values[i]!];
      });
      seen.frame = { car: frame.car, atMs: frame.atMs, values: Object.fromEntries(entries) };
    },
    facts: () => expect.unreachable(),
    refuse: (reason, detail) => seen.refused.push([reason, detail]),
  };
  seen.accepted = decoder.decode(bytes, { car }, sink);
  expect(seen.accepted).toBe(seen.frame !== undefined);
  return seen;
}
const utf8 = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => utf8(JSON.stringify(value));
const reasonOf = (bytes: Uint8Array, car?: string) => {
  const { accepted, refused } = decode(bytes, car);
  expect(accepted).toBe(false);
  expect(refused.at(-1)![1]).toMatch(/\.$/);
  return refused.at(-1)![0];
};

describe('every form of frame', () => {
  const values = { speed: 291.25, gear: Number.NaN, rpm: 7000 };
  const forms: [string, Uint8Array][] = [
    ['packed', encodePackedFrame(CATALOGUE, '24', AT, [291.25, null, 7000])],
    ['JSON', utf8(` \n{"car":"24","at":${AT},"values":{"speed":291.25,"gear":null,"rpm":7000}}`)],
    ['MessagePack', pack({ car: '24', at: AT, values: { speed: 291.25, gear: null, rpm: 7000 } })],
    ['MessagePack with NaN, values first', pack({ values, at: AT, car: '24' })],
  ];

  it.each(forms)('is read: %s', (_, bytes) => {
    expect(decode(bytes)).toEqual({ accepted: true, refused: [], frame: { car: '24', atMs: AT, values } });
    expect(decode(bytes, '24').accepted).toBe(true);
  });

  it.each(forms)('is refused when its address names another car: %s', (_, bytes) => {
    expect(reasonOf(bytes, '42')).toBe('bad_car');
  });

  it.each(forms)('is refused when it is cut anywhere: %s', (_, bytes) => {
    for (let end = 0; end < bytes.length; end++) expect(reasonOf(bytes.subarray(0, end))).toBe('malformed');
  });

  it.each([
    ['packed', encodePackedFrame(CATALOGUE, '', AT, [1, 2, 3])],
    ['JSON', json({ at: AT, values: { rpm: 3 } })],
    ['MessagePack', pack({ at: AT, values: { rpm: 3 } })],
  ])('takes its car from the address: %s', (_, bytes) => {
    expect(decode(bytes, '07').frame?.car).toBe('07');
    expect(reasonOf(bytes)).toBe('bad_car');
    expect(reasonOf(bytes, 'nine-chars')).toBe('bad_car');
  });

  it.each([json, pack])('counts the rest when it names unknown and derived channels', (encode) => {
    const frame = { car: '24', at: AT, values: { speed: true, nitro: 1, speed_max: 9, gear: false } };
    const { refused, frame: seen } = decode(encode(frame));
    expect(refused).toEqual(['nitro', 'speed_max'].map((name) => ['unknown_channel', name]));
    expect(seen?.values).toEqual({ speed: 1, gear: 0 });
  });

  it.each([json, pack])('is refused for a wrong car, time or value', (encode) => {
    const frame = { car: '24', at: AT, values: {} };
    expect(decode(encode(frame)).accepted).toBe(true);
    for (const car of ['', 'a b', 'nine-chars', 'ä', 'A.B', 24, null])
      expect(reasonOf(encode({ ...frame, car }))).toBe('bad_car');
    for (const at of [-1, 8.64e15, '5', true]) expect(reasonOf(encode({ ...frame, at }))).toBe('bad_time');
    for (const rpm of ['5', [5], { a: 5 }]) expect(reasonOf(encode({ ...frame, values: { rpm } }))).toBe('malformed');
    for (const values of [[], 5, 'a', null]) expect(reasonOf(encode({ ...frame, values }))).toBe('malformed');
    expect(reasonOf(encode({ ...frame, more: 1 }))).toBe('malformed');
    expect(reasonOf(encode({ car: '24', values: {} }))).toBe('bad_time');
    expect(reasonOf(encode({ car: '24', at: AT }))).toBe('malformed');
  });
});

describe('a packed frame', () => {
  const good = () => encodePackedFrame(CATALOGUE, '24', AT, [1, 2, 3]);
  const withBytes = (at: number, ...bytes: number[]) => {
    const frame = good();
    frame.set(bytes, at);
    return frame;
  };

  it('is refused for another catalogue, count, version, car, time or length', () => {
    expect(reasonOf(withBytes(4, CATALOGUE.tag ^ 1))).toBe('wrong_catalogue');
    expect(reasonOf(withBytes(2, 4))).toBe('wrong_catalogue');
    expect(reasonOf(withBytes(1, 2))).toBe('malformed');
    expect(reasonOf(withBytes(8, 0x32, 0, 0x34))).toBe('bad_car');
    expect(reasonOf(withBytes(16, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f))).toBe('bad_time');
    expect(reasonOf(new Uint8Array([...good(), 0]))).toBe('malformed');
  });

  it('is what was encoded, as float32', () => {
    const value = fc.option(fc.float(), { nil: null });
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/),
        fc.double({ min: 0, max: 8e15, noNaN: true }),
        fc.tuple(value, value, value),
        (car, atMs, sent) => {
          const [speed, gear, rpm] = sent.map((one) => one ?? Number.NaN);
          expect(decode(encodePackedFrame(CATALOGUE, car, atMs, sent)).frame).toEqual({
            car,
            atMs,
            values: { speed, gear, rpm },
          });
        },
      ),
    );
  });

  it('is not encoded for a car or a number of values that nobody would accept', () => {
    expect(() => encodePackedFrame(CATALOGUE, 'a.b', AT, [1, 2, 3])).toThrow(RangeError);
    expect(() => encodePackedFrame(CATALOGUE, 'a', AT, [1, 2])).toThrow('holds 3 values, not 2');
  });
});

describe('hostile bytes', () => {
  it('are refused, never thrown at the caller', () => {
    const decoder = createFrameDecoder(CATALOGUE);
    const start = fc.constantFrom([], [0xf5, 1], [0x7b], [0x83], [0xdf], [0x83, 0xa6, ...utf8('values'), 0xde]);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (head, tail) => {
        decode(new Uint8Array([...head, ...tail]), undefined, decoder);
      }),
      { numRuns: 2000 },
    );
  });

  it('next to a good frame are refused or read, whatever byte is changed', () => {
    const decoder = createFrameDecoder(CATALOGUE);
    const good = pack({ car: '24', at: AT, values: { speed: 1.5, gear: 300, rpm: -70_000 } });
    for (let at = 0; at < good.length; at++) {
      for (let byte = 0; byte < 256; byte++) decode(good.with(at, byte), undefined, decoder);
    }
    expect(decode(good, undefined, decoder).frame?.values).toEqual({ speed: 1.5, gear: 300, rpm: -70_000 });
  });

  it.each([
    ['nested arrays', new Uint8Array([0x81, 0xa6, ...utf8('values'), ...new Uint8Array(10_000).fill(0x91)])],
    ['nested maps', new Uint8Array(10_000).fill(0x81)],
    ['nested JSON', utf8(`{"values":${'{"a":'.repeat(10_000)}`)],
    ['closed nested JSON', utf8(`{"values":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)],
    ['a map of 4 billion', new Uint8Array([0xdf, 0xff, 0xff, 0xff, 0xff])],
    ['values of 4 billion', new Uint8Array([0x81, 0xa6, ...utf8('values'), 0xdf, 0xff, 0xff, 0xff, 0xff])],
    ['a key of 4 billion', new Uint8Array([0x81, 0xdb, 0xff, 0xff, 0xff, 0xff, 0x61])],
    ['a car of 4 billion', new Uint8Array([0x81, 0xa3, ...utf8('car'), 0xdb, 0xff, 0xff, 0xff, 0xff, 0x61])],
    [
      'a channel twice',
      new Uint8Array([0x81, 0xa6, ...utf8('values'), 0x82, ...[1, 2].flatMap(() => [0xa3, ...utf8('rpm'), 1])]),
    ],
    ['a field twice', new Uint8Array([0x82, ...[1, 2].flatMap(() => [0xa6, ...utf8('values'), 0x80])])],
    ['bytes after it', new Uint8Array([...pack({ car: '24', at: AT, values: {} }), 0xc0])],
    ['UTF-8 that is none', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['__proto__ as a field', utf8('{"__proto__":{"car":"24","at":1,"values":{"rpm":1}}}')],
  ])('are refused as malformed: %s', (_, bytes) => {
    expect(reasonOf(bytes)).toBe('malformed');
  });

  it('name no property of an object', () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      const text = `{"car":"24","at":1,"values":{"${key}":1,"rpm":2}}`;
      expect(decode(utf8(text))).toMatchObject({ refused: [['unknown_channel', key]], frame: { values: { rpm: 2 } } });
    }
  });

  it('above the limit are refused unread, and long names are cut', () => {
    expect(reasonOf(json({ car: '24', at: 1, values: { ['a'.repeat(1e6)]: 1 } }))).toBe('oversized');
    expect(reasonOf(new Uint8Array(MAX_FRAME_BYTES + 1).fill(0x81))).toBe('oversized');
    for (const encode of [json, pack]) {
      const { refused } = decode(encode({ car: '24', at: 1, values: { ['a'.repeat(60_000)]: 1 } }));
      expect(refused).toEqual([['unknown_channel', 'a'.repeat(64)]]);
    }
  });
});
