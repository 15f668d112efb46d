import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BitReader, BitWriter } from './bits.ts';
import { codeOf, fromBits, toBits } from './testing/bytes.ts';

const golomb = (value: number, k: number): string => {
  const writer = new BitWriter();
  writer.start();
  writer.writeGolomb(value, k);
  writer.write(1, 1); // marks the end
  return toBits(writer.finish()).replaceAll(' ', '').replace(/10*$/, '');
};

function readerOf(bits: string): BitReader {
  const reader = new BitReader();
  reader.start(fromBits(bits));
  return reader;
}

it.each([
  [0, 0, '1'],
  [1, 0, '010'],
  [2, 0, '011'],
  [3, 0, '00100'],
  [0, 1, '10'],
  [1, 1, '11'],
  [2, 1, '0100'],
  [5, 1, '0111'],
  [6, 1, '001000'],
  [0, 2, '100'],
  [7, 2, '01011'],
  [2 ** 24 - 1, 24, `1${'1'.repeat(24)}`],
  [2 ** 24, 24, `010${'0'.repeat(24)}`],
  [2 ** 31 - 2, 0, `${'0'.repeat(30)}${'1'.repeat(31)}`],
  [2 ** 31 - 1, 0, `${'0'.repeat(31)}1${'0'.repeat(31)}`],
  [2 ** 31, 0, `${'0'.repeat(31)}1${'0'.repeat(30)}1`],
])('codes %i of order %i as %s', (value, k, bits) => {
  expect(golomb(value, k)).toBe(bits);
  expect(readerOf(bits).readGolomb(k)).toBe(value);
});

type Step = { kind: 'bits'; value: number; count: number } | { kind: 'golomb'; value: number; k: number };

const anyUint = (bits: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 2 ** bits - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc
      .integer({ min: 0, max: 32 })
      .chain((count) => anyUint(count).map((value): Step => ({ kind: 'bits', value, count }))),
    fc
      .record({ size: fc.integer({ min: 0, max: 31 }), k: fc.integer({ min: 0, max: 24 }) })
      .chain(({ size, k }) => anyUint(size).map((value): Step => ({ kind: 'golomb', value, k }))),
  ),
  { maxLength: 40 },
);

it('reads back any sequence of bits and codes, at any place of a message, and finds its end', () => {
  const writer = new BitWriter(1);
  const reader = new BitReader();
  fc.assert(
    fc.property(steps, fc.integer({ min: 0, max: 9 }), (sequence, before) => {
      writer.start();
      for (const step of sequence) {
        if (step.kind === 'bits') writer.writeWide(step.value, step.count);
        else writer.writeGolomb(step.value, step.k);
      }
      const bytes = writer.finish();
      const message = new Uint8Array(before + bytes.length + 3).fill(255);
      message.set(bytes, before);
      reader.start(message, before, before + bytes.length);
      for (const step of sequence) {
        expect(step.kind === 'bits' ? reader.read(step.count) : reader.readGolomb(step.k)).toBe(step.value);
      }
      reader.finish();
      expect(codeOf(() => reader.read(8))).toBe('cut');
    }),
    { numRuns: 2000 },
  );
});

it('starts each message anew, whatever became of the one before', () => {
  const writer = new BitWriter();
  writer.start();
  writer.write(0x7f, 7);
  writer.start();
  writer.write(1, 1);
  expect(toBits(writer.finish())).toBe('10000000');
});

it('refuses to read past the end instead of inventing bits', () => {
  expect(codeOf(() => readerOf('').read(1))).toBe('cut');
  expect(codeOf(() => readerOf('').readGolomb(0))).toBe('cut');
  expect(codeOf(() => readerOf('00000001').readGolomb(0))).toBe('cut');
  expect(codeOf(() => readerOf('0'.repeat(32)).readGolomb(0))).toBe('bad_code');
  expect(codeOf(() => readerOf('0'.repeat(24)).readGolomb(0))).toBe('cut');
  expect(codeOf(() => readerOf(`${'0'.repeat(31)}1${'0'.repeat(24)}`).readGolomb(0))).toBe('cut');
  expect(codeOf(() => readerOf('1111 1111').readGolomb(24))).toBe('cut');
});

it('refuses a number longer than 32 bits at once, however many zeros follow', () => {
  const reader = new BitReader();
  reader.start(new Uint8Array(1_000_000));
  expect(codeOf(() => reader.readGolomb(0))).toBe('bad_code');
});

it('refuses what stands behind the end: set padding bits, or a whole byte', () => {
  const after = (bits: string, count: number) => {
    const reader = readerOf(bits);
    reader.read(count);
    return codeOf(() => reader.finish());
  };
  expect(after('1010 0000', 3)).toBeUndefined();
  expect(after('1010 0001', 3)).toBe('overlong');
  expect(after('1010 0000 0000 0000', 8)).toBe('overlong');
  expect(after('1010 0000', 0)).toBe('overlong');
});

it('answers every input with numbers or a ProtocolError', () => {
  const reader = new BitReader();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), fc.integer({ min: 0, max: 24 }), (bytes, k) => {
      reader.start(bytes);
      let codes = 0;
      const code = codeOf(() => {
        for (;;) {
          const value = reader.readGolomb(k);
          expect(value).toBeGreaterThanOrEqual(0);
          expect(++codes).toBeLessThanOrEqual(8 * bytes.length);
        }
      });
      expect(['cut', 'bad_code']).toContain(code);
    }),
    { numRuns: 1000 },
  );
});
