/**
 * CRC-32 as zlib, PNG and Ethernet use it (reflected polynomial 0xEDB88320, start and final XOR 0xFFFFFFFF),
 * over the little-endian bytes of 32-bit integers.
 * Source: ISO 3309 / ITU-T V.42, section 8.1.1.6.2.
 */
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** Start value of a running checksum. */
export const CRC_START = 0xffffffff;

/** Adds one int32 to a running checksum. */
export function crcAdd(crc: number, value: number): number {
  let c = crc;
  c = TABLE[(c ^ value) & 255]! ^ (c >>> 8);
  c = TABLE[(c ^ (value >>> 8)) & 255]! ^ (c >>> 8);
  c = TABLE[(c ^ (value >>> 16)) & 255]! ^ (c >>> 8);
  return TABLE[(c ^ (value >>> 24)) & 255]! ^ (c >>> 8);
}

/** The checksum itself, as an unsigned 32-bit number. */
export const crcEnd = (crc: number): number => (crc ^ 0xffffffff) >>> 0;
