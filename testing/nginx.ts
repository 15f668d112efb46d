import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProxy } from './proxy-binary.ts';

const CONFIG = join(import.meta.dirname, '..', 'deploy', 'nginx.conf');
const UPGRADE = 'proxy_set_header Upgrade $http_upgrade;';
/** In its place, where WebSockets are not let through. To leave the header out would not do: the edge looks at others. */
const EVENTS = 'location ~ ^/races/[^/]+/events$ {';
const NO_UPGRADE = 'if ($http_upgrade) { return 403; }';
const READY_WITHIN_MS = 10_000;
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** nginx with the configuration of `deploy/`, but for its addresses and folders. */
export interface TestNginx {
  /** Where fans connect. */
  readonly url: string;
  /** From now on it lets WebSockets through, or does not; connections that stand go on. */
  letWebSockets(through: boolean): void;
  /** The same of streams of events. */
  letEvents(through: boolean): void;
  stop(): Promise<void>;
}

/**
 * Starts nginx, with an empty cache, before three edges that need not be there yet.
 * @param port A free one, for fans. @throws {Error} when it does not start; the message holds what it said.
 */
export async function startNginx(port: number, edgePorts: readonly [number, number, number]): Promise<TestNginx> {
  const binary = findProxy('nginx');
  if (!binary) throw new Error('nginx is not installed; run node setup.mjs --proxies, or name it in NGINX_BIN.');
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-nginx-'));
  mkdirSync(join(folder, 'cache'));
  const file = join(folder, 'nginx.conf');
  const config = withPlaces(readFileSync(CONFIG, 'utf8'), folder, port, edgePorts);
  writeFileSync(file, config);
  const child = spawn(binary, ['-p', folder, '-e', 'stderr', '-c', file, '-g', 'daemon off;'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr!.on('data', (bytes) => {
    said = (said + bytes).slice(-4000);
  });
  // SIGTERM, not SIGKILL: its workers would live on.
  const endWithProcess = () => child.kill('SIGTERM');
  process.once('exit', endWithProcess);
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    process.removeListener('exit', endWithProcess);
    rmSync(folder, { recursive: true, force: true });
  };
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (!(await isListening(port))) {
    if (performance.now() > deadlineMs || child.exitCode !== null) {
      await stop();
      throw new Error(`nginx does not listen on port ${port}. It said:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const lets = { webSockets: true, events: true };
  const reload = (changed: Partial<typeof lets>) => {
    const { webSockets, events } = Object.assign(lets, changed);
    const withSockets = webSockets ? config : cut(config, UPGRADE, NO_UPGRADE);
    writeFileSync(file, events ? withSockets : cut(withSockets, EVENTS, `${EVENTS}\n            return 403;`));
    child.kill('SIGHUP');
  };
  return {
    url: `http://127.0.0.1:${port}`,
    letWebSockets: (webSockets) => reload({ webSockets }),
    letEvents: (events) => reload({ events }),
    stop,
  };
}

function withPlaces(config: string, folder: string, port: number, edgePorts: readonly number[]): string {
  const temporary = TEMPORARY.map((name) => `    ${name}_temp_path ${folder}/${name};\n`).join('');
  // Started by root, it would give its work to somebody who may not read our folder.
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  const replaced = [
    ['worker_processes auto;', `${user}worker_processes 1;`],
    ['worker_rlimit_nofile 40000;', ''],
    ['worker_connections 20000;', 'worker_connections 8000;'],
    ['error_log /var/log/nginx/error.log warn;', 'error_log stderr warn;'],
    // On a machine that is busy with other tests an edge that takes no connection for 2 s is not yet away.
    ['proxy_connect_timeout 2s;', 'proxy_connect_timeout 10s;'],
    ['pid /run/nginx.pid;', `pid ${folder}/pid;`],
    ['http {\n', `http {\n${temporary}`],
    ['/var/cache/nginx/slipstream', `${folder}/cache`],
    ['127.0.0.1:8080', `127.0.0.1:${port}`],
    ...edgePorts.map((edgePort, n) => [`127.0.0.1:${8081 + n}`, `127.0.0.1:${edgePort}`]),
  ] as [string, string][];
  return replaced.reduce((text, [from, to]) => cut(text, from, to), config);
}

function cut(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`${CONFIG} does not say ${from.trim()} any more.`);
  return text.replace(from, () => to);
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  socket.destroy();
  return isOpen;
}
