import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickPalette } from './palette.ts';
import { decodePng, encodePng } from './png.ts';

const channels = (colour: number) => [colour >> 16, (colour >> 8) & 255, colour & 255];
const colours = (size: number) => fc.array(fc.integer({ min: 0, max: 0xffffff }), { minLength: 1, maxLength: size });

/** A PNG made by hand: lines of RGB, each with its filter. */
function pngOf(width: number, height: number, lines: readonly number[], kind = 2): Buffer {
  const part = (type: string, data: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, kind], 8);
  const parts = [part('IHDR', head), part('IDAT', deflateSync(Uint8Array.from(lines))), part('IEND', new Uint8Array())];
  return Buffer.concat([Buffer.alloc(8), ...parts]);
}

describe('a palette', () => {
  it('has every colour when there are not too many', () => {
    fc.assert(
      fc.property(colours(256), (pixels) => {
        const { colours, placeOf, error } = pickPalette(Uint32Array.from(pixels));
        expect(error).toBe(0);
        expect(pixels.map((pixel) => colours[placeOf.get(pixel)!])).toEqual(pixels);
      }),
    );
  });

  it('has at most 256 colours, and for each pixel one that is as near as it says', () => {
    fc.assert(
      fc.property(colours(2000), (pixels) => {
        const { colours, placeOf, error } = pickPalette(Uint32Array.from(pixels));
        expect(colours.length).toBeLessThanOrEqual(256);
        for (const pixel of pixels) {
          const shown = channels(colours[placeOf.get(pixel)!]!);
          for (const [n, value] of channels(pixel).entries())
            expect(Math.abs(value - shown[n]!)).toBeLessThanOrEqual(error);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('keeps a colour that is rare but like no other beside a thousand shades of grey', () => {
    const greys = Array.from({ length: 10_000 }, (_, n) => (n % 256) * 0x010101 + (n % 3));
    const { colours } = pickPalette(Uint32Array.from([...greys, 0xff8000]));
    expect(colours).toContain(0xff8000);
  });
});

describe('a PNG', () => {
  it.each([
    ['none', [0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12]],
    ['left', [1, 1, 2, 3, 3, 3, 3, 1, 7, 8, 9, 3, 3, 3]],
    ['above', [0, 1, 2, 3, 4, 5, 6, 2, 6, 6, 6, 6, 6, 6]],
    ['average', [0, 1, 2, 3, 4, 5, 6, 3, 7, 7, 8, 5, 5, 5]],
    ['nearest', [0, 1, 2, 3, 4, 5, 6, 4, 6, 6, 6, 3, 3, 3]],
  ])('whose lines are filtered by %s is read', (_filter, lines) => {
    const { width, height, pixels } = decodePng(pngOf(2, 2, lines));
    expect([width, height]).toEqual([2, 2]);
    expect([...pixels]).toEqual([0x010203, 0x040506, 0x070809, 0x0a0b0c]);
  });

  it('with transparency is read as if it had none', () => {
    expect([...decodePng(pngOf(2, 1, [0, 1, 2, 3, 255, 4, 5, 6, 255], 6)).pixels]).toEqual([0x010203, 0x040506]);
  });

  it.each([0, 3, 4])('of kind %i is refused', (kind) => {
    expect(() => decodePng(pngOf(1, 1, [0, 0], kind))).toThrow(`the kind ${kind}`);
  });

  it('that was written has one byte for each pixel, and its colours in their places', () => {
    const pixels = Uint32Array.from([0xff0000, 0x00ff00, 0x00ff00, 0x0000ff]);
    const png = encodePng({ width: 2, height: 2, pixels });
    const palette = png.indexOf('PLTE');
    expect([...png.subarray(palette + 4, palette + 13)]).toEqual([0, 255, 0, 0, 0, 255, 255, 0, 0]);
    expect([...png.subarray(24, 29)]).toEqual([8, 3, 0, 0, 0]);
  });
});
