import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { findNatsServer } from '../broker/nats-binary.ts';
import { BrokerError, ConfigError } from '../protocol/errors.ts';

/** A nats-server that belongs to this process. */
export interface EmbeddedNats {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  readonly pid: number;
  /** Resolves with a sentence when the server ends without having been stopped. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 10_000;

async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Two servers on one store would destroy it. */
function claim(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (cause) {
    throw new ConfigError(
      'bad_data_dir',
      `The folder ${dataDir} cannot be made (${(cause as NodeJS.ErrnoException).code}); name another with --data-dir.`,
      { cause },
    );
  }
  const pidFile = join(dataDir, 'nats.pid');
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
  if (pid > 0 && isAlive(pid)) {
    throw new ConfigError(
      'data_dir_in_use',
      `The folder ${dataDir} is in use by process ${pid}; stop that one, or name another folder with --data-dir.`,
    );
  }
  return pidFile;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const settle = (isUp: boolean) => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('data', () => settle(true));
    socket.once('error', () => settle(false));
    socket.setTimeout(1000, () => settle(false));
  });
}

async function waitUntilReady(child: ChildProcess, port: number, log: () => string): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    if (await canConnect(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  throw new BrokerError(
    'nats_not_ready',
    `nats-server did not come up: ${log().trim().split('\n').at(-1) || 'it said nothing'}.`,
  );
}

/**
 * Starts nats-server with JetStream on a free port of 127.0.0.1, with its store in `dataDir`.
 * @throws {ConfigError} `no_nats_server`, `bad_data_dir`, `data_dir_in_use`. @throws {BrokerError} `nats_not_ready`.
 */
export async function startEmbeddedNats(dataDir: string): Promise<EmbeddedNats> {
  const binary = findNatsServer();
  const pidFile = claim(dataDir);
  const port = await findFreePort();
  const config = join(dataDir, 'nats.conf');
  // sync_interval stays at its default of two minutes: a power cut can take the last minutes of this demonstration.
  // deploy for production with replicas, or a server of 2.10 and `sync_interval: always`.
  writeFileSync(
    config,
    `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${JSON.stringify(join(dataDir, 'jetstream'))} }\n`,
  );
  const child = spawn(binary, ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let said = '';
  child.stderr!.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-2000);
  });
  const exited = once(child, 'exit');
  await waitUntilReady(child, port, () => said);
  writeFileSync(pidFile, String(child.pid));
  let isStopping = false;
  const ended = exited.then(() => {
    rmSync(pidFile, { force: true });
    return isStopping
      ? new Promise<string>(() => {})
      : `nats-server ended by itself: ${said.trim().split('\n').at(-1)}.`;
  });
  return {
    address: `127.0.0.1:${port}`,
    pid: child.pid!,
    ended,
    stop: async () => {
      isStopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
