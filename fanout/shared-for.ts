/**
 * Makes something at most once in `ms`, however many ask: the first one waits for it, the others get the same. What
 * failed is made anew for the next one.
 */
export function sharedFor<T>(ms: number, make: () => Promise<T>, nowMs = () => performance.now()): () => Promise<T> {
  let made: Promise<T> | undefined;
  let madeAtMs = 0;
  return () => {
    if (made && nowMs() - madeAtMs < ms) return made;
    const fresh = make();
    made = fresh;
    madeAtMs = nowMs();
    fresh.catch(() => {
      if (made === fresh) made = undefined;
    });
    return fresh;
  };
}
