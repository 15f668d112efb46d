import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** What a number was measured on; results without it are not worth quoting. */
export function describeMachine(): { cpu: string; cores: number; memory_gb: number; node: string; os: string } {
  const [first] = cpus();
  let os = `${process.platform} ${process.arch}`;
  try {
    os = /PRETTY_NAME="(.*)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os;
  } catch {
    // Not Linux: the platform's name has to do.
  }
  return {
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    os,
  };
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** Value at a share (0–1) of a list; NaN of an empty one. The list is sorted in place. */
export function quantile(values: number[] | Float64Array, share: number): number {
  values.sort((a: number, b: number) => a - b);
  return values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? Number.NaN;
}

/** Microseconds per call: the median of several rounds, each long enough for the timer. */
export function timeUs(calls: number, run: () => void, rounds = 15): number {
  for (let warmUp = performance.now(); performance.now() - warmUp < 200; ) run();
  const times: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const begin = performance.now();
    let repeats = 0;
    do {
      run();
      repeats++;
    } while (performance.now() - begin < 20);
    times.push(((performance.now() - begin) * 1000) / repeats / calls);
  }
  return quantile(times, 0.5);
}
