import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProtocolError } from './errors.ts';
import { pack } from './pack.ts';
import { unpack } from './unpack.ts';

it('gives back any JSON value, NaN and the infinities included', () => {
  fc.assert(
    // msgpackr reads a key `__proto__` as another one, so that nobody can reach a prototype.
    fc.property(
      fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
      (value) => {
        expect(unpack(pack(value))).toEqual(JSON.parse(JSON.stringify(value)));
      },
    ),
  );
  expect(unpack(pack([Number.NaN, Number.POSITIVE_INFINITY, 0.1]))).toEqual([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    0.1,
  ]);
});

it('writes plain maps, the smallest that other languages read', () => {
  expect(Array.from(pack({ a: 1, b: undefined }))).toEqual([0x81, 0xa1, 0x61, 1]);
  expect(Array.from(pack([{ a: 1 }, { a: 2 }]))).toEqual([0x92, 0x81, 0xa1, 0x61, 1, 0x81, 0xa1, 0x61, 2]);
});

it('returns bytes and values that share nothing with later ones', () => {
  const first = pack({ bytes: new Uint8Array([1, 2, 3]) });
  expect(first.buffer.byteLength).toBe(first.length);
  const read = unpack(first) as { bytes: Uint8Array };
  first.fill(0);
  pack({ bytes: new Uint8Array(100) });
  expect(Array.from(read.bytes)).toEqual([1, 2, 3]);
});

it('refuses bytes that are not exactly one value', () => {
  const good = pack({ a: [1, 2, { b: 'text' }] });
  for (let end = 0; end < good.length; end++) expect(() => unpack(good.subarray(0, end))).toThrow(ProtocolError);
  expect(() => unpack(new Uint8Array([...good, 1]))).toThrow(ProtocolError);
  expect(() => unpack(new Uint8Array(100_000).fill(0x91))).toThrow(ProtocolError);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        unpack(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
  expect(unpack(good)).toEqual({ a: [1, 2, { b: 'text' }] });
});
