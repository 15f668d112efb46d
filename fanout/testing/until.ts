const POLL_MS = 10;

/** Waits until a condition holds; fails with its name when it never does. */
export async function until(what: string, isTrue: () => unknown | Promise<unknown>, withinMs = 15_000): Promise<void> {
  const endAtMs = Date.now() + withinMs;
  while (!(await isTrue())) {
    if (Date.now() > endAtMs) throw new Error(`Waited for ${withinMs} ms in vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
