import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantise } from '../protocol/quantise.ts';
import { STREAM_MESSAGE } from '../protocol/tick-message.ts';
import { readCarColumns, seriesOfTicks } from './car-columns.ts';
import { RaceWriter } from './testing/publisher.ts';

const KEYS = ['c0', 'c3', 'none', 'c9'];

/** A stretch of a race from its keyframe at `first` on, and what is true in it. */
function write(seed: number, first: number, count: number, cars = 5) {
  const writer = new RaceWriter({ seed, cars });
  while (writer.tick < first) writer.nextTick();
  const messages = [writer.keyframe().bytes];
  while (writer.tick < first + count - 1) {
    messages.push(...writer.next().map(({ bytes }) => bytes));
    // Others of the same stretch change nothing.
    if (writer.tick % 7 === 0) messages.push(writer.keyframe().bytes);
  }
  const records = messages.map((message, n) => ({ seq: n + 1, message }));
  const truth = (car: string) =>
    Array.from({ length: count }, (_, n) => {
      const field = writer.fields.get(first + n)!;
      const state = field.states[field.cars.indexOf(car)];
      return KEYS.map((key) => {
        const index = writer.catalogue.indexOf(key);
        const value =
          index === undefined || !state ? null : dequantise(writer.catalogue.channels[index]!, state[index]!);
        return value ?? Number.NaN;
      });
    });
  return { writer, records, truth };
}

describe('one car out of the stream', () => {
  it('has the values that the whole field has, at every tick, also when it comes and goes', () => {
    const world = fc.record({
      seed: fc.integer(),
      first: fc.integer({ min: 0, max: 40 }),
      count: fc.integer({ min: 1, max: 60 }),
      car: fc.constantFrom('0', '1', '2', '4', 'nobody'),
    });
    fc.assert(
      fc.property(world, ({ seed, first, count, car }) => {
        const { writer, records, truth } = write(seed, first, count);
        const { catalogue, epoch } = writer;
        const { atMs, columns } = readCarColumns(catalogue, epoch, [first, first + count], records, car, KEYS);
        expect([...atMs]).toEqual(Array.from({ length: count }, (_, n) => writer.closeAtMs(first + n)));
        expect(truth(car).map((_, n) => columns.map((column) => column[n]))).toEqual(truth(car));
        const ticks = Array.from(atMs, (closeAtMs, n) => ({ closeAtMs, field: writer.fields.get(first + n)! }));
        expect(seriesOfTicks(catalogue, ticks, car, KEYS)).toEqual({ atMs, columns });
      }),
      { numRuns: 60 },
    );
  });

  it('has no values where the stream has none of this epoch', () => {
    const { writer, records } = write(1, 20, 20);
    const withoutKeyframes = records.filter(({ message }) => message[0] !== STREAM_MESSAGE.keyframe);
    const lost = readCarColumns(writer.catalogue, writer.epoch, [20, 40], withoutKeyframes, '0', ['c0']);
    expect([...lost.atMs, ...lost.columns[0]!].every(Number.isNaN)).toBe(true);
    const other = readCarColumns(writer.catalogue, 'feedfeedfeedfeed', [20, 40], records, '0', ['c0']);
    expect([...other.atMs].every(Number.isNaN)).toBe(true);
    const nothing = readCarColumns(undefined, writer.epoch, [20, 40], [], '0', ['c0']);
    expect(nothing.columns[0]!.length).toBe(20);
  });

  it('has nothing of what follows a tick that is lost or damaged, up to the next keyframe, rather than something wrong', () => {
    const damage = fc.constantFrom('lost', 'cut', 'twice');
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 38 }), damage, (seed, at, how) => {
        const { writer, records, truth } = write(seed, 20, 40);
        const ticks = records.filter(({ message }) => message[0] === STREAM_MESSAGE.tick);
        const hurt = ticks[at - 1]!;
        const damaged = records.flatMap((one) => {
          if (one !== hurt) return [one];
          if (how === 'lost') return [];
          if (how === 'twice') return [one, one];
          return { ...one, message: one.message.subarray(0, 27) };
        });
        const { atMs, columns } = readCarColumns(writer.catalogue, writer.epoch, [20, 60], damaged, '1', KEYS);
        truth('1').forEach((values, row) => {
          if (Number.isNaN(atMs[row]!)) expect(how).not.toBe('twice');
          else expect(columns.map((column) => column[row])).toEqual(values);
        });
        // A keyframe right behind it says the same as the tick itself; from the next one on all is known.
        const hasKeyframe = (row: number) => (20 + row) % 7 === 0 || (20 + row) % 20 === 0;
        if (how !== 'twice' && !hasKeyframe(at)) expect(atMs[at]).toBeNaN();
        const next = [...atMs.keys()].find((row) => row > at && hasKeyframe(row)) ?? 40;
        expect([...atMs.slice(next)].some(Number.isNaN)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});
