import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { pickPalette } from './palette.ts';

// Portable Network Graphics, third edition: https://www.w3.org/TR/png-3/
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const KIND = { rgb: 2, palette: 3, rgba: 6 } as const;

/** A picture without transparency; pixels are `0xrrggbb`, line by line. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
}

function* chunksOf(png: Buffer): Generator<{ type: string; data: Buffer }> {
  for (let at = SIGNATURE.length; at + 12 <= png.length; ) {
    const length = png.readUInt32BE(at);
    yield { type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) };
    at += 12 + length;
  }
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** Which of left, above and above left is nearest to what they foretell together. */
function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

/** Undoes the filter of each line in place; a line is its filter and its bytes. */
function unfilter(lines: Buffer, stride: number, step: number): void {
  for (let start = 0; start < lines.length; start += stride + 1) {
    const filter = lines[start]!;
    for (let n = 1; n <= stride; n++) {
      const at = start + n;
      const left = n > step ? lines[at - step]! : 0;
      const above = start > 0 ? lines[at - stride - 1]! : 0;
      const corner = n > step && start > 0 ? lines[at - stride - 1 - step]! : 0;
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter]!;
      lines[at] = lines[at]! + guess;
    }
  }
}

/**
 * Reads a picture as browsers take it of a page.
 * @throws {Error} when it is no PNG of 8 bits and 3 or 4 channels without interlacing.
 */
export function decodePng(png: Buffer): Picture {
  const chunks = [...chunksOf(png)];
  const head = chunks.find(({ type }) => type === 'IHDR')?.data;
  const [depth, kind, interlacing] = [head?.[8], head?.[9], head?.[12]];
  if (!head || depth !== 8 || (kind !== KIND.rgb && kind !== KIND.rgba) || interlacing !== 0)
    throw new Error(`A picture must be a PNG of 8 bits, RGB or RGBA, but has ${depth} bits and the kind ${kind}.`);
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const step = kind === KIND.rgba ? 4 : 3;
  const stride = width * step;
  const lines = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)));
  unfilter(lines, stride, step);
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) pixels[y * width + x] = lines.readUIntBE(y * (stride + 1) + 1 + x * step, 3);
  return { width, height, pixels };
}

/** Writes a picture with at most 256 colours, which makes one of a page a third as large. */
export function encodePng({ width, height, pixels }: Picture): Buffer {
  const { colours, placeOf } = pickPalette(pixels);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, KIND.palette], 8);
  const palette = Buffer.alloc(colours.length * 3);
  for (const [n, colour] of colours.entries()) palette.writeUIntBE(colour, n * 3, 3);
  // Places in a palette have nothing in common with their neighbours: no filter foretells them.
  const lines = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) lines[y * (width + 1) + 1 + x] = placeOf.get(pixels[y * width + x]!)!;
  const data = deflateSync(lines, { level: 9, memLevel: 9 });
  return Buffer.concat([
    SIGNATURE,
    ...[chunk('IHDR', head), chunk('PLTE', palette), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))],
  ]);
}
