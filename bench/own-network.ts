import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Network namespaces of a bench's own (Linux, root); nothing of the machine's own network is touched.
 * - `steered`: over loopback the kernel does the receiver's half of the work inside the sender's `send`. A network card
 *   would not: here received packets are handed to the second core ("receive packet steering").
 * - `narrow`: sockets hold at most some KiB in the kernel, so that a reader who stops is felt within seconds.
 */
const NETWORKS = {
  steered: 'mount -t sysfs none /sys && echo 2 > /sys/class/net/lo/queues/rx-0/rps_cpus',
  narrow:
    'mount -t proc none /proc && sysctl -qw net.ipv4.tcp_wmem="4096 16384 16384" net.ipv4.tcp_rmem="4096 16384 16384"',
} as const;
export type OwnNetwork = keyof typeof NETWORKS;

const MARK = 'SLIPSTREAM_BENCH_NETWORK';

const wrap = (network: OwnNetwork): string[] => [
  ...['--net', '--mount', 'sh', '-c', `ip link set lo up && ${NETWORKS[network]} && exec "$@"`, 'sh'],
];

/** The namespace in which this process already runs. */
export const ownNetwork = (): string | undefined => process.env[MARK];

/** Whether such a namespace can be made here: Linux, root, iproute2 and, to steer, two cores. */
export function canOwn(network: OwnNetwork): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  return spawnSync('unshare', [...wrap(network), 'true'], { stdio: 'ignore' }).status === 0;
}

/** What main.ts says of every bench. */
const SAID_BY_MAIN = ['bench', 'command', 'finished_at', 'machine'];

/** Runs the same bench again in such a namespace and gives its results. */
export function runInOwn(network: OwnNetwork, name: string, args: readonly string[]): Record<string, unknown> {
  const bench = [process.execPath, join(import.meta.dirname, 'main.ts'), name, ...args, '--json'];
  const child = spawnSync('unshare', [...wrap(network), ...bench], {
    env: { ...process.env, [MARK]: network },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (child.status !== 0)
    throw new Error(`the bench in its own network ended with ${child.signal ?? `code ${child.status}`}`);
  const results = JSON.parse(child.stdout.trim().split('\n').at(-1)!) as Record<string, unknown>;
  for (const key of SAID_BY_MAIN) delete results[key];
  return results;
}

/** The words of a command line that say the same as these flags; those that all benches share are left out. */
export const wordsOf = (known: object, flags: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(flags).flatMap(([name, value]) => {
    if (!Object.hasOwn(known, name) || value === false || value === undefined) return [];
    return value === true ? [`--${name}`] : [`--${name}`, String(value)];
  });
