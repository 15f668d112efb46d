import { FANS, MEMORY_PER_FAN, RSS, RSS_BEFORE_FANS } from './process-metrics.ts';
import { isSum, type MetricValues, mergeValues, textOf } from './prometheus.ts';
import { memoryPerFan } from './vitals.ts';

/** How the processes of a shared port are. */
export interface FleetStanding {
  readonly asked: number;
  readonly alive: number;
  /** How often one ended by itself. */
  readonly deaths: number;
}

const totalOf = (values: readonly MetricValues[], name: string): number =>
  values.find((metric) => metric.name === name)?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;

/**
 * Makes one of the metrics of several workers.
 *
 * A sum must never shrink, or whoever reads it takes that for a restart and counts everything anew. So what a worker
 * has counted stays in the sum while it does not answer, and after it has died; only what it measures is left out.
 */
export class FleetLedger {
  readonly #last = new Map<number, MetricValues[]>();
  #buried: Promise<MetricValues[]> = Promise.resolve([]);

  /** Takes the answer of a worker. */
  note(worker: number, values: MetricValues[]): void {
    this.#last.set(worker, values);
  }

  /** The process is gone; the next one of that number begins at zero. */
  bury(worker: number): void {
    const sums = this.#last.get(worker)?.filter(isSum);
    this.#last.delete(worker);
    if (sums) this.#buried = this.#buried.then((buried) => mergeValues([buried, sums]));
  }

  /** @param answered Workers whose last answer is one to this question. */
  async text(answered: ReadonlySet<number>, { asked, alive, deaths }: FleetStanding): Promise<string> {
    const living = [...this.#last].map(([worker, values]) => (answered.has(worker) ? values : values.filter(isSum)));
    const merged = await mergeValues([await this.#buried, ...living]);
    const totals = [RSS, RSS_BEFORE_FANS, FANS].map((name) => totalOf(merged, name)) as [number, number, number];
    return textOf(merged, [
      { ...MEMORY_PER_FAN, value: memoryPerFan(...totals) },
      { name: 'slipstream_workers_asked', help: 'Processes that are to share the port.', value: asked },
      { name: 'slipstream_workers_alive', help: 'Processes that serve.', value: alive },
      {
        name: 'slipstream_workers_silent',
        help: 'Processes that serve but did not answer in time when their numbers were asked: gauges lack theirs.',
        value: Math.max(0, alive - answered.size),
      },
      {
        name: 'slipstream_worker_deaths_total',
        help: 'How often a process ended by itself and was started again.',
        value: deaths,
      },
    ]);
  }
}
