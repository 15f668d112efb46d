const NEWLINE = 10;

/**
 * Splits a text into its lines. Not more than one is held; a longer one than is allowed is given up.
 * @returns `undefined` stands for such a line.
 */
export async function* splitLines(pieces: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string | undefined> {
  let held: Buffer[] = [];
  let bytes = 0;
  const end = () => {
    const line =
      bytes > maxBytes
        ? undefined
        : Buffer.concat(held)
            .toString('utf8')
            .replace(/^\ufeff|\r$/g, '');
    held = [];
    bytes = 0;
    return line;
  };
  const keep = (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > maxBytes) held = [];
    else held.push(piece);
  };
  for await (const piece of pieces) {
    let start = 0;
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, start)) {
      keep(piece.subarray(start, at));
      start = at + 1;
      yield end();
    }
    keep(piece.subarray(start));
  }
  if (bytes > 0) yield end();
}
