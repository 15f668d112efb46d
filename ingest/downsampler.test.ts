import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AGGREGATES, type Catalogue, type Channel, parseCatalogue } from '../protocol/catalogue.ts';
import { NULL_VALUE, quantisedRange } from '../protocol/coding-plan.ts';
import { type Field, MAX_CARS } from '../protocol/field.ts';
import { quantise } from '../protocol/quantise.ts';
import { Downsampler } from './downsampler.ts';
import { overlay, UNHEARD } from './handover.ts';
import type { Frame } from './source.ts';

const TICK_MS = 500;

type Sample = readonly [channel: number, value: number];
interface Sent {
  readonly car: string;
  readonly atMs: number;
  readonly samples: readonly Sample[];
}

const toFrame = ({ car, atMs, samples }: Sent): Frame => ({
  car,
  atMs,
  count: samples.length,
  channels: Uint16Array.from(samples, ([channel]) => channel),
  values: Float64Array.from(samples, ([, value]) => value),
});

function catalogueOf(channels: readonly Partial<Channel>[]): Catalogue {
  return parseCatalogue({
    name: 'test',
    channels: channels.map((channel, index) => ({
      key: `c${index}`,
      label: 'test',
      unit: '',
      resolution: 1,
      min: -1000,
      max: 1000,
      aggregate: 'last',
      group: 'test',
      staleAfterMs: 2000,
      ...channel,
    })),
    views: {},
  });
}

/** Car time equals arrival here; ticks close at multiples of 500 ms from 0 on. */
function play(catalogue: Catalogue, ticks: readonly (readonly Sent[])[], options: { goneAfterMs?: number } = {}) {
  const downsampler = new Downsampler({ catalogue, tickMs: TICK_MS, ...options });
  return ticks.map((frames, tick) => {
    for (const sent of frames) downsampler.add(toFrame(sent), (tick + 1) * TICK_MS - 1);
    return downsampler.close((tick + 1) * TICK_MS);
  });
}

const steps = (field: Field, slot = 0) => Array.from(field.states[slot] ?? []);

/** What a tick must hold, worked out the slow way: all samples of a channel in one list, in order of car time. */
class Oracle {
  readonly #catalogue: Catalogue;
  readonly #held = new Map<string, { steps: number[]; heardAtMs: number[] }>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  close(frames: readonly Sent[], closeAtMs: number, bornAtMs: ReadonlyMap<string, number>): Map<string, number[]> {
    const { channels } = this.#catalogue;
    for (const { car } of frames) {
      if (this.#held.has(car)) continue;
      const bornMs = bornAtMs.get(car)!;
      this.#held.set(car, { steps: channels.map(() => NULL_VALUE), heardAtMs: channels.map(() => bornMs) });
    }
    for (const [car, held] of this.#held) {
      const own = frames.filter((frame) => frame.car === car).sort((a, b) => a.atMs - b.atMs);
      channels.forEach((channel, c) => {
        const from = channel.of === undefined ? c : this.#catalogue.indexOf(channel.of)!;
        const all = own.flatMap(({ samples }) => samples.filter(([index]) => index === from).map(([, value]) => value));
        const good = all.filter((value) => value >= channel.min && value <= channel.max);
        if (good.length > 0) held.steps[c] = this.#aggregate(channel, good);
        else if (all.length > 0 || closeAtMs - held.heardAtMs[c]! > channel.staleAfterMs) held.steps[c] = NULL_VALUE;
        if (all.length > 0) held.heardAtMs[c] = closeAtMs;
      });
    }
    return new Map([...this.#held].map(([car, held]) => [car, held.steps]));
  }

  #aggregate(channel: Channel, values: readonly number[]): number {
    switch (channel.aggregate) {
      case 'last':
        return quantise(channel, values.at(-1));
      case 'min':
        return quantise(channel, Math.min(...values));
      case 'max':
        return quantise(channel, Math.max(...values));
      case 'peak':
        return quantise(channel, values.toSorted((a, b) => Math.abs(b) - Math.abs(a) || b - a)[0]);
      case 'mean': {
        // Means are of values to 1/1024 step, in integers, so that no order of adding can change them.
        const parts = values.map((value) => BigInt(Math.round(value * (1024 / channel.resolution))));
        const sum = parts.reduce((a, b) => a + b, 0n);
        const mean = Math.round(Number(sum) / values.length / 1024);
        return Math.min(mean, quantisedRange(channel).highest) + 0;
      }
    }
  }
}

const resolution = fc.constantFrom(1, 0.1, 0.25, 0.001, 3);
const channelArb = fc.record({
  resolution,
  aggregate: fc.constantFrom(...AGGREGATES),
  min: fc.constantFrom(-1000, -10.4999, 0),
  max: fc.constantFrom(1000, 10.4999, 1),
  staleAfterMs: fc.constantFrom(500, 1000, 2000),
});
const catalogueArb = fc
  .tuple(
    fc.array(channelArb, { minLength: 1, maxLength: 5 }),
    fc.array(fc.tuple(fc.nat(), channelArb), { maxLength: 4 }),
  )
  .map(([measured, derived]) =>
    catalogueOf([...measured, ...derived.map(([of, channel]) => ({ ...channel, of: `c${of % measured.length}` }))]),
  );

const valueArb = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -10_500, max: 10_500 }).map((n) => n / 1000) },
  { weight: 3, arbitrary: fc.integer({ min: -12, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, 1e9, -1e9, Number.POSITIVE_INFINITY, -0, 10.4999, -10.4999) },
);

