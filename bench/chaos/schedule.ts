/** What a schedule has to know of a fault. */
interface Timed {
  readonly name: string;
  readonly aboutS: number;
}

/**
 * The fault that comes next, in order and again from the beginning; one that no longer fits is passed over.
 * @param done Names of those that were done, in order. @param leftS Time that is left, with the steady span behind a fault.
 * @returns `undefined` when none fits.
 */
export function nextFault<F extends Timed>(
  faults: readonly F[],
  done: readonly string[],
  leftS: number,
  steadyS: number,
): F | undefined {
  const times = (name: string) => done.filter((one) => one === name).length;
  const fitting = faults.filter(({ aboutS }) => aboutS + steadyS <= leftS);
  const fewest = Math.min(...fitting.map(({ name }) => times(name)));
  return fitting.find(({ name }) => times(name) === fewest);
}

/**
 * The time of two acts: the second one gets what each of its faults takes once, if more than half is left for the first.
 * @returns Seconds of each; 0 for one that is left out.
 */
export function shareOut(
  seconds: number,
  first: readonly Timed[],
  second: readonly Timed[],
  steadyS: number,
): readonly [number, number] {
  if (first.length === 0) return [0, seconds];
  const neededS = second.reduce((sum, { aboutS }) => sum + aboutS + steadyS, 0);
  return neededS * 2 > seconds ? [seconds, 0] : [seconds - neededS, neededS];
}
