import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '..', '..', 'slipstream.ts');
const DEADLINE_MS = 15_000;

/** Waits until `find` gives something true. @throws {Error} after the deadline, with what was waited for. */
export async function until<T>(what: string, find: () => T | Promise<T>, withinMs = DEADLINE_MS): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await find();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Below the ports that systems give to outgoing connections. */
const LASTING_PORTS = { first: 20_000, count: 12_000 };

/** A port for a server that goes and comes back to it: no outgoing connection is given it meanwhile. */
export async function findLastingPort(): Promise<number> {
  for (;;) {
    const port = LASTING_PORTS.first + Math.floor(Math.random() * LASTING_PORTS.count);
    const isFree = await findFreePort(port).then(
      () => true,
      () => false,
    );
    if (isFree) return port;
  }
}

/** @param wanted 0 for any. @throws {Error} when the wanted one is taken. */
export async function findFreePort(wanted = 0): Promise<number> {
  const server = createServer();
  server.listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

interface RunOptions {
  readonly env?: Record<string, string>;
  /** Another program of ours than `slipstream`. */
  readonly program?: string;
  /** An open file instead of what {@link Run.stdout} gives. */
  readonly stdout?: number;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One run of `slipstream`. */
export interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  /** Waits until it has ended. @throws {Error} after the deadline, with all that it said. */
  end(withinMs?: number): Promise<Ended>;
}

/** A process that was started by a run, also by way of others. */
interface Descendant {
  readonly pid: number;
  readonly command: string;
}

/**
 * Runs `slipstream` with a folder for temporary files of its own. The folder stands in the environment of every process
 * that a run starts, so that those left over can be found wherever they hang.
 */
export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipstream-cli-'));
  readonly #runs: Run[] = [];

  path = (name: string): string => join(this.folder, name);

  start(args: readonly string[], options: RunOptions = {}): Run {
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPSTREAM_'));
    const child = spawn(process.execPath, [options.program ?? PROGRAM, ...args], {
      cwd: this.folder,
      env: {
        ...Object.fromEntries(clean),
        TMPDIR: this.folder,
        XDG_STATE_HOME: this.folder,
        NO_COLOR: '1',
        ...options.env,
      },
      stdio: ['ignore', options.stdout ?? 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (bytes) => {
      stdout += bytes;
    });
    child.stderr!.on('data', (bytes) => {
      stderr += bytes;
    });
    const exited = once(child, 'exit').then(([code, signal]): Ended => ({ code, signal }));
    const end = async (withinMs = DEADLINE_MS) => {
      let ended: Ended | undefined;
      void exited.then((how) => {
        ended = how;
      });
      const what = () => `The end of slipstream ${args.join(' ')}, which said:\n${stdout}${stderr}\nThis end`;
      return until('', () => ended, withinMs).catch(() => {
        throw new Error(`${what()} did not come within ${withinMs} ms.`);
      }) as Promise<Ended>;
    };
    const run = { child, exited, stdout: () => stdout, stderr: () => stderr, end };
    this.#runs.push(run);
    return run;
  }

  /** Runs to the end. */
  async run(args: readonly string[], options?: RunOptions) {
    const run = this.start(args, options);
    const { code } = await run.end();
    return { code, stdout: run.stdout(), stderr: run.stderr() };
  }

  /** All processes that runs of this sandbox have started and that are still there. */
  processes(): Descendant[] {
    const mark = `TMPDIR=${this.folder}`;
    if (process.platform !== 'linux') {
      const lines = execFileSync('ps', ['-axwwE', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
      return lines.flatMap((line) =>
        line.includes(mark) ? [{ pid: Number.parseInt(line, 10), command: line.trim() }] : [],
      );
    }
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const isOurs = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(mark);
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return isOurs && command !== '' ? [{ pid: Number(name), command }] : [];
      } catch {
        // It ended while we were looking.
        return [];
      }
    });
  }

  /** The process whose command line holds a word. */
  find(word: string): Descendant | undefined {
    return this.processes().find(({ command }) => command.includes(word));
  }

  /** Folders of embedded servers. */
  leftFolders(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder).filter((name) => name.startsWith('slipstream-')) : [];
  }

  /** Waits until nothing that runs have started is there any more, processes and folders. */
  async untilNothingIsLeft(withinMs = DEADLINE_MS): Promise<void> {
    const left = () => [...this.processes().map(({ pid, command }) => `${pid} ${command}`), ...this.leftFolders()];
    await until('That nothing is left', () => left().length === 0, withinMs).catch((error: Error) => {
      throw new Error(`${error.message}: ${left().join('; ')}`);
    });
  }

  /** Ends whatever is left and removes the folder. */
  async remove(): Promise<void> {
    for (const { child } of this.#runs) child.kill('SIGKILL');
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    await until('That all processes end', () => this.processes().length === 0);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
