import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';

/** How an edge divides the descriptors that its process may hold. */
export interface DescriptorPlan {
  /** Connections of all kinds; one more is closed at once. */
  readonly connections: number;
  /** Fans among them; the rest is for plain HTTP and for handshakes that are refused in words. */
  readonly fans: number;
}

const within = (value: number, min: number, max: number): number => Math.min(max, Math.max(min, Math.floor(value)));

/**
 * Leaves some descriptors for NATS, logs and files that are read for somebody, and of the rest some for plain HTTP.
 *
 * @param limit What the process may hold. @param opened What it holds before its first connection.
 * @returns At least two connections and one fan, however little there is.
 */
export function planDescriptors(limit: number, opened: number): DescriptorPlan {
  const connections = Math.max(2, limit - opened - within(limit / 100, 32, 256));
  return { connections, fans: connections - Math.min(connections >> 1, within(limit / 50, 32, 1024)) };
}

/** @returns The soft limit in the text of `/proc/self/limits`; `undefined` when there is none. */
export function parseDescriptorLimit(limits: string): number | undefined {
  const found = /^Max open files +(\d+)/m.exec(limits);
  return found ? Number(found[1]) : undefined;
}

/** How many descriptors this process may hold; `undefined` where the system sets no limit or does not tell. */
export function readDescriptorLimit(): number | undefined {
  try {
    if (process.platform === 'linux') return parseDescriptorLimit(readFileSync('/proc/self/limits', 'utf8'));
    // A child inherits the limit.
    return Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) || undefined;
  } catch {
    // No claim is made where nothing is known.
    return undefined;
  }
}

/** How many descriptors this process holds; `undefined` where the system does not tell. Up to 1 µs for each. */
export function countDescriptors(): number | undefined {
  const folder = process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd';
  try {
    // Since Linux 6.2 the size of the folder is their number, at no cost.
    return (process.platform === 'linux' && statSync(folder).size) || readdirSync(folder).length - 1;
  } catch {
    return undefined;
  }
}
