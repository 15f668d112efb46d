import { once } from 'node:events';
import { cpuSeconds, residentBytes } from '../cpu.ts';
import { pause } from '../live-race.ts';
import { round } from '../machine.ts';
import { startWorker } from '../processes.ts';
import { Crowd } from './crowd.ts';
import { measureSpan, type SpanResult } from './measured-span.ts';
import type { CrowdPlan } from './plan.ts';

/** A server that runs and takes fans. */
export interface Served {
  readonly pid: number;
  readonly url: string;
  tickNow(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Starts a server of recorded frames in a process of its own.
 * @param file A worker that calls `serveFrames`.
 */
export async function startFrameServer(
  file: string,
  frames: readonly (readonly string[])[],
  args: readonly string[] = [],
): Promise<Served> {
  const { child, pid, stop } = await startWorker(file, args);
  const ended = once(child, 'exit');
  const ask = async (message: typeof frames | 'tick') => {
    const answer = Promise.race([once(child, 'message'), ended]);
    child.send(message);
    const [first] = (await answer) as [{ port: number; tick: number } | number | null];
    if (first === null || typeof first === 'number') throw new Error(`${file} has ended with code ${first}.`);
    return first;
  };
  const { port } = await ask(frames);
  return { pid, url: `http://127.0.0.1:${port}`, tickNow: async () => (await ask('tick')).tick, stop };
}

/** One turn of one server. */
export interface Turn extends SpanResult {
  /** Processor time of the server for each fan and tick. */
  readonly us: number;
  readonly rssPerFan: number;
  readonly crowdShare: number;
}

const WARM_UP_MS = 6000;

/** Measures one server with a crowd of its own, which it brings and takes away. */
export async function takeTurn(
  plan: CrowdPlan,
  { pid, tickNow }: Pick<Served, 'pid' | 'tickNow'>,
  { fans, seconds, joinWithinMs }: { fans: number; seconds: number; joinWithinMs?: number },
): Promise<Turn> {
  const crowd = await Crowd.start(plan, fans);
  try {
    const rssBefore = residentBytes(pid);
    await crowd.join(fans, joinWithinMs);
    await pause(WARM_UP_MS);
    const cpu = { server: 0, crowd: 0 };
    const at = (sign: number) => {
      cpu.server += sign * cpuSeconds(pid);
      cpu.crowd += sign * crowd.cpuSeconds();
    };
    const span = await measureSpan(crowd, tickNow, seconds, { begin: () => at(-1), end: () => at(1) });
    const rssPerFan = Math.round((residentBytes(pid) - rssBefore) / fans);
    return {
      ...span,
      us: (cpu.server * 1e6) / (fans * span.ticks),
      rssPerFan,
      crowdShare: round(cpu.crowd / seconds),
    };
  } finally {
    await crowd.stop();
  }
}
