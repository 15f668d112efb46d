import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer } from '../broker/nats-binary.ts';
import type { SmallDisk } from './small-disk.ts';

/** A real nats-server with JetStream on a port of 127.0.0.1 that nobody else has, for tests and benches. */
export interface TestNatsServer {
  /** `nats://127.0.0.1:<port>`; the same after a restart. */
  readonly url: string;
  readonly port: number;
  /** Process id of the running server, `undefined` while it is down. */
  readonly pid: number | undefined;
  /** Ends the server at once (SIGKILL), as a crash would; its port and its data are kept for {@link restart}. */
  kill(): Promise<void>;
  /**
   * Starts the server again on the same port and data, after ending it in good order if it still runs.
   * @param options.wipe Lose all data first, as a new disk would. @defaultValue false
   */
  restart(options?: { wipe?: boolean }): Promise<void>;
  /** Lets the server stand still (SIGSTOP): its sockets stay open, and nobody answers. */
  pause(): void;
  /** Lets it go on after {@link pause}. */
  resume(): void;
  /** Ends the server and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 15_000;
const ENDED_WITHIN_MS = 5_000;

/**
 * Starts a nats-server and resolves when it accepts clients and JetStream is up.
 *
 * The caller must `stop()` it; a server whose test process exits without doing so is ended with the process.
 *
 * @param options.disk Where its streams are kept; stays the caller's. @defaultValue a folder of its own
 * @param options.config Lines added to the server's configuration file, such as `max_payload: 2MB`.
 * @param options.port A free one that stays free while the server is down. @defaultValue any
 * @throws {Error} when no binary is found or the server does not come up; the message holds its last lines.
 */
export async function startNatsServer(
  options: { config?: string; port?: number; disk?: Pick<SmallDisk, 'folder' | 'enter'> } = {},
): Promise<TestNatsServer> {
  const binary = findNatsServer();
  const dir = mkdtempSync(join(tmpdir(), 'slipstream-nats-'));
  const storeDir = join(options.disk?.folder ?? dir, 'store');
  // By itself it would take three quarters of a small disk at most, and never be surprised by its end.
  const limit = options.disk ? ', max_file_store: 1TB' : '';
  let child: ChildProcess | undefined;
  const endWithProcess = () => {
    child?.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', endWithProcess);

  const launch = async (port: number) => {
    const store = `jetstream { store_dir: ${JSON.stringify(storeDir)}${limit} }`;
    const file = join(dir, 'nats.conf');
    writeFileSync(file, `listen: "127.0.0.1:${port}"\n${store}\n${options.config ?? ''}\n`);
    const [command, ...words] = [...(options.disk?.enter ?? []), binary, '-c', file];
    const started = spawn(command!, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    started.once('exit', () => {
      if (child === started) child = undefined;
    });
    return waitUntilReady(started);
  };
  const end = async (signal: NodeJS.Signals) => {
    const ending = child;
    if (!ending) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    ending.kill('SIGCONT');
    const impatience = setTimeout(() => ending.kill('SIGKILL'), ENDED_WITHIN_MS);
    await exited;
    clearTimeout(impatience);
  };
  const stop = async () => {
    await end('SIGTERM');
    process.removeListener('exit', endWithProcess);
    rmSync(dir, { recursive: true, force: true });
  };

  let port: number;
  try {
    port = await launch(options.port ?? -1);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return child?.pid;
    },
    kill: () => end('SIGKILL'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async restart({ wipe = false } = {}) {
      await end('SIGTERM');
      if (wipe) rmSync(storeDir, { recursive: true, force: true });
      await launch(port);
    },
    stop,
  };
}

/** Reads the server's log until it says that it is ready; returns the port that it took. */
function waitUntilReady(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let log = '';
    const fail = (what: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`nats-server ${what}. It said:\n${log.slice(-2000)}`));
    };
    const timer = setTimeout(() => fail(`was not ready within ${READY_WITHIN_MS} ms`), READY_WITHIN_MS);
    child.once('error', (error) => fail(`cannot be started (${error.message})`));
    child.once('exit', (code) => fail(`ended with code ${code} before it was ready`));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-8000);
      if (!log.includes('Server is ready')) return;
      clearTimeout(timer);
      child.removeAllListeners('error').on('error', () => {});
      // The pipe is read to the end, or a server that logs a lot would stop at a full one.
      child.stderr!.removeAllListeners('data').resume();
      resolve(Number(/client connections on 127\.0\.0\.1:(\d+)/.exec(log)?.[1]));
    });
  });
}