/** Frames of each tick, each car at instants of its own, a frame with every channel at most once. */
const ticksArb = (catalogue: Catalogue) =>
  fc
    .array(
      fc.array(
        fc.record({
          car: fc.constantFrom('1', '2', '3'),
          at: fc.integer({ min: 1, max: TICK_MS - 1 }),
          samples: fc.uniqueArray(fc.tuple(fc.nat(catalogue.packedOrder.length - 1), valueArb), {
            selector: ([channel]) => channel,
            maxLength: 5,
          }),
        }),
        { maxLength: 8 },
      ),
      { minLength: 1, maxLength: 8 },
    )
    .map((ticks) =>
      ticks.map((frames, tick): Sent[] => {
        const seen = new Set<string>();
        return frames
          .map(({ car, at, samples }) => ({ car, atMs: tick * TICK_MS + at, samples }))
          .filter(({ car, atMs }) => !seen.has(`${car} ${atMs}`) && seen.add(`${car} ${atMs}`));
      }),
    );

const raceArb = catalogueArb.chain((catalogue) => fc.tuple(fc.constant(catalogue), ticksArb(catalogue)));

describe('every tick', () => {
  it('holds exactly what the slow way gives, for any catalogue and any frames', () => {
    fc.assert(
      fc.property(raceArb, ([catalogue, ticks]) => {
        const oracle = new Oracle(catalogue);
        const bornAtMs = new Map<string, number>();
        play(catalogue, ticks).forEach((field, tick) => {
          for (const { car } of ticks[tick]!) {
            if (!bornAtMs.has(car)) bornAtMs.set(car, (tick + 1) * TICK_MS - 1);
          }
          const expected = oracle.close(ticks[tick]!, (tick + 1) * TICK_MS, bornAtMs);
          expect(new Map(field.cars.map((car, slot) => [car, steps(field, slot)]))).toEqual(expected);
        });
      }),
      { numRuns: 400 },
    );
  });

  it('is the same for any order of its frames, with any of them twice, in parts or whole', () => {
    const shuffled = raceArb.chain(([catalogue, ticks]) => {
      const doubled = ticks.map((frames) =>
        fc.tuple(fc.subarray(frames), fc.subarray(frames)).chain(([again, more]) =>
          fc.shuffledSubarray([...frames, ...again, ...more], {
            minLength: frames.length + again.length + more.length,
          }),
        ),
      );
      return fc.tuple(fc.constant(catalogue), fc.constant(ticks), fc.tuple(...doubled));
    });
    fc.assert(
      fc.property(shuffled, ([catalogue, ticks, other]) => {
        // Which slot a car gets is decided by its first frame, and is not part of the rule.
        const byCar = (fields: Field[]) =>
          fields.map((field) => new Map(field.cars.map((car, slot) => [car, steps(field, slot)])));
        expect(byCar(play(catalogue, other))).toEqual(byCar(play(catalogue, ticks)));
      }),
      { numRuns: 300 },
    );
  });

  it('is never changed by what comes later, and cars in which nothing changed keep their state', () => {
    fc.assert(
      fc.property(raceArb, ([catalogue, ticks]) => {
        const downsampler = new Downsampler({ catalogue, tickMs: TICK_MS });
        const kept: { field: Field; copy: string }[] = [];
        ticks.forEach((frames, tick) => {
          for (const sent of frames) downsampler.add(toFrame(sent), (tick + 1) * TICK_MS - 1);
          const before = downsampler.field;
          const field = downsampler.close((tick + 1) * TICK_MS);
          field.states.forEach((state, slot) => {
            const isSame = String(state) === String(before.states[slot]);
            if (isSame) expect(state).toBe(before.states[slot]);
          });
          kept.push({ field, copy: JSON.stringify(field.states.map((state) => Array.from(state!))) });
        });
        for (const { field, copy } of kept) {
          expect(JSON.stringify(field.states.map((state) => Array.from(state!)))).toBe(copy);
        }
      }),
    );
  });
});

