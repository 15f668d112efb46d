import { AggregatorRegistry, Counter, Gauge, Histogram, type MetricObjectWithValues, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/** What a metric is: its name, a sentence for operators, and the names of its labels. */
export interface MetricHead {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** How the values of several processes become one; `omit` where none of these tells the truth. */
export type Merge = 'sum' | 'min' | 'max' | 'omit';

/** One metric with its values; plain data, so that it can go from process to process. */
export type MetricValues = MetricObjectWithValues<{
  readonly value: number;
  readonly labels: Partial<Record<string, string | number>>;
}>;

/** Puts values in place of all that stood there before, so that a race that is gone leaves nothing behind. */
export type Fill = (samples: Iterable<Sample>) => void;

/** Times of something that happens again and again, in seconds. */
export interface Timings {
  observe(labels: Labels, seconds: number): void;
}

const configOf = ({ name, help, labels = [] }: MetricHead, registry: Registry) => ({
  name,
  help,
  labelNames: [...labels],
  registers: [registry],
});

/** A set of metrics and its text in the Prometheus format. */
export class Exposition {
  static readonly CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();

  counter(head: MetricHead): Fill {
    const counter = new Counter(configOf(head, this.#registry));
    return (samples) => {
      counter.reset();
      for (const [labels, value] of samples) counter.inc(labels, value);
    };
  }

  gauge(head: MetricHead, aggregator: Merge): Fill {
    const gauge = new Gauge({ ...configOf(head, this.#registry), aggregator });
    return (samples) => {
      gauge.reset();
      for (const [labels, value] of samples) gauge.set(labels, value);
    };
  }

  /** @param buckets Upper bounds, in seconds, ascending. */
  timings(head: MetricHead, buckets: readonly number[]): Timings {
    return new Histogram({ ...configOf(head, this.#registry), buckets: [...buckets] });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  values(): Promise<MetricValues[]> {
    return this.#registry.getMetricsAsJSON() as Promise<MetricValues[]>;
  }
}

const merge = (parts: readonly MetricValues[][]): Registry => AggregatorRegistry.aggregate([...parts]);

/** Makes one of the metrics of several processes, each metric in its own way. */
export const mergeValues = (parts: readonly MetricValues[][]): Promise<MetricValues[]> =>
  merge(parts).getMetricsAsJSON() as Promise<MetricValues[]>;

/** What only grows, and must therefore not shrink when a process is missing in the sum. */
export const isSum = ({ type }: MetricValues): boolean => ['counter', 'histogram'].includes(`${type}`);

/** The text of metrics that were given as values, and of single numbers behind them: counters where the name says so. */
export function textOf(values: MetricValues[], numbers: readonly (MetricHead & { readonly value: number })[]) {
  const registry = merge([values]);
  for (const { value, ...head } of numbers) {
    if (head.name.endsWith('_total')) new Counter(configOf(head, registry)).inc(value);
    else new Gauge(configOf(head, registry)).set(value);
  }
  return registry.metrics();
}
