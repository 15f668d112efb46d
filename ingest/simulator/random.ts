/** Seeded randomness: the same seed gives the same race on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [low, high). */
  range(low: number, high: number): number;
  /** Uniform integer in [0, count). */
  int(count: number): number;
  /** Mean 0, standard deviation 1, never beyond ±3. */
  gauss(): number;
  isHit(probability: number): boolean;
}

/** @param seed Any number; its low 32 bits count. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = () => {
    // mulberry32: one multiply-xor chain, good enough for a race and cheap enough for every step.
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    range: (low, high) => low + (high - low) * next(),
    int: (count) => Math.floor(next() * count),
    // Sum of three uniforms: bounded, so that no sensor ever shows a wild outlier.
    gauss: () => (next() + next() + next() - 1.5) * 2,
    isHit: (probability) => next() < probability,
  };
}

const NOISE_SIZE = 4096;

/** Gaussian noise from a table: a sensor reads one entry instead of drawing three numbers. */
export interface Noise {
  readonly table: Float64Array;
  /** Index mask of the table. */
  readonly mask: number;
}

export function createNoise(random: Random): Noise {
  return { table: Float64Array.from({ length: NOISE_SIZE }, () => random.gauss()), mask: NOISE_SIZE - 1 };
}