describe('samples of one instant in frames of different shape', () => {
  it.each(['last', 'peak'] as const)('count the same in any order (%s)', (aggregate) => {
    const catalogue = catalogueOf([{ aggregate }, {}]);
    const whole: Sent = {
      car: '1',
      atMs: 100,
      samples: [
        [0, 5],
        [1, 1],
      ],
    };
    const part: Sent = { car: '1', atMs: 100, samples: [[0, -5]] };
    expect(play(catalogue, [[whole, part]])).toEqual(play(catalogue, [[part, whole]]));
    expect(steps(play(catalogue, [[part, whole]])[0]!)).toEqual([5, 1]);
  });
});

describe('a mean', () => {
  it('does not depend on the rounding of sums: of 0.1, 0.2 and 0.3 it is 0.2 in any order', () => {
    const catalogue = catalogueOf([{ aggregate: 'mean', resolution: 0.1 }]);
    const at = (atMs: number, value: number): Sent => ({ car: '1', atMs, samples: [[0, value]] });
    expect(steps(play(catalogue, [[at(1, 0.1), at(2, 0.2)]])[0]!)).toEqual([2]);
    expect(steps(play(catalogue, [[at(1, 0.3), at(2, 0.2), at(3, 0.1)]])[0]!)).toEqual([2]);
  });

  it('never leaves the quantised range', () => {
    const catalogue = catalogueOf([{ aggregate: 'mean', min: 0, max: 10.4999 }]);
    expect(steps(play(catalogue, [[{ car: '1', atMs: 1, samples: [[0, 10.4999]] }]])[0]!)).toEqual([10]);
  });
});

describe('a frame that was overtaken by the close of a tick', () => {
  const one = (atMs: number, value: number): Sent => ({ car: '1', atMs, samples: [[0, value]] });

  it('counts in the open tick when it is at most one tick old', () => {
    const catalogue = catalogueOf([{ aggregate: 'max' }]);
    const fields = play(catalogue, [[one(400, 1)], [one(390, 9), one(900, 2)], [one(1400, 3)]]);
    expect(fields.map((field) => steps(field)[0])).toEqual([1, 9, 3]);
  });

  it('does not take back the last value, nor does an overtaken "no value"', () => {
    const catalogue = catalogueOf([{}]);
    const fields = play(catalogue, [[one(400, 1)], [one(390, 9)], [one(395, Number.NaN)]]);
    expect(fields.map((field) => steps(field)[0])).toEqual([1, 1, 1]);
  });

  it('does not bring back a value that the car has taken back since', () => {
    const catalogue = catalogueOf([{}]);
    const fields = play(catalogue, [[one(300, 1)], [one(900, Number.NaN)], [one(800, 5)], [one(1900, 6)]]);
    expect(fields.map((field) => steps(field)[0])).toEqual([1, NULL_VALUE, NULL_VALUE, 6]);
  });

  it('is late and changes nothing when it is older', () => {
    const downsampler = new Downsampler({ catalogue: catalogueOf([{ aggregate: 'max' }]), tickMs: TICK_MS });
    downsampler.add(toFrame(one(1900, 1)), 1999);
    downsampler.close(2000);
    expect(downsampler.add(toFrame(one(1399, 9)), 2100)).toBe('late');
    expect(downsampler.add(toFrame(one(1400, 7)), 2100)).toBe('fresh');
    expect(steps(downsampler.close(2500))).toEqual([7]);
  });
});

