/**
 * CRC-32 as zlib, PNG and Ethernet use it (reflected polynomial 0xEDB88320, start and final XOR 0xFFFFFFFF),
 * over bytes and over the little-endian bytes of 32-bit integers.
 * Source: ISO 3309 / ITU-T V.42, section 8.1.1.6.2.
 */
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** Tables for the second, third and fourth byte before the end of a word: four steps become one ("slicing-by-4"). */
const TABLE_1 = shifted(TABLE);
const TABLE_2 = shifted(TABLE_1);
const TABLE_3 = shifted(TABLE_2);

function shifted(table: Uint32Array): Uint32Array {
  return table.map((c) => TABLE[c & 255]! ^ (c >>> 8));
}

/** Start value of a running checksum. */
export const CRC_START = 0xffffffff;

/** Adds one int32 to a running checksum. */
export function crcAdd(crc: number, value: number): number {
  const c = crc ^ value;
  return TABLE_3[c & 255]! ^ TABLE_2[(c >>> 8) & 255]! ^ TABLE_1[(c >>> 16) & 255]! ^ TABLE[c >>> 24]!;
}

/** Adds one byte to a running checksum. */
export const crcAddByte = (crc: number, byte: number): number => TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);

/** Adds `bytes` from `start` (inclusive) to `end` (exclusive) to a running checksum. */
export function crcAddBytes(crc: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  let c = crc;
  for (let i = start; i < end; i++) c = crcAddByte(c, bytes[i]!);
  return c;
}

/** The checksum itself, as an unsigned 32-bit number. */
export const crcEnd = (crc: number): number => (crc ^ 0xffffffff) >>> 0;
