import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { findNatsServer } from '../broker/nats-binary.ts';
import { BrokerError, ConfigError } from '../protocol/errors.ts';

/** A nats-server that belongs to this process and does not outlive it. */
export interface EmbeddedNats {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Rejects when the server ends without having been stopped, or when its disk is full. */
  readonly failed: Promise<never>;
  /** Ends the server; forgets its folder, unless that was given. Safe to call twice. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 10_000;
/** A nats-server whose disk is full does not say so: it hangs. */
const MIN_FREE_BYTES = 16 * 2 ** 20;
const LOOK_AT_DISK_MS = 2000;

/**
 * The shell becomes nats-server and leaves a guard beside it: that reads a pipe which closes with this process, however
 * it ends, and then ends nats-server and removes the folder `$2`, if one is named.
 */
const GUARDED = `
{ read -r _; kill $$
  i=0; while kill -0 $$ && [ $i -lt ${STOP_WITHIN_MS / 100} ]; do i=$((i + 1)); sleep 0.1; done
  kill -9 $$; [ -z "$2" ] || rm -rf "$2"
} <&3 >/dev/null 2>&1 &
exec "$0" -c "$1" 3<&-`;

/**
 * Starts nats-server with JetStream on a free port of 127.0.0.1.
 * @param dataDir Where its streams are kept. @defaultValue a folder that is forgotten at the end
 * @throws {ConfigError} `no_nats_server`, `bad_data_dir`, `data_dir_in_use`, `disk_full`. @throws {BrokerError} `nats_not_ready`.
 */
export async function startEmbeddedNats(dataDir?: string): Promise<EmbeddedNats> {
  const binary = findNatsServer();
  const folder = resolve(dataDir ?? inFolder(tmpdir(), () => mkdtempSync(join(tmpdir(), 'slipstream-'))));
  const forget = () => dataDir === undefined && rmSync(folder, { recursive: true, force: true });
  let child: ChildProcess;
  try {
    child = inFolder(folder, () => launch(binary, folder, dataDir === undefined ? folder : ''));
  } catch (error) {
    forget();
    throw error;
  }
  const exited = once(child, 'exit');
  const log = collectLog(child);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => {});
  void exited.then(() => fail(new BrokerError('nats_ended', `nats-server ended by itself: ${log.lastWords()}.`)));
  const looking = setInterval(() => {
    try {
      expectRoom(folder);
    } catch (error) {
      fail(error);
    }
  }, LOOK_AT_DISK_MS);
  const stop = async () => {
    clearInterval(looking);
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited;
    clearTimeout(timer);
    child.stdio[3]!.destroy();
    forget();
  };
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN_MS);
  try {
    return { address: await Promise.race([log.ready, failed]), failed, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** @throws {ConfigError} `disk_full`. */
function expectRoom(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= MIN_FREE_BYTES) return;
  const [left, needed] = [bavail * bsize, MIN_FREE_BYTES].map((bytes) => Math.floor(bytes / 2 ** 20));
  throw new ConfigError(
    'disk_full',
    `The disk of ${folder} has ${left} MiB left, and the streams of NATS need at least ${needed} MiB; make room, or name another folder with --data-dir.`,
  );
}

/** @throws {ConfigError} `bad_data_dir` instead of what the file system throws. */
function inFolder<T>(folder: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    throw new ConfigError(
      'bad_data_dir',
      `The folder ${folder} cannot be used for the streams of NATS (${code}); name another with --data-dir.`,
      { cause },
    );
  }
}

/** Without a pause between the look at the folder and its being taken: two servers on one store would destroy it. */
function launch(binary: string, folder: string, forgotten: string): ChildProcess {
  mkdirSync(folder, { recursive: true });
  expectRoom(folder);
  const config = join(folder, 'nats.conf');
  const pidFile = join(folder, 'nats.pid');
  const pid = readPid(pidFile);
  if (pid && commandOf(pid).includes(config)) {
    throw new ConfigError(
      'data_dir_in_use',
      `The folder ${folder} is in use by the nats-server with process id ${pid}; stop it, or name another folder with --data-dir.`,
    );
  }
  // sync_interval stays at its default of two minutes: a power cut can take the last minutes of this demonstration.
  // Deploy for production with replicas, or a server of 2.10 and `sync_interval: always`.
  const store = JSON.stringify(join(folder, 'jetstream'));
  writeFileSync(config, `listen: "127.0.0.1:-1"\njetstream { store_dir: ${store} }\n`);
  // Detached: Ctrl-C of a terminal must not end it before ingest has published the last tick.
  const child = spawn('/bin/sh', ['-c', GUARDED, binary, config, forgotten], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  writeFileSync(pidFile, String(child.pid));
  return child;
}

function readPid(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Command line of a running process, empty when there is none. A process id alone says nothing after a restart. */
function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** Reads what nats-server says: the address it listens on, and why it ended. */
function collectLog(child: ChildProcess): { readonly ready: Promise<string>; lastWords(): string } {
  const ready = Promise.withResolvers<string>();
  let address = '';
  let words = 'it said nothing';
  createInterface({ input: child.stderr! }).on('line', (line) => {
    const text = line.replace(/^\[\d+\] \S+ \S+ \[[A-Z]+\] /, '').replace(/\.$/, '');
    if (text !== '') words = text;
    address = /client connections on (127\.0\.0\.1:\d+)$/.exec(text)?.[1] ?? address;
    if (text === 'Server is ready') ready.resolve(address);
  });
  return { ready: ready.promise, lastWords: () => words };
}
