/** A place on the ground: metres to the east and to the north of somewhere nearby. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Stretches into which a lap is divided. */
const STRETCHES = 360;
/** So many stretches may be missing between two places of the line: on the shortest tracks a car skips a dozen from tick to tick. */
const MOST_MISSING = 20;

/**
 * The line of the track, drawn by the cars: nobody has to know it beforehand. Each stretch of the lap keeps the middle of the
 * places where cars were in it. Its size does not grow.
 */
export class TrackOutline {
  readonly #sums = Array.from({ length: STRETCHES }, () => ({ x: 0, y: 0, count: 0 }));
  #known = 0;

  /** @param share Of the lap, 0 to 1. Cars on pit road are not on the track. */
  add(share: number, { x, y }: Place): void {
    if (!(share >= 0 && share <= 1) || !Number.isFinite(x + y)) return;
    const sum = this.#sums[Math.min(STRETCHES - 1, Math.floor(share * STRETCHES))]!;
    if (sum.count === 0) this.#known++;
    sum.x += x;
    sum.y += y;
    sum.count++;
  }

  /** How much of the lap is known, 0 to 1. */
  get share(): number {
    return this.#known / STRETCHES;
  }

  /** Whether the line closes. */
  get isWhole(): boolean {
    const line = this.lines()[0];
    return line !== undefined && line[0] === line.at(-1);
  }

  /** The line in pieces, in the direction of the race; one piece that ends where it begins when all of the lap is known. */
  lines(): Place[][] {
    const known = this.#sums.flatMap(({ x, y, count }, n) => (count > 0 ? [{ n, x: x / count, y: y / count }] : []));
    if (known.length < 2) return [];
    const gapAfter = (i: number) =>
      (known[(i + 1) % known.length]!.n - known[i]!.n + STRETCHES) % STRETCHES || STRETCHES;
    const start = known.findIndex((_, i) => gapAfter(i) > MOST_MISSING);
    if (start < 0) {
      const line = smooth(known);
      return [[...line, line[0]!]];
    }
    const lines: Place[][] = [];
    let line: Place[] = [];
    for (let k = 1; k <= known.length; k++) {
      const i = (start + k) % known.length;
      line.push({ x: known[i]!.x, y: known[i]!.y });
      if (gapAfter(i) <= MOST_MISSING) continue;
      if (line.length > 1) lines.push(line);
      line = [];
    }
    return lines;
  }

  /** The place at a share of the lap, between the two known ones beside it; `undefined` where too little is known. */
  at(share: number): Place | undefined {
    const wanted = (share - Math.floor(share)) * STRETCHES - 0.5;
    const find = (step: 1 | -1, from: number) => {
      for (let k = 0; k <= MOST_MISSING; k++) {
        const n = (((from + step * k) % STRETCHES) + STRETCHES) % STRETCHES;
        const { x, y, count } = this.#sums[n]!;
        if (count > 0) return { x: x / count, y: y / count, away: Math.abs(from + step * k - wanted) };
      }
      return undefined;
    };
    const [before, after] = [find(-1, Math.floor(wanted)), find(1, Math.floor(wanted) + 1)];
    if (!before || !after) return undefined;
    const part = before.away / (before.away + after.away);
    return { x: before.x + (after.x - before.x) * part, y: before.y + (after.y - before.y) * part };
  }
}

/** How much the places before and after one count beside it: cars do not all drive the same line, and the track is no saw. */
const WEIGHTS = [1, 2, 3, 2, 1] as const;

function smooth(round: readonly Place[]): Place[] {
  const count = round.length;
  return round.map((_, i) => {
    let [x, y, sum] = [0, 0, 0];
    for (const [k, weight] of WEIGHTS.entries()) {
      const place = round[(i + k - 2 + count) % count]!;
      x += weight * place.x;
      y += weight * place.y;
      sum += weight;
    }
    return { x: x / sum, y: y / sum };
  });
}
