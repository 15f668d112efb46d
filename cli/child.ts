import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TelemetryError } from '../protocol/errors.ts';
import { type Patience, READY } from './lifetime.ts';

const PROGRAM = join(import.meta.dirname, '..', 'slipstream.ts');
const STOP_WITHIN_MS = 15_000;
const RESTART_AFTER_MS = 500;
const MAX_RESTART_AFTER_MS = 10_000;
/** So many deaths in so long are no accident. */
const MAX_DEATHS = 5;
const DEATHS_WITHIN_MS = 60_000;

/** A service of ours that runs as a process of its own and is started again when it dies. */
export interface Supervised {
  readonly name: string;
  /** Resolves when it has said that it is ready for the first time; rejects when it ends before. */
  readonly ready: Promise<void>;
  /** Rejects when it dies again and again. */
  readonly failed: Promise<never>;
  /** Says something to the process that there is; to none, it is lost. */
  send(message: object): void;
  /** Asks it to end, and waits; kills it when that takes too long. */
  stop(patience?: Patience): Promise<void>;
}

/** What a service is told and asked, beside being run. */
export interface ServiceLink {
  readonly env: Readonly<Record<string, string>>;
  /** It may die as often as it wants: it is started again, after a wait that grows. */
  readonly isPatient: boolean;
  onReady(): void;
  onMessage(message: unknown): void;
  onDeath(): void;
}

/** What the variables of `start` say stands in the arguments; anything else would not be what its `--help` promises. */
const environmentOfServices = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPSTREAM_')));

/** @param args Words behind `slipstream`; the output goes to this process's standard error. */
export function superviseService(
  name: string,
  args: readonly string[],
  onRestart: (sentence: string) => void,
  link?: ServiceLink,
): Supervised {
  const ready = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  let child: ChildProcess;
  let isReady = false;
  let isStopping = false;
  let deathsAtMs: number[] = [];
  const launch = () => {
    child = spawn(process.execPath, [PROGRAM, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...environmentOfServices(), ...link?.env },
    });
    child.on('message', (message) => {
      if (message !== READY) {
        link?.onMessage(message);
        return;
      }
      isReady = true;
      ready.resolve();
      link?.onReady();
    });
    child.once('exit', (code, signal) => {
      if (isStopping) return;
      const sentence = `The ${name} ended by itself (${signal ?? `exit code ${code}`})`;
      const now = performance.now();
      deathsAtMs = [...deathsAtMs.filter((atMs) => now - atMs < DEATHS_WITHIN_MS), now];
      link?.onDeath();
      if (!isReady || (deathsAtMs.length >= MAX_DEATHS && !link?.isPatient)) {
        const error = new TelemetryError('service_died', `${sentence}; its own words above say why.`);
        ready.reject(error);
        failed.reject(error);
        return;
      }
      onRestart(`${sentence}; starting it again.`);
      const waitMs = Math.min(MAX_RESTART_AFTER_MS, RESTART_AFTER_MS * 2 ** (deathsAtMs.length - 1));
      setTimeout(() => isStopping || launch(), waitMs);
    });
  };
  launch();
  return {
    name,
    ready: ready.promise,
    failed: failed.promise,
    // Its end is told by `exit`, and what was said to it goes with it.
    send: (message) => child.connected && child.send(message, () => {}),
    stop: async (patience) => {
      isStopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const { signal } = patience?.isOver ?? new AbortController();
      child.kill(signal.aborted ? 'SIGINT' : 'SIGTERM');
      signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS + (patience?.ms ?? 0));
      await once(child, 'exit');
      clearTimeout(timer);
    },
  };
}
