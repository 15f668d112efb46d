import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of a few MB of its own, which a test can fill: a tmpfs in a mount namespace that others do not see. */
export interface SmallDisk {
  /** Where it is mounted, for processes that {@link enter} it. */
  readonly folder: string;
  /** The same for processes that do not, as long as it is held. */
  readonly path: string;
  /** Words before the command line of a program that is to see it; the program keeps the process id. */
  readonly enter: readonly string[];
  /** Takes all room that is left. */
  fill(): void;
  /** Gives that room back. */
  free(): void;
  /** Whoever still uses it keeps it. */
  stop(): void;
}

/** For root and, where the system lets everybody make a user namespace, for all others. */
const WAYS = [
  { unshare: ['--mount'], nsenter: ['--mount'] },
  { unshare: ['--user', '--map-root-user', '--mount'], nsenter: ['--user', '--preserve-credentials', '--mount'] },
] as const;

/** Large ones first; the last room goes to small ones. */
const PIECES = [2 ** 20, 4096];

const findWay = () =>
  WAYS.find(({ unshare }) => {
    const { status } = spawnSync('unshare', [...unshare, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]);
    return status === 0;
  });

/** Why no small disk can be had on this machine, `undefined` when one can. */
export const smallDiskProblem = (): string | undefined =>
  findWay() ? undefined : 'this user may not mount a file system in a namespace of his own (unshare --mount)';

/** @throws {Error} where {@link smallDiskProblem} says why. */
export async function openSmallDisk(bytes: number): Promise<SmallDisk> {
  const way = findWay();
  if (!way) throw new Error(`There is no small disk: ${smallDiskProblem()}.`);
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-disk-'));
  // It lives as long as it is held, and is held as long as this process reads along.
  const script = 'mount -t tmpfs -o size="$1" tmpfs "$0" && echo mounted && exec cat';
  const holder = spawn('unshare', [...way.unshare, 'sh', '-c', script, folder, String(bytes)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').then(([code]) => Promise.reject(new Error(`Mounting ended with code ${code}.`))),
  ]);
  const path = `/proc/${holder.pid}/root${folder}`;
  const ballast = join(path, 'ballast');
  return {
    folder,
    path,
    enter: ['nsenter', '--target', String(holder.pid), ...way.nsenter],
    fill: () => {
      for (const bytes of PIECES) {
        try {
          for (;;) writeFileSync(ballast, new Uint8Array(bytes), { flag: 'a' });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
    },
    free: () => rmSync(ballast),
    stop: () => {
      holder.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
