import type { Position } from '../../protocol/position.ts';
import { cpuSeconds } from '../cpu.ts';
import { type BenchProcess, startWorker } from '../processes.ts';
import type { CrowdCommand } from './crowd-process.ts';
import type { CrowdPlan } from './plan.ts';
import { type CrowdReport, sumReports } from './tally.ts';

/** A process holds at most 20,000 descriptors on many systems. */
const FANS_PER_PROCESS = 14_000;
/** More handshakes at once overflow the listen backlog of an edge, and wait a second for their SYN to be sent again. */
const IN_FLIGHT = 400;

/** Another one for each run: ports of an address stay taken for a minute after its connections have ended. */
const NEIGHBOURHOOD = 1 + Math.floor(Math.random() * 254);

/**
 * Processes beyond the first have a source address of their own: each has ports for 28,000 connections to one edge. The
 * first has none, because choosing a port for an address takes the kernel long when many are in use, as in a storm.
 */
let nextLine = 1;

type CrowdProcess = BenchProcess & { ask(command: CrowdCommand): Promise<CrowdReport> };

/** Many fans in as many processes as they need, each process with a source address of its own. */
export class Crowd {
  readonly #processes: readonly CrowdProcess[];
  fans = 0;

  private constructor(processes: readonly CrowdProcess[]) {
    this.#processes = processes;
  }

  /** @param most Fans that will ever join. */
  static async start(plan: CrowdPlan, most: number): Promise<Crowd> {
    const line = nextLine++;
    const count = Math.max(1, Math.ceil(most / FANS_PER_PROCESS));
    const processes = await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const worker = await startWorker('crowd/crowd-process.ts', [
          JSON.stringify(plan),
          n === 0 ? '' : `127.${NEIGHBOURHOOD}.${line}.${n}`,
        ]);
        const waiting = new Map<number, (report: CrowdReport) => void>();
        let asked = 0;
        worker.child.on('message', ({ id, report }: { id: number; report: CrowdReport }) => {
          waiting.get(id)?.(report);
          waiting.delete(id);
        });
        const ask = (command: CrowdCommand) =>
          new Promise<CrowdReport>((resolve) => {
            waiting.set(++asked, resolve);
            worker.child.send({ id: asked, command });
          });
        return { ...worker, ask };
      }),
    );
    return new Crowd(processes);
  }

  /** Adds fans; resolves when all of them have a tick, or fails after `withinMs`. */
  async join(count: number, withinMs = Math.max(120_000, count * 6)): Promise<void> {
    await this.#add(count, withinMs, (share) => ({ do: 'join', ...share }));
  }

  /**
   * Adds fans who come back with the position of a tick; resolves when all of them are whole, or fails after `withinMs`. In
   * each process a fan must be live already.
   */
  async resume(count: number, from: Position & { readonly tick: number }, withinMs: number): Promise<void> {
    await this.#add(count, withinMs, (share) => ({ do: 'resume', ...share, from }));
  }

  async #add(
    count: number,
    withinMs: number,
    commandFor: (share: { firstId: number; count: number; inFlight: number }) => CrowdCommand,
  ): Promise<void> {
    const share = Math.ceil(count / this.#processes.length);
    const inFlight = Math.ceil(IN_FLIGHT / this.#processes.length);
    const joins = this.#processes.map(({ ask }, n) => {
      const begin = Math.min(count, n * share);
      const many = Math.min(count, begin + share) - begin;
      return ask(commandFor({ firstId: this.fans + begin, count: many, inFlight }));
    });
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.report().then(({ counts: { live, refused, lost } }) => {
        const seen = `${refused} handshakes were refused, ${lost} connections were lost`;
        reject(new Error(`Only ${live} of ${this.fans + count} fans were live within ${withinMs / 1000} s: ${seen}.`));
      }, reject);
    }, withinMs);
    await Promise.race([Promise.all(joins), late]).finally(() => clearTimeout(timer));
    this.fans += count;
  }

  async #all(command: CrowdCommand) {
    return sumReports(await Promise.all(this.#processes.map(({ ask }) => ask(command))));
  }

  measure(afterTick: number, lastTick: number) {
    return this.#all({ do: 'measure', afterTick, lastTick });
  }

  /** Cuts all connections at once. */
  cut() {
    return this.#all({ do: 'cut' });
  }

  /** All fans read nothing any more, until {@link thaw}. */
  freeze() {
    return this.#all({ do: 'freeze' });
  }

  thaw() {
    return this.#all({ do: 'thaw' });
  }

  report() {
    return this.#all({ do: 'report' });
  }

  /** CPU seconds of all processes so far. */
  cpuSeconds(): number {
    return this.#processes.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
  }
}