describe('a value', () => {
  const one = (atMs: number, value: number, channel = 0): Sent => ({ car: '1', atMs, samples: [[channel, value]] });

  it('stays while the channel is silent, until it is stale', () => {
    const catalogue = catalogueOf([{ staleAfterMs: 1000 }, {}]);
    const ticks = [[one(1, 4)], [one(501, 1, 1)], [one(1001, 1, 1)], [one(1501, 1, 1)], [one(2001, 5)]];
    expect(play(catalogue, ticks).map((field) => steps(field)[0])).toEqual([4, 4, 4, NULL_VALUE, 5]);
  });

  it('is null at once when the car says that it has none', () => {
    const ticks = [[one(1, 4)], [one(501, Number.NaN)], [one(1001, 2000)], [one(1501, 5)]];
    expect(play(catalogueOf([{}]), ticks).map((field) => steps(field)[0])).toEqual([4, NULL_VALUE, NULL_VALUE, 5]);
  });

  it('of a clock that was set back counts again', () => {
    const downsampler = new Downsampler({ catalogue: catalogueOf([{}]), tickMs: TICK_MS });
    let value: number | undefined;
    for (let nowMs = 100; nowMs <= 10_000; nowMs += 100) {
      downsampler.add(toFrame(one(1e6 + nowMs - (nowMs > 5000 ? 50_000 : 0), nowMs / 100)), nowMs);
      if (nowMs % TICK_MS === 0) value = steps(downsampler.close(nowMs))[0];
    }
    expect(value).toBe(100);
  });
});

