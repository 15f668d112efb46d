const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Resolves with the reason when the process is asked to end: by a signal, because the process that started it is gone,
 * or because nobody reads its output any more.
 *
 * Later signals change nothing: npm passes Ctrl-C on to a process that the terminal has told already.
 * @param withinMs How long ending may take after that, before it is forced with exit code 1. @defaultValue without end
 */
export function untilAskedToEnd(withinMs?: number): Promise<string> {
  return new Promise((resolve) => {
    const end = (reason: string) => {
      resolve(reason);
      if (withinMs !== undefined) setTimeout(() => forceEnd(withinMs), withinMs).unref();
    };
    for (const signal of SIGNALS) process.on(signal, end);
    process.stdout.once('error', () => end('nobody reads the output any more'));
    if (!process.send) return;
    const orphan = () => end('the parent process ended');
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
