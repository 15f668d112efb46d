import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Takes a folder for this process; what a process that is gone has left is taken over.
 *
 * Processes see each other only on one machine and in one container: a folder on a shared disk is nobody's lock. Two that
 * find the same dead lock at the very same moment may both take it.
 * @returns gives it back; or the id of the process that holds it.
 * @throws what the file system throws.
 */
export function lockFolder(folder: string): { unlock: () => void } | { holder: number } {
  const path = join(folder, 'lock');
  const ours = describeProcess(process.pid);
  for (;;) {
    try {
      writeFileSync(path, ours, { flag: 'wx' });
      return { unlock: () => rmSync(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = readIfThere(path);
    const holder = Number.parseInt(found, 10);
    if (holder > 0 && describeProcess(holder) === found) return { holder };
    rmSync(path, { force: true });
  }
}

/** Id and start of a process: an id alone is given again, in a container to the very next process. */
function describeProcess(pid: number): string {
  return `${pid} ${process.platform === 'linux' ? startOnLinux(pid) : startElsewhere(pid)}`;
}

/** Field 22 of proc(5), `starttime`; the name of the program, field 2, may hold spaces and brackets. */
function startOnLinux(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function startElsewhere(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    // ps says with its exit code that there is no such process.
    return '';
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
