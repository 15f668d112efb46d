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
