import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SourceError } from '../protocol/errors.ts';
import { type IbtFile, parseIbt } from './ibt-file.ts';
import { findCleanLaps, findGoodRows } from './ibt-laps.ts';

type Row = { SessionTime: number; Lap: number; LapDistPct: number; IsOnTrack: number; OnPitRoad: number };

const INFO = 'WeekendInfo:\n TrackDisplayName: Test Track\n TrackLength: 1.25 km\nDriverInfo:\n UserName: A Person\n';
const VARIABLES = [
  ['SessionTime', 5, 's'],
  ['Lap', 2, ''],
  ['LapDistPct', 4, '%'],
  ['IsOnTrack', 1, ''],
  ['OnPitRoad', 1, ''],
] as const;
const ROW_BYTES = 18;

/** A file in the layout of the README of the recordings. */
function encodeIbt(rows: Partial<Row>[]): Buffer {
  const infoAt = 144 + VARIABLES.length * 144;
  const rowsAt = infoAt + INFO.length;
  const buffer = Buffer.alloc(rowsAt + rows.length * ROW_BYTES);
  const header = [2, 1, 60, 0, INFO.length, infoAt, VARIABLES.length, 144, 1, ROW_BYTES];
  header.forEach((word, i) => {
    buffer.writeInt32LE(word, 4 * i);
  });
  buffer.writeInt32LE(rowsAt, 52);
  buffer.writeBigInt64LE(1_700_000_000n, 112);
  let offset = 0;
  VARIABLES.forEach(([name, type, unit], i) => {
    const at = 144 * (i + 1);
    [type, offset, 1].forEach((word, j) => {
      buffer.writeInt32LE(word, at + 4 * j);
    });
    buffer.write(name, at + 16, 'latin1');
    buffer.write(unit, at + 112, 'latin1');
    offset += [1, 1, 4, 4, 4, 8][type]!;
  });
  buffer.write(INFO, infoAt, 'latin1');
  rows.forEach((row, i) => {
    const at = rowsAt + i * ROW_BYTES;
    buffer.writeDoubleLE(row.SessionTime ?? i / 60, at);
    buffer.writeInt32LE(row.Lap ?? 1, at + 8);
    buffer.writeFloatLE(row.LapDistPct ?? 0.5, at + 12);
    buffer.writeInt8(row.IsOnTrack ?? 1, at + 16);
    buffer.writeInt8(row.OnPitRoad ?? 0, at + 17);
  });
  return buffer;
}
const parse = (rows: Partial<Row>[]) => parseIbt(encodeIbt(rows), 'test.ibt');

/** Laps of 600 rows from line to line, after half a lap. */
const drive = (laps: number): Row[] =>
  Array.from({ length: 300 + laps * 600 + 10 }, (_, i) => {
    const lap = Math.floor((i + 300) / 600);
    return { SessionTime: i / 60, Lap: 5 + lap, LapDistPct: ((i + 300) % 600) / 600, IsOnTrack: 1, OnPitRoad: 0 };
  });

describe('a file', () => {
  it('gives its facts, its variables and its columns, and no name of a person', () => {
    const file = parse([
      { Lap: 3, LapDistPct: 0.25 },
      { Lap: -4, IsOnTrack: 0 },
    ]);
    const { ticksPerSecond, startedAtMs, rowCount, track, trackLengthM } = file;
    expect({ ticksPerSecond, startedAtMs, rowCount, track, trackLengthM }).toEqual({
      ...{ ticksPerSecond: 60, startedAtMs: 1_700_000_000_000, rowCount: 2, track: 'Test Track', trackLengthM: 1250 },
    });
    expect(file.variables.get('LapDistPct')).toMatchObject({ type: 4, unit: '%', count: 1 });
    expect([...file.column('Lap')!]).toEqual([3, -4]);
    expect([...file.column('LapDistPct')!]).toEqual([0.25, 0.5]);
    expect([...file.column('IsOnTrack')!]).toEqual([1, 0]);
    expect(file.column('Speed')).toBeUndefined();
    expect(JSON.stringify(file)).not.toContain('Person');
  });

  it('that ends in the middle of a row is read up to the last whole one', () => {
    const whole = encodeIbt([{}, {}, {}]);
    expect(parseIbt(whole.subarray(0, whole.length - 1), 'cut.ibt').rowCount).toBe(2);
  });

  it('is refused when its header points outside of it, and says so', () => {
    const good = encodeIbt([{}]);
    for (const [at, what] of [
      [0, 'version'],
      [8, 'rows per second'],
      [16, 'session information'],
      [20, 'session information'],
      [24, 'variables'],
      [28, 'list of variables'],
      [36, 'row'],
      [52, 'rows'],
    ] as const) {
      for (const word of [-1, 0x7fffffff]) {
        const bad = Buffer.from(good);
        bad.writeInt32LE(word, at);
        expect(() => parseIbt(bad, 'bad.ibt')).toThrow(new RegExp(`^bad\\.ibt is no iRacing recording.*${what}.*\\.$`));
      }
    }
    expect(() => parseIbt(Buffer.from('RIFF'), 'x.wav')).toThrow('4 bytes are less than its header of 144');
  });

  it('is never more than refused, whatever its bytes are', () => {
    const good = encodeIbt(drive(1).slice(0, 20));
    const word = fc.record({ at: fc.nat({ max: 144 * 6 }), value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), fc.nat({ max: good.length }), (words, length) => {
        const bytes = Buffer.from(good);
        for (const { at, value } of words) bytes.writeInt32LE(value, at);
        try {
          const file = parseIbt(bytes.subarray(0, length), 'fuzz');
          for (const name of file.variables.keys()) file.column(name);
          findCleanLaps(file);
        } catch (error) {
          expect(error).toBeInstanceOf(SourceError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('clean laps', () => {
  const lapsOf = (rows: Row[], change: (rows: Row[]) => void = () => {}): [number, number][] => {
    change(rows);
    return findCleanLaps(parse(rows)).map(({ start, end }) => [start, end]);
  };

  it('go from line to line and follow each other', () => {
    expect(lapsOf(drive(3))).toEqual([
      [300, 900],
      [900, 1500],
      [1500, 2100],
    ]);
    expect(lapsOf(drive(0))).toEqual([]);
  });

  it.each<[string, (rows: Row[]) => void]>([
    ['leaves the track', (rows) => (rows[1000]!.IsOnTrack = 0)],
    ['goes through the pits', (rows) => (rows[1000]!.OnPitRoad = 1)],
    ['jumps', (rows) => (rows[1000]!.LapDistPct = 0.9)],
    ['is reset', (rows) => Object.assign(rows[1000]!, { Lap: 0, LapDistPct: 0 })],
    [
      'has a hole',
      (rows) => {
        for (const row of rows.slice(1000)) row.SessionTime += 5;
      },
    ],
  ])('are the longest series without the lap in which the car %s', (_, change) => {
    expect(lapsOf(drive(4), change)).toEqual([
      [1500, 2100],
      [2100, 2700],
    ]);
  });
});

it('good rows are those with news: not the first, none that is empty or comes twice', () => {
  const rows = drive(0).slice(0, 8);
  Object.assign(rows[3]!, { Lap: 0, LapDistPct: 0 });
  rows[5]!.SessionTime = rows[4]!.SessionTime;
  expect([...findGoodRows(parse(rows) as IbtFile)]).toEqual([1, 2, 4, 6, 7]);
});
