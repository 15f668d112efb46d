import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteReader, ByteWriter } from './bytes.ts';
import { codeOf, fromHex, toHex } from './testing/bytes.ts';

const written = (write: (writer: ByteWriter) => void): string => {
  const writer = new ByteWriter(1);
  write(writer);
  return toHex(writer.finish());
};

it('writes the little end first', () => {
  expect(written((w) => w.u8(0xab))).toBe('ab');
  expect(written((w) => w.u32(0x01020304))).toBe('04030201');
  expect(written((w) => w.u48(0x010203040506))).toBe('060504030201');
});

it.each([
  [0, '00'],
  [1, '01'],
  [127, '7f'],
  [128, '8001'],
  [300, 'ac02'],
  [16_383, 'ff7f'],
  [16_384, '808001'],
  [2 ** 32 - 1, 'ffffffff0f'],
])('writes %i as varint %s', (value, hex) => {
  expect(written((w) => w.varint(value))).toBe(hex);
  expect(new ByteReader(fromHex(hex)).varint('it')).toBe(value);
});

it.each([
  ['8000', 'bad_code'], // not the shortest
  ['ffffffff10', 'bad_code'], // 2^32
  ['ffffffffff01', 'bad_code'], // six bytes
  ['808080808000', 'bad_code'],
  ['', 'cut'],
  ['80', 'cut'],
  ['ffffff', 'cut'],
])('refuses %s as a varint', (hex, code) => {
  expect(codeOf(() => new ByteReader(fromHex(hex)).varint('it'))).toBe(code);
});

it('reads back what was written, from any place in a larger buffer', () => {
  const value = fc.oneof(
    fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ kind: fc.constantFrom('u32' as const, 'varint' as const), value: fc.nat(2 ** 32 - 1) }),
    fc.record({ kind: fc.constant('u48' as const), value: fc.nat(2 ** 48 - 1) }),
  );
  fc.assert(
    fc.property(fc.array(value), fc.nat(5), (values, before) => {
      const writer = new ByteWriter(1);
      writer.start();
      for (const one of values) writer[one.kind](one.value);
      const bytes = writer.finish();
      const buffer = new Uint8Array(before + bytes.length);
      buffer.set(bytes, before);
      const reader = new ByteReader(buffer.subarray(before));
      for (const one of values) expect(reader[one.kind]('it')).toBe(one.value);
      expect(reader.left).toBe(0);
      for (const kind of ['u8', 'u32', 'u48', 'varint'] as const) expect(codeOf(() => reader[kind]('it'))).toBe('cut');
    }),
  );
});

it('believes no length beyond the bytes that are there', () => {
  const reader = new ByteReader(fromHex('ffffffff0f00'));
  const length = reader.varint('a length');
  expect(codeOf(() => reader.take(length, 'it'))).toBe('cut');
});

it('hands out copies, so that a message survives the next one', () => {
  const writer = new ByteWriter();
  writer.start();
  writer.u32(7);
  const first = writer.finish();
  writer.start();
  writer.u32(9);
  writer.finish();
  expect(toHex(first)).toBe('07000000');
});
