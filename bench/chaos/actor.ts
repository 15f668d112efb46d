import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '..', '..');
const RESTART_AFTER_MS = 1000;
const END_WITHIN_MS = 60_000;
const MAX_SAID = 20_000;

/** What the owner of an actor is told. */
export interface ActorEvents {
  /** It ended and nobody had asked it to, or did not when asked. */
  onDeath(sentence: string): void;
  /** A line of its standard error. */
  onLine?(line: string): void;
  /** A new process of it begins. */
  onLaunch?(): void;
}

/**
 * One service in a process of its own that may be killed, frozen and drained. Like one under an init system it is started
 * again whenever it has ended, until {@link stop}.
 */
export class Actor {
  readonly name: string;
  readonly #args: readonly string[];
  readonly #cwd: string;
  readonly #events: ActorEvents;
  #child: ChildProcess | undefined;
  #isEndExpected = false;
  #isStopped = false;
  #restart: NodeJS.Timeout | undefined;
  #said = '';
  readonly #endWithRun = () => this.#child?.kill('SIGKILL');

  /** @param args Words behind `slipstream`. @param cwd Where it may leave files. */
  constructor(name: string, args: readonly string[], cwd: string, events: ActorEvents) {
    this.name = name;
    this.#args = args;
    this.#cwd = cwd;
    this.#events = events;
    process.once('exit', this.#endWithRun);
    this.#launch();
  }

  #launch(): void {
    this.#said = '';
    this.#isEndExpected = false;
    const child = spawn(process.execPath, [join(ROOT, 'slipstream.ts'), ...this.#args], {
      cwd: this.#cwd,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#events.onLaunch?.();
    createInterface({ input: child.stderr! }).on('line', (line) => {
      this.#said = `${this.#said}${line}\n`.slice(-MAX_SAID);
      this.#events.onLine?.(line);
    });
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (this.#isStopped) return;
      if (!this.#isEndExpected) {
        this.#events.onDeath(`${this.name} ended by itself (${signal ?? `code ${code}`}): ${lastLines(this.#said)}`);
      }
      this.#restart = setTimeout(() => this.#launch(), RESTART_AFTER_MS);
    });
  }

  get isAlive(): boolean {
    return this.#child !== undefined;
  }

  /** Freezes it or wakes it up. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  /** Ends it with a signal and resolves when it has; it is started again a second later. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#isEndExpected = true;
    const exited = once(child, 'exit');
    child.kill(signal);
    const impatience = setTimeout(() => {
      this.#events.onDeath(`${this.name} did not end within ${END_WITHIN_MS / 1000} s of ${signal}`);
      child.kill('SIGKILL');
    }, END_WITHIN_MS);
    await exited;
    clearTimeout(impatience);
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    process.off('exit', this.#endWithRun);
  }
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-3).join(' | ') || 'it said nothing';
