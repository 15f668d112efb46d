/** Colours of a picture, as `0xrrggbb`, and which of them stand for all. */
export interface Palette {
  /** At most 256. */
  readonly colours: readonly number[];
  /** Place in {@link colours} of what is shown for a colour. */
  readonly placeOf: ReadonlyMap<number, number>;
  /** No pixel is further off than this, in any of red, green and blue. */
  readonly error: number;
}

const distance = (a: number, b: number) =>
  Math.max(
    Math.abs((a >> 16) - (b >> 16)),
    Math.abs(((a >> 8) & 255) - ((b >> 8) & 255)),
    Math.abs((a & 255) - (b & 255)),
  );

/**
 * Picks at most 256 colours, the most frequent first, such that each pixel has one of them near by. Letters have hundreds
 * of shades at their edges that nobody can tell apart; a thin line of a colour of its own keeps it.
 */
export function pickPalette(pixels: Uint32Array): Palette {
  const counts = new Map<number, number>();
  for (const colour of pixels) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const byCount = [...counts].sort(([a, m], [b, n]) => n - m || a - b).map(([colour]) => colour);
  for (let error = 0; ; error++) {
    const colours: number[] = [];
    const placeOf = new Map<number, number>();
    for (const colour of byCount) {
      let place = error === 0 ? -1 : colours.findIndex((other) => distance(colour, other) <= error);
      if (place < 0) place = colours.push(colour) - 1;
      if (colours.length > 256) break;
      placeOf.set(colour, place);
    }
    if (colours.length <= 256) return { colours, placeOf, error };
  }
}
