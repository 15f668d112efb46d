import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { findNatsServer } from '../broker/nats-binary.ts';

const READY_WITHIN_MS = 15_000;
const ENDED_WITHIN_MS = 5_000;

/** The process of one nats-server, which may be started again. It is killed when this process exits. */
export class NatsProcess {
  readonly #command: readonly string[];
  readonly #endWithProcess = () => void this.#child?.kill('SIGKILL');
  #child: ChildProcess | undefined;

  /**
   * @param enter Words of the command before which the server is run. @defaultValue none
   * @param binary Path of the nats-server. @defaultValue the usual one
   */
  constructor({ enter = [], binary = findNatsServer() }: { enter?: readonly string[]; binary?: string } = {}) {
    this.#command = [...enter, binary];
    process.once('exit', this.#endWithProcess);
  }

  /** `undefined` while it is down. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts the server and resolves when it accepts clients.
   * @param file Its configuration. @returns the port that it took on 127.0.0.1.
   * @throws {Error} when it does not come up; the message holds its last lines.
   */
  launch(file: string, env: Readonly<Record<string, string>> = {}): Promise<number> {
    const [command, ...words] = [...this.#command, '-c', file];
    const started = spawn(command!, words, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#child = started;
    started.once('exit', () => {
      if (this.#child === started) this.#child = undefined;
    });
    return waitUntilReady(started);
  }

  /** Lets it stand still: its sockets stay open, and nobody answers. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** Lets it go on. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends the server, if it runs. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const ending = this.#child;
    if (!ending) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    ending.kill('SIGCONT');
    const impatience = setTimeout(() => ending.kill('SIGKILL'), ENDED_WITHIN_MS);
    await exited;
    clearTimeout(impatience);
  }

  /** Ends it for good. Safe to call twice. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
    process.removeListener('exit', this.#endWithProcess);
  }
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
