import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CRC_START, crcAdd, crcAddByte, crcAddBytes, crcEnd } from './crc32.ts';

const ascii = (text: string) => new TextEncoder().encode(text);

it.each([
  ['', 0],
  ['123456789', 0xcbf43926],
  ['The quick brown fox jumps over the lazy dog', 0x414fa339],
])('of %j is the known one', (text, crc) => {
  expect(crcEnd(crcAddBytes(CRC_START, ascii(text)))).toBe(crc);
});

it('of integers is that of their bytes, little end first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (values) => {
      const bytes = new Uint8Array(Int32Array.from(values).buffer);
      expect(crcEnd(values.reduce(crcAdd, CRC_START))).toBe(crc32(bytes));
      expect(crcEnd(bytes.reduce(crcAddByte, CRC_START))).toBe(crc32(bytes));
    }),
  );
});

it('of a part leaves out what stands around it', () => {
  expect(crcEnd(crcAddBytes(CRC_START, ascii('ab123456789cd'), 2, 11))).toBe(0xcbf43926);
});
