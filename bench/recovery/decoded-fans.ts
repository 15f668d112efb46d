import type { History } from '../../protocol/control.ts';
import { OracleFan } from '../../testing/oracle-fan.ts';
import type { StreamOracle } from '../../testing/stream-oracle.ts';
import { type CrowdPlan, chooseCars } from '../crowd/plan.ts';
import { pause } from '../live-race.ts';
import { createPastSocket, type PastTick } from './past-socket.ts';

const HOLD_WITHIN_MS = 10_000;
/** Decoding half an hour of ticks, and comparing every one, beside everything else on the machine. */
const WHOLE_WITHIN_MS = 120_000;

/** What fans of the SDK found who came back and decoded everything. */
export interface DecodedReport {
  readonly missed: number;
  readonly doubled: number;
  readonly statesCompared: number;
  readonly differences: readonly string[];
  readonly wrong: number;
}

/** Fans of the SDK who hold a tick that lies back, and compare all that they get with the stream. */
export class DecodedFans {
  readonly #fans: OracleFan[];
  readonly #lose: (() => void)[] = [];

  constructor(oracle: StreamOracle, plan: CrowdPlan, history: History, past: PastTick, count: number) {
    this.#fans = Array.from({ length: count }, (_, n) => {
      const watch = chooseCars(plan, n).map((car) => ({ car, view: plan.view }));
      const { Socket, lose } = createPastSocket(past, watch);
      this.#lose.push(lose);
      const { url, race, doc } = plan;
      const options = { url: [url], race, history, watch, rate: 2, WebSocket: Socket, random: Math.random } as const;
      return new OracleFan(oracle, { ...options, document: doc });
    });
  }

  async #until(what: string, withinMs: number, isSo: (fan: OracleFan) => boolean): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (!this.#fans.every(isSo)) {
      if (performance.now() > deadlineMs) throw new Error(`Not all decoding fans ${what} within ${withinMs / 1000} s.`);
      await pause(10);
    }
  }

  /** Resolves when all of them hold the tick that lies back. */
  hold(): Promise<void> {
    return this.#until('held their tick', HOLD_WITHIN_MS, ({ lastTick }) => lastTick >= 0);
  }

  /** Their connections break: within a quarter of a second they come back. */
  lose(): void {
    for (const lose of this.#lose) lose();
  }

  /** Resolves when all of them hold a tick. */
  reach(tick: number): Promise<void> {
    return this.#until(`reached tick ${tick}`, WHOLE_WITHIN_MS, ({ lastTick }) => lastTick >= tick);
  }

  /** Ends them. What the oracle has not read yet is judged later: the report is of now. */
  close(): void {
    for (const { race } of this.#fans) race.close();
  }

  report(): DecodedReport {
    const reports = this.#fans.map(({ report }) => report);
    const sum = (of: (report: (typeof reports)[number]) => number) => reports.reduce((all, one) => all + of(one), 0);
    return {
      missed: sum(({ missed }) => missed),
      doubled: sum(({ doubled }) => doubled),
      statesCompared: sum(({ statesCompared }) => statesCompared),
      wrong: sum(({ wrong }) => wrong),
      differences: reports.flatMap(({ differences }) => differences),
    };
  }
}
