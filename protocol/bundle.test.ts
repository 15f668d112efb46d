import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUNDLE, BundleWriter, readBundle } from './bundle.ts';
import { ProtocolError } from './errors.ts';

const frame = fc.uint8Array({ maxLength: 300 });

describe('a bundle', () => {
  it('gives back the frames that were put in, and knows their bytes', () => {
    const writer = new BundleWriter();
    fc.assert(
      fc.property(fc.array(frame), (frames) => {
        writer.start();
        for (const one of frames) writer.add(one);
        expect(writer.frameBytes).toBe(frames.reduce((sum, { length }) => sum + length, 0));
        expect([...readBundle(writer.finish())]).toEqual(frames);
      }),
    );
  });

  it('is what the text says', () => {
    const writer = new BundleWriter();
    writer.start();
    writer.add(Uint8Array.of(1, 2));
    writer.add(new Uint8Array(200));
    expect(Buffer.from(writer.finish()).toString('hex')).toBe(`13020102c801${'00'.repeat(200)}`);
  });

  it('that is cut or of another type is refused', () => {
    expect(() => [...readBundle(Uint8Array.of(BUNDLE, 5, 1))]).toThrow(ProtocolError);
    expect(() => [...readBundle(Uint8Array.of(0x11))]).toThrow(ProtocolError);
    expect(() => [...readBundle(new Uint8Array(0))]).toThrow(ProtocolError);
  });

  it('of any bytes is read to its end or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          const frames = [...readBundle(Uint8Array.of(BUNDLE, ...bytes))];
          expect(frames.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
