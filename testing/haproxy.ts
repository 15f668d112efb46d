import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProxy } from './proxy-binary.ts';

const CONFIG = join(import.meta.dirname, '..', 'deploy', 'haproxy.cfg');
const READY_WITHIN_MS = 10_000;

/** HAProxy with the configuration of `deploy/`, but for its addresses. */
export interface TestHaproxy {
  /** Where fans connect. */
  readonly url: string;
  readonly pid: number;
  /** What it holds of each edge, in the order in which they were given. */
  states(): Promise<{ readonly isUp: boolean; readonly fans: number }[]>;
  stop(): Promise<void>;
}

/**
 * Starts HAProxy before three edges that need not be there yet.
 * @param port A free one, for fans. @throws {Error} when it does not start; the message holds what it said.
 */
export async function startHaproxy(port: number, edgePorts: readonly [number, number, number]): Promise<TestHaproxy> {
  const binary = findProxy('haproxy');
  if (!binary) throw new Error('HAProxy is not installed; run node setup.mjs --proxies, or name it in HAPROXY_BIN.');
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-haproxy-'));
  const socket = join(folder, 'stats');
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, withAddresses(readFileSync(CONFIG, 'utf8'), socket, port, edgePorts));
  const child = spawn(binary, ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr!.on('data', (bytes) => {
    said = (said + bytes).slice(-4000);
  });
  const endWithProcess = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', endWithProcess);
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    process.removeListener('exit', endWithProcess);
    rmSync(folder, { recursive: true, force: true });
  };
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  // Its own socket, and not the port: there somebody else may answer, if HAProxy could not have it.
  while (!(await isListening(socket))) {
    if (performance.now() > deadlineMs || child.exitCode !== null) {
      await stop();
      throw new Error(`HAProxy does not listen on port ${port}. It said:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { url: `http://127.0.0.1:${port}`, pid: child.pid!, states: () => readStates(socket), stop };
}

function withAddresses(config: string, socket: string, port: number, edgePorts: readonly number[]): string {
  const replaced = [
    ['global\n', `global\n    stats socket ${socket} level user\n`],
    ['127.0.0.1:8080', `127.0.0.1:${port}`],
    ...edgePorts.map((edgePort, n) => [`127.0.0.1:${8081 + n}`, `127.0.0.1:${edgePort}`]),
  ] as [string, string][];
  return replaced.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`${CONFIG} does not say ${from.trim()} any more.`);
    return text.replace(from, to);
  }, config);
}

async function isListening(path: string): Promise<boolean> {
  const socket = connect(path);
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  socket.destroy();
  return isOpen;
}

async function readStates(path: string): Promise<{ isUp: boolean; fans: number }[]> {
  const socket = connect(path);
  socket.end('show stat\n');
  let csv = '';
  for await (const bytes of socket) csv += bytes;
  const [head, ...rows] = csv
    .replace(/^# /, '')
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  const column = (name: string) => head!.indexOf(name);
  return rows
    .filter((row) => row[column('svname')]!.startsWith('edge'))
    .map((row) => ({ isUp: row[column('status')] === 'UP', fans: Number(row[column('scur')]) }));
}
