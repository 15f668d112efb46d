import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** A process of a bench: what it says is kept, and it ends with the bench. */
export interface BenchProcess {
  readonly pid: number;
  /** All of standard error so far. */
  said(): string;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
}

/** Starts `slipstream <args>` and resolves when it says that it is ready. */
export async function startService(args: readonly string[]): Promise<BenchProcess> {
  const child = spawn(process.execPath, [join(ROOT, 'slipstream.ts'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  return wrap(child, args[0]!);
}

/** Starts another file of the bench; `child` sends messages both ways. */
export async function startWorker(
  file: string,
  args: readonly string[],
): Promise<BenchProcess & { readonly child: ChildProcess }> {
  const child = fork(join(import.meta.dirname, file), args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  return { ...(await wrap(child, file)), child };
}

async function wrap(child: ChildProcess, name: string): Promise<BenchProcess> {
  let said = '';
  child.stderr!.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-100_000);
  });
  const endWithBench = () => child.kill('SIGKILL');
  process.once('exit', endWithBench);
  const exited = once(child, 'exit');
  void exited.then(() => process.off('exit', endWithBench));
  const first = await Promise.race([once(child, 'message'), exited]);
  if (first[0] !== 'ready') throw new Error(`${name} did not become ready:\n${said}`);
  let isStopping = false;
  void exited.then(([code, signal]) => {
    // One that has said all that it had to say ends with 0.
    if (isStopping || code === 0) return;
    // Whatever it was measured with is gone: nothing that follows would mean anything.
    process.stderr.write(`${name} ended by itself (${signal ?? `code ${code}`}):\n${said.slice(-2000)}\n`);
    process.exit(1);
  });
  return {
    pid: child.pid!,
    said: () => said,
    stop: async () => {
      isStopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Takes down what was started, the last first, whatever becomes of the measurement. */
export async function withAll<T>(
  use: (keep: <P extends { stop(): Promise<void> }>(part: P) => P) => Promise<T>,
): Promise<T> {
  const parts: { stop(): Promise<void> }[] = [];
  try {
    return await use((part) => {
      parts.push(part);
      return part;
    });
  } finally {
    for (const part of parts.reverse()) await part.stop();
  }
}
