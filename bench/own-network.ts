import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Over loopback the kernel does the receiver's half of the work inside the sender's `send`. A network card would not: so
 * benches of the edge may run in a network namespace of their own, whose loopback hands received packets to the second
 * core ("receive packet steering"). Nothing of the machine's own network is touched.
 */
const SCRIPT = `ip link set lo up && mount -t sysfs none /sys && echo 2 > /sys/class/net/lo/queues/rx-0/rps_cpus && exec "$@"`;

const MARK = 'SLIPSTREAM_BENCH_STEERED';

/** Whether this process already runs in such a namespace. */
export const isSteered = (): boolean => process.env[MARK] === '1';

/** Whether such a namespace can be made here: Linux, root, iproute2 and two cores. */
export function canSteer(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  return spawnSync('unshare', ['--net', '--mount', 'sh', '-c', SCRIPT, 'sh', 'true'], { stdio: 'ignore' }).status === 0;
}

/** Runs the same bench again in such a namespace and gives its results. */
export function runSteered(name: string, args: readonly string[]): Record<string, unknown> {
  const bench = [process.execPath, join(import.meta.dirname, 'main.ts'), name, ...args, '--json'];
  const child = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', SCRIPT, 'sh', ...bench], {
    env: { ...process.env, [MARK]: '1' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (child.status !== 0)
    throw new Error(`the bench in its own network ended with ${child.signal ?? `code ${child.status}`}`);
  const {
    bench: _,
    machine: __,
    ...results
  } = JSON.parse(child.stdout.trim().split('\n').at(-1)!) as Record<string, unknown>;
  return results;
}
