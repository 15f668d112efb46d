import { variableOf } from './flags.ts';

/** Variable in which `start` tells its services of the nats-server that must not outlive it. */
export const EMBEDDED_NATS_PID = variableOf('embedded-nats-pid');

/**
 * Resolves with the reason when the process is asked to end: a signal, or the parent that started it is gone. A
 * parent that was killed cannot end its nats-server: its orphans do that with their own end.
 */
export function untilAskedToEnd(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(signal));
    if (!process.connected) return;
    process.once('disconnect', () => {
      process.once('exit', endOrphanedNats);
      resolve('the parent process ended');
    });
  });
}

function endOrphanedNats(): void {
  const pid = Number(process.env[EMBEDDED_NATS_PID]);
  if (!(pid > 1)) return;
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // Another orphan was first.
  }
}
