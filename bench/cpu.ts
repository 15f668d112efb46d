import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Kernel ticks per second of /proc; fixed at 100 in the Linux ABI that user programs see. */
const JIFFIES_PER_S = 100;

/** CPU seconds that a process has used so far, user and system. */
export function cpuSeconds(pid: number): number {
  if (process.platform === 'linux') {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in brackets may hold spaces; utime and stime are fields 14 and 15 of the whole line.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / JIFFIES_PER_S;
  }
  const time = execFileSync('ps', ['-o', 'time=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  return time.split(':').reduce((total, part) => total * 60 + Number(part), 0);
}

/** Bytes of memory that a process holds now. */
export function residentBytes(pid: number): number {
  if (process.platform === 'linux') {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) * 1024;
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim()) * 1024;
}

/** The processes that a process started itself, or the process where it started none (Linux; elsewhere none are known). */
export function workersOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  const started = existsSync(path) ? readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number) : [];
  return started.length > 0 ? started : [pid];
}
