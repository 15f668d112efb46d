import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord, readRecords, type SpoolRecord } from './spool-record.ts';

const name = fc.string({ maxLength: 40 });
const bytes = fc.uint8Array({ maxLength: 300 });
const count = fc.maxSafeNat();
const settled = fc.record({
  upTo: count,
  lastSeqs: fc.array(fc.tuple(name, count), { maxLength: 5 }).map((entries) => new Map(entries)),
});
const record: fc.Arbitrary<SpoolRecord> = fc.oneof(
  fc.record({
    kind: fc.constant('message' as const),
    message: fc.record({ subject: name, id: name, data: bytes }),
  }),
  fc.record({
    kind: fc.constant('head' as const),
    head: fc.record({
      race: name,
      epoch: name,
      catalogue: name,
      first: count,
      settled,
      base: fc.option(bytes, { nil: undefined }),
    }),
  }),
  fc.record({
    kind: fc.constant('settled' as const),
    settled,
  }),
);

const join = (records: readonly SpoolRecord[]) => {
  const parts = records.map(encodeRecord);
  const ends = parts.map((_, n) => parts.slice(0, n + 1).reduce((sum, part) => sum + part.length, 0));
  return { file: new Uint8Array(Buffer.concat(parts)), ends };
};

/** Messages come as views; their bytes are what counts. */
const plain = (records: readonly SpoolRecord[]) =>
  records.map((one) =>
    one.kind === 'message' ? { ...one, message: { ...one.message, data: [...one.message.data] } } : one,
  );

describe('the records of a spool', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), (records) => {
        const { file } = join(records);
        const read = readRecords(file);
        expect(plain(read.records)).toEqual(plain(records));
        expect(read.goodBytes).toBe(file.length);
      }),
    );
  });

  it('of a file that was cut off are all those before the cut, whatever follows it', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), fc.nat(), bytes, (records, place, rest) => {
        const { file, ends } = join(records);
        const cut = place % file.length;
        const whole = ends.filter((end) => end <= cut).length;
        for (const tail of [new Uint8Array(), new Uint8Array(200), rest]) {
          const torn = new Uint8Array(Buffer.concat([file.subarray(0, cut), tail]));
          // What follows may happen to be what was cut off.
          if (Buffer.compare(torn.subarray(0, ends[whole]), file.subarray(0, ends[whole])) === 0) continue;
          const read = readRecords(torn);
          expect(plain(read.records)).toEqual(plain(records.slice(0, whole)));
          expect(read.goodBytes).toBe(ends[whole - 1] ?? 0);
        }
      }),
    );
  });

  it('end where a byte was altered', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (records, place, flip) => {
          const { file, ends } = join(records);
          const at = place % file.length;
          file[at]! ^= flip;
          expect(plain(readRecords(file).records)).toEqual(
            plain(
              records.slice(
                0,
                ends.findIndex((end) => end > at),
              ),
            ),
          );
        },
      ),
    );
  });

  it('are none in bytes of somebody else', () => {
    fc.assert(
      fc.property(bytes, (any) => {
        expect(readRecords(any)).toEqual({ records: [], goodBytes: 0 });
      }),
    );
  });

  it('of another version, or with a right checksum and a wrong form, are none', () => {
    const file = encodeRecord({
      kind: 'head',
      head: {
        race: 'r',
        epoch: 'e',
        catalogue: 'c',
        first: 1,
        settled: { upTo: 0, lastSeqs: new Map() },
        base: undefined,
      },
    });
    for (const [from, to] of [
      ['version', 'versiom'],
      ['first', 'worst'],
      ['epoch', 'epocH'],
      ['upTo', 'onTo'],
    ] as const) {
      const changed = Buffer.from(file);
      changed.write(to, changed.indexOf(from), 'latin1');
      // The same frame around other words.
      const body = changed.subarray(8);
      expect(readRecords(reframe(body)).records, from).toEqual([]);
    }
    expect(readRecords(reframe(file.subarray(8))).records).toHaveLength(1);
  });

  it('have names of at most 255 bytes', () => {
    const message = { subject: 'x'.repeat(256), id: '', data: new Uint8Array() };
    expect(() => encodeRecord({ kind: 'message', message })).toThrow(RangeError);
  });
});

/** The frame of a spool around any body. */
function reframe(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + body.length);
  bytes.set(body, 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length, true);
  view.setUint32(4, crc32(body), true);
  return bytes;
}
