import type { EdgeStats } from './edge-stats.ts';
import { PROCESS_METRICS, type ProcessFacts, processSamples } from './process-metrics.ts';
import { Exposition, type Fill, type MetricValues, type Timings } from './prometheus.ts';
import { RACE_COUNTERS, RACE_GAUGES, type RaceMetric, samplesOf } from './race-metrics.ts';
import { Vitals } from './vitals.ts';

/** Prefix of all names. */
const PREFIX = 'slipstream_';
const SPENT_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];
const LATE_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * What operators may know of an edge, at `/metrics`. Fans and ticks are counted elsewhere in plain numbers, which are
 * copied here when somebody asks; only times are noted here, three per tick.
 */
export class EdgeMetrics {
  readonly #exposition = new Exposition();
  readonly #vitals = new Vitals();
  readonly #stats: () => EdgeStats;
  readonly #copies: ((facts: ProcessFacts) => void)[] = [];
  readonly #late: Timings;
  readonly #encode: Timings;
  readonly #serve: Timings;

  constructor(stats: () => EdgeStats) {
    this.#stats = stats;
    for (const metric of RACE_GAUGES) this.#copy(metric, (head) => this.#exposition.gauge(head, metric.merge));
    for (const metric of RACE_COUNTERS) this.#copy(metric, (head) => this.#exposition.counter(head));
    this.#late = this.#timings(
      'tick_lateness',
      'From the close of a tick to its turn at the edge; true while the clocks of ingest and edge agree.',
      LATE_S,
    );
    this.#encode = this.#timings(
      'encode',
      'Spent on slices in one pass over all fans, each made once for all of them; joining them is part of serving.',
      SPENT_S,
    );
    this.#serve = this.#timings(
      'serve',
      'One pass over all fans, from the first to the last: one per tick while the edge keeps up.',
      SPENT_S,
    );
    for (const metric of PROCESS_METRICS) {
      const { merge } = metric;
      const fill = merge ? this.#exposition.gauge(metric, merge) : this.#exposition.counter(metric);
      this.#copies.push((facts) => fill(processSamples(metric, facts)));
    }
  }

  #copy(metric: RaceMetric, add: (head: { name: string; help: string; labels: string[] }) => Fill): void {
    const { name, help, by } = metric;
    const fill = add({ name: PREFIX + name, help, labels: by ? ['race', by] : ['race'] });
    this.#copies.push(({ stats }) => fill(samplesOf(metric, stats)));
  }

  #timings(name: string, help: string, buckets: readonly number[]): Timings {
    return this.#exposition.timings({ name: `${PREFIX}${name}_seconds`, help, labels: ['race'] }, buckets);
  }

  /** @param fans On the whole edge. */
  noteTick(race: string, lateMs: number, fans: number): void {
    this.#vitals.noteFans(fans);
    // A clock that is ahead of ours makes no tick early.
    this.#late.observe({ race }, Math.max(0, lateMs) / 1000);
  }

  notePass(race: string, tookMs: number, encodedMs: number): void {
    this.#serve.observe({ race }, tookMs / 1000);
    this.#encode.observe({ race }, encodedMs / 1000);
  }

  #refresh(): void {
    const { user, system } = process.cpuUsage();
    const facts = {
      stats: this.#stats(),
      rss: process.memoryUsage.rss(),
      rssBeforeFans: this.#vitals.rssBeforeFans,
      cpuSeconds: (user + system) / 1e6,
      lags: this.#vitals.takeLags(),
    };
    for (const copy of this.#copies) copy(facts);
  }

  text(): Promise<string> {
    this.#refresh();
    return this.#exposition.text();
  }

  /** All values as plain data, for whoever merges those of several processes. */
  values(): Promise<MetricValues[]> {
    this.#refresh();
    return this.#exposition.values();
  }

  stop(): void {
    this.#vitals.stop();
  }
}
