import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** An ingest in a process of its own; see `ingest-child.ts`. */
export interface IngestProcess {
  readonly child: ChildProcess;
  /** Ticks that it has closed, in order, with the digest of the field. */
  readonly ticks: readonly { readonly tick: number; readonly digest: number }[];
  /** What it has said, in order. */
  readonly log: readonly string[];
  /** Code of the error that it failed with. */
  readonly failure: string | undefined;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
}

/** @param spool Folder for what NATS does not take. @param speed Race time per real time. */
export function startIngestProcess(url: string, race: string, spool: string, speed = 10): IngestProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'ingest-child.ts'), url, race, spool], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SPEED: String(speed) },
  });
  const ticks: { tick: number; digest: number }[] = [];
  const log: string[] = [];
  let failure: string | undefined;
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const { event, detail } = JSON.parse(line);
    if (event === 'tick') ticks.push(detail);
    else if (event === 'log') log.push(detail);
    else if (event === 'failed') failure = detail;
  });
  const closed = once(child, 'close');
  return {
    child,
    ticks,
    log,
    get failure() {
      return failure;
    },
    kill: async () => {
      child.kill('SIGKILL');
      // What it had said before has been read then.
      await closed;
    },
  };
}