describe('the field', () => {
  const catalogue = catalogueOf([{}]);
  const of = (car: string, atMs: number): Sent => ({ car, atMs, samples: [[0, 1]] });

  it('refuses cars beyond its limit', () => {
    const downsampler = new Downsampler({ catalogue, tickMs: TICK_MS, maxCars: 2 });
    expect(['1', '2', '3', '1'].map((car, i) => downsampler.add(toFrame(of(car, i)), i))).toEqual([
      'fresh',
      'fresh',
      'field_full',
      'fresh',
    ]);
  });

  it('never has more slots than an epoch can hold, however many cars come and go at once', () => {
    const downsampler = new Downsampler({ catalogue, tickMs: TICK_MS, goneAfterMs: 400 });
    for (let tick = 0; tick < 3; tick++) {
      for (let i = 0; i < 120; i++) downsampler.add(toFrame(of(`${tick}-${i}`, tick * TICK_MS)), tick * TICK_MS + 499);
      downsampler.close((tick + 1) * TICK_MS);
    }
    expect(downsampler.field.cars).toHaveLength(MAX_CARS);
    expect(downsampler.add(toFrame(of('0-5', 1600)), 1600)).toBe('fresh');
    expect(downsampler.add(toFrame(of('new', 1600)), 1600)).toBe('field_full');
  });

  it('keeps the slot of a car that is gone, and gives it back to that car with nothing in it', () => {
    const two = catalogueOf([{}, {}]);
    const both: Sent = {
      car: '1',
      atMs: 1,
      samples: [
        [0, 7],
        [1, 8],
      ],
    };
    const later = [2, 3].map((tick): Sent[] => [of('2', tick * TICK_MS)]);
    const fields = play(two, [[both, of('2', 1)], [of('2', 501)], ...later, [of('3', 2001), of('1', 2002)]], {
      goneAfterMs: 1000,
    });
    expect(fields[3]!.cars).toEqual(['1', '2']);
    expect(fields.map((field) => field.states[0] !== undefined)).toEqual([true, true, false, false, true]);
    expect(fields[4]!.cars).toEqual(['1', '2', '3']);
    expect(steps(fields[4]!)).toEqual([1, NULL_VALUE]);
  });

  it('goes on from the field of the run before: same slots, same values, silence counted from now', () => {
    const [, before] = play(catalogue, [[of('1', 1), of('2', 1)], [of('2', 501)]], { goneAfterMs: 100 });
    expect(before!.states[0]).toBeUndefined();
    const next = new Downsampler({ catalogue, tickMs: TICK_MS });
    next.adopt(before!, 100_000);
    next.add(toFrame(of('3', 5)), 100_100);
    next.add(toFrame(of('1', 5)), 100_100);
    const field = next.close(100_500);
    expect(field.cars).toEqual(['1', '2', '3']);
    expect(field.states[1]).toBe(before!.states[1]);
    expect(steps(field, 0)).toEqual([1]);
    expect(steps(next.close(102_500), 1)).toEqual([NULL_VALUE]);
  });

  it('tells what was heard in a tick, which laid over the field before it is the field after it', () => {
    const two = catalogueOf([{}, { staleAfterMs: 600_000 }]);
    const downsampler = new Downsampler({ catalogue: two, tickMs: TICK_MS });
    downsampler.add(
      toFrame({
        car: '1',
        atMs: 1,
        samples: [
          [0, 5],
          [1, 6],
        ],
      }),
      1,
    );
    downsampler.add(toFrame({ car: '2', atMs: 1, samples: [[0, 5]] }), 1);
    let before = downsampler.close(500);
    const next = (samples: Sent['samples'], closeAtMs: number) => {
      downsampler.add(toFrame({ car: '1', atMs: closeAtMs - 1, samples }), closeAtMs - 1);
      const after = downsampler.close(closeAtMs);
      expect(overlay(before, downsampler.news)).toEqual(after);
      before = after;
      return downsampler.news;
    };
    const news = next([[0, 7]], 1000);
    expect(steps(news, 0)).toEqual([7, UNHEARD]);
    expect(news.states[1]).toBeUndefined();
    expect(steps(next([[1, Number.NaN]], 1500), 0)).toEqual([UNHEARD, NULL_VALUE]);
    expect(steps(next([], 2000), 0)).toEqual([UNHEARD, UNHEARD]);
  });

  it('goes over to the slots of another field, with all that is in the open tick', () => {
    const warm = new Downsampler({ catalogue, tickMs: TICK_MS });
    for (const car of ['b', 'a']) warm.add(toFrame(of(car, 5)), 5);
    const own = warm.close(500);
    expect(own.cars).toEqual(['b', 'a']);
    warm.add(toFrame({ ...of('a', 505), samples: [[0, 9]] }), 505);
    warm.add(toFrame(of('new', 505)), 505);
    warm.adopt(
      { cars: ['gone', 'a', 'x', 'b'], states: [undefined, own.states[1], own.states[0], own.states[0]] },
      600,
    );
    // What came before the change is known to have come.
    expect(warm.add(toFrame(of('b', 5)), 600)).toBe('double');
    const field = warm.close(1000);
    expect(field.cars).toEqual(['gone', 'a', 'x', 'b', 'new']);
    expect(field.states[0]).toBeUndefined();
    expect([1, 2, 3, 4].map((slot) => steps(field, slot))).toEqual([[9], steps(own, 0), steps(own, 0), [1]]);
  });

  it('counts silence from when it heard a value itself, and of what only the other one has heard from the change on', () => {
    const two = catalogueOf([{ staleAfterMs: 1000 }, { staleAfterMs: 1000 }]);
    const warm = new Downsampler({ catalogue: two, tickMs: TICK_MS });
    warm.add(
      toFrame({
        car: '1',
        atMs: 1,
        samples: [
          [0, 5],
          [1, 6],
        ],
      }),
      1,
    );
    warm.close(500);
    warm.close(1000);
    warm.adopt({ cars: ['1'], states: [Int32Array.of(5, 60)] }, 1200);
    expect(steps(warm.close(1500))).toEqual([5, 60]);
    expect(steps(warm.close(2000))).toEqual([NULL_VALUE, 60]);
    expect(steps(warm.close(2500))).toEqual([NULL_VALUE, NULL_VALUE]);
  });
});
