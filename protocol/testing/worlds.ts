import fc from 'fast-check';
import { AGGREGATES, type Catalogue, MAX_SPAN_STEPS, MAX_STEPS, parseCatalogue } from '../catalogue.ts';
import { NULL_VALUE } from '../coding-plan.ts';
import { EMPTY_FIELD, type Field } from '../field.ts';

/** A catalogue and consecutive fields in it, from one seed. `fields[0]` is empty. */
export interface World {
  readonly catalogue: Catalogue;
  readonly fields: readonly Field[];
  readonly random: Random;
}

/** Deterministic chance (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Integer from `low` to `high`, both possible. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)]!;
  }

  chance(share: number): boolean {
    return this.next() < share;
  }
}

function randomRange(random: Random): { resolution: number; min: number; max: number } {
  if (random.chance(0.3)) {
    const resolution = random.pick([0.1, 0.001, 2.5, 0.01]);
    const min = random.int(-1000, 1000) * resolution;
    return { resolution, min, max: min + random.int(1, 100_000) * resolution };
  }
  // Powers of two, so that the limits can be met exactly.
  const resolution = random.pick([1, 1, 0.5, 2 ** -20, 1024, 2 ** 40]);
  const span = random.pick([1, 2, 7, 100, 65_535, 65_536, MAX_SPAN_STEPS, random.int(1, MAX_SPAN_STEPS)]);
  const lowest = random.pick([0, -1, -span, -MAX_STEPS, MAX_STEPS - span, random.int(-MAX_STEPS, MAX_STEPS - span)]);
  return { resolution, min: lowest * resolution, max: (lowest + span) * resolution };
}

function randomCoding(random: Random, busyKeys: string[], key: string): object | undefined {
  if (random.chance(0.2)) return undefined;
  const k = random.chance(0.8) ? { k: random.pick([0, 1, 2, 5, 12, 24, random.int(0, 24)]) } : {};
  if (random.chance(0.5)) return random.chance(0.5) ? k : { ...k, busy: false };
  const from = busyKeys.length > 0 && random.chance(0.6) ? { from: random.pick(busyKeys) } : {};
  const ratio =
    'from' in from && random.chance(0.8)
      ? { ratio: random.pick([-32_768, 32_767, 0, 1, -1, 256, -256, 128, random.int(-32_768, 32_767)]) }
      : {};
  busyKeys.push(key);
  return { ...k, busy: true, ...from, ...ratio };
}

export function randomCatalogue(random: Random, size: number): Catalogue {
  const busyKeys: string[] = [];
  const sources: string[] = [];
  const channels = Array.from({ length: size }, (_, index) => {
    const key = `c${index}`;
    const coding = randomCoding(random, busyKeys, key);
    const of = sources.length > 0 && random.chance(0.1) ? { of: random.pick(sources) } : {};
    if (!('of' in of)) sources.push(key);
    const aggregate = random.pick(AGGREGATES);
    const rest = { label: '', unit: '', aggregate, group: '', staleAfterMs: 500 };
    return { key, ...rest, ...randomRange(random), ...of, ...(coding ? { coding } : {}) };
  });
  const views = Array.from({ length: random.int(0, 3) }, (_, index) => {
    const keys = channels.map(({ key }) => key).filter(() => random.chance(0.5));
    return [`v${index}`, keys.length > 0 ? keys : ['c0']] as const;
  });
  return parseCatalogue({ name: 'random', channels, views: Object.fromEntries(views) });
}

function randomValue(random: Random, { views }: Catalogue, c: number, was: number): number {
  const lowest = views[0]!.lowest[c]!;
  const highest = views[0]!.highest[c]!;
  const clamp = (value: number) => Math.min(Math.max(value, lowest), highest);
  switch (random.int(0, 9)) {
    case 0:
      return NULL_VALUE;
    case 1:
      return lowest;
    case 2:
      return highest;
    case 3:
    case 4:
      return random.int(lowest, highest);
    default:
      return clamp((was === NULL_VALUE ? lowest : was) + random.pick([-1, 1, 2, -2, 10, -10, random.int(-500, 500)]));
  }
}

export function randomState(random: Random, catalogue: Catalogue): Int32Array {
  const empty = random.chance(0.1);
  return Int32Array.from(catalogue.channels, (_, c) =>
    empty ? NULL_VALUE : randomValue(random, catalogue, c, NULL_VALUE),
  );
}

export function randomNextState(random: Random, catalogue: Catalogue, before: Int32Array): Int32Array {
  if (random.chance(0.15)) return before;
  const after = before.slice();
  const share = random.pick([0, 0.05, 0.3, 1]);
  for (let c = 0; c < after.length; c++) {
    if (random.chance(share)) after[c] = randomValue(random, catalogue, c, after[c]!);
  }
  return after;
}

/** Cars join, leave and return; some are known and gone from the first. */
export function randomNextField(random: Random, catalogue: Catalogue, before: Field, maxCars: number): Field {
  const cars = before.cars.slice();
  const states = before.states.map((state) => {
    if (!state) return random.chance(0.3) ? randomState(random, catalogue) : undefined;
    return random.chance(0.1) ? undefined : randomNextState(random, catalogue, state);
  });
  while (cars.length < maxCars && random.chance(0.5)) {
    cars.push(`${cars.length}${random.pick(['', '-A', '_'])}`);
    states.push(random.chance(0.1) ? undefined : randomState(random, catalogue));
  }
  return { cars, states };
}

/** What a world is made from: small to print, and everything in it follows from it. */
export interface WorldSpec {
  readonly seed: number;
  readonly channels: number;
  readonly cars: number;
  readonly ticks: number;
}

export const worldSpecs = ({ maxChannels = 24, maxCars = 4, maxTicks = 8 } = {}): fc.Arbitrary<WorldSpec> =>
  fc.record({
    seed: fc.integer(),
    channels: fc.integer({ min: 1, max: maxChannels }),
    cars: fc.integer({ min: 1, max: maxCars }),
    ticks: fc.integer({ min: 1, max: maxTicks }),
  });

export function makeWorld({ seed, channels, cars, ticks }: WorldSpec): World {
  const random = new Random(seed);
  const catalogue = randomCatalogue(random, channels);
  const fields: Field[] = [EMPTY_FIELD];
  for (let tick = 0; tick < ticks; tick++) fields.push(randomNextField(random, catalogue, fields.at(-1)!, cars));
  return { catalogue, fields, random };
}
