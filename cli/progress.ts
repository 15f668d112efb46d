/**
 * Shows on a terminal how far something has come; where nobody looks it shows nothing.
 * @param what Such as `reading`.
 * @returns To be told how much is done; without numbers it clears the line.
 */
export function createProgress(what: string): (done?: number, of?: number) => void {
  if (!process.stderr.isTTY) return () => {};
  let shownPercent = 0;
  return (done, of) => {
    if (done === undefined || of === undefined) {
      process.stderr.write(`\r${' '.repeat(what.length + 7)}\r`);
      return;
    }
    const percent = Math.floor((100 * done) / of);
    if (percent < shownPercent + 5) return;
    shownPercent = percent;
    process.stderr.write(`\r${what} ${percent} %`);
  };
}
