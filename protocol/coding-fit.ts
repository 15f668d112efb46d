import type { Channel, CodingHint } from './catalogue.ts';
import { NULL_VALUE } from './coding-plan.ts';
import { predict, zigzag } from './delta.ts';

/** What naming a quiet channel among the others costs on average, in bits; measured on stock-car recordings. */
const NAME_BITS = 6;
/** A predictor must save this share of a channel's bits, or chance and rounding would choose it. */
const WORTH = 0.97;
const MAX_K = 20;

function golombBits(value: number, k: number): number {
  return 2 * (31 - Math.clz32((value >>> k) + 1)) + 1 + k;
}

/** Cheapest order for these zigzagged values and what it costs in bits. */
function bestOrder(values: readonly number[]): { k: number; bits: number } {
  let best = { k: 0, bits: Number.POSITIVE_INFINITY };
  for (let k = 0; k <= MAX_K; k++) {
    let bits = 0;
    for (const value of values) bits += golombBits(value, k);
    if (bits < best.bits) best = { k, bits };
  }
  return best;
}

/** Candidates for the ratio of two series of differences, in 1/256: least squares, the median, equal, opposite. */
function ratioCandidates(of: readonly number[], from: readonly number[]): number[] {
  let product = 0;
  let square = 0;
  const ratios: number[] = [];
  for (let t = 0; t < of.length; t++) {
    product += of[t]! * from[t]!;
    square += from[t]! * from[t]!;
    if (from[t] !== 0) ratios.push(of[t]! / from[t]!);
  }
  if (square === 0) return [];
  const median = ratios.sort((a, b) => a - b)[ratios.length >> 1]!;
  const rounded = [product / square, median, 1, -1].map((ratio) => Math.round(ratio * 256));
  return [...new Set(rounded)].filter((ratio) => ratio !== 0 && ratio >= -32768 && ratio <= 32767);
}

/**
 * Finds the coding hints that would have made the deltas of a recording smallest.
 *
 * Hints are static: they carry no state, so fit them on one recording and use them on others of the same series.
 * Cost grows with the square of the number of changing channels (about 1 s for 270 channels and 100 ticks).
 *
 * @param runs Consecutive quantised states of one or more cars, each by catalogue index.
 * @returns One hint per channel, in catalogue order.
 */
export function fitCoding(channels: readonly Channel[], runs: readonly (readonly Int32Array[])[]): CodingHint[] {
  const steps = runs.flatMap((states) => states.slice(1).map((after, t) => ({ before: states[t]!, after })));
  const differences = channels.map((_, c) =>
    steps.map(({ before, after }) =>
      before[c] === NULL_VALUE || after[c] === NULL_VALUE ? 0 : after[c]! - before[c]!,
    ),
  );
  const hints: CodingHint[] = [];
  const busy: number[] = [];
  channels.forEach((_, c) => {
    const own = differences[c]!;
    const changes = own.filter((difference) => difference !== 0);
    const asQuiet = bestOrder(changes.map((difference) => zigzag(difference) - 1));
    const quietBits = changes.length === 0 ? 0 : asQuiet.bits + changes.length * NAME_BITS;
    let best: CodingHint & { bits: number } = { busy: true, ...bestOrder(own.map(zigzag)) };
    for (const from of busy) {
      for (const ratio of ratioCandidates(own, differences[from]!)) {
        const residuals = own.map((n, t) => zigzag(n - predict(differences[from]![t]!, ratio)));
        const order = bestOrder(residuals);
        if (order.bits < best.bits * (best.from === undefined ? WORTH : 1)) {
          best = { busy: true, from: channels[from]!.key, ratio, ...order };
        }
      }
    }
    if (quietBits <= best.bits) {
      hints.push({ k: changes.length === 0 ? 2 : asQuiet.k });
    } else {
      const { bits: _, ...hint } = best;
      hints.push(hint);
      busy.push(c);
    }
  });
  return hints;
}
