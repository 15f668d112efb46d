const URGENT_SIGNALS = ['SIGINT', 'SIGHUP'] as const;

/** Time for an end in good order, which only those who ask with SIGTERM give. */
export interface Patience {
  readonly ms: number;
  /** Aborted when it is over before: a person has pressed Ctrl-C, the parent is gone, nobody listens any more. */
  readonly isOver: AbortController;
}

/**
 * Resolves with the reason when the process is asked to end: by a signal, because the process that started it is gone,
 * or because nobody reads its output any more.
 *
 * Later requests change nothing but the patience: npm passes Ctrl-C on to a process that the terminal has told already.
 * @param withinMs How long ending may take after that, and after the patience, before it is forced with exit code 1.
 *   @defaultValue without end
 */
export function untilAskedToEnd(withinMs?: number, patience?: Patience): Promise<string> {
  return new Promise((resolve) => {
    const end = (reason: string, afterMs: number) => {
      resolve(reason);
      if (withinMs !== undefined) setTimeout(() => forceEnd(withinMs + afterMs), withinMs + afterMs).unref();
    };
    const endNow = (reason: string) => {
      patience?.isOver.abort();
      end(reason, 0);
    };
    process.on('SIGTERM', (signal) => end(signal, patience?.ms ?? 0));
    for (const signal of URGENT_SIGNALS) process.on(signal, endNow);
    process.stdout.once('error', () => endNow('nobody reads the output any more'));
    if (!process.send) return;
    const orphan = () => endNow('the parent process ended');
    // It can be gone before this process has begun to listen.
    if (process.connected) process.once('disconnect', orphan);
    else orphan();
  });
}

function forceEnd(withinMs: number): never {
  process.stderr.write(`Could not end in good order within ${withinMs / 1000} s; ended at once.\n`);
  process.exit(1);
}

/** What {@link tellReady} says. */
export const READY = 'ready';

/** Tells the process that started this one, if there is one, that it can be used. */
export function tellReady(): void {
  // A parent that is gone meanwhile is noticed elsewhere.
  process.send?.(READY, undefined, undefined, () => {});
}
