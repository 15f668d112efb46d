import { linearAxis, logAxis, percentileAxis } from './axis.ts';
import { barChart, lineChart, type Series } from './charts.ts';
import { formatCell, isPercentiles, isTable, type Percentiles, type Results, type Row } from './results.ts';

const PERCENTILES_OF: Readonly<Record<string, string>> = {
  percentiles: 'Slipstream edge',
  raw_percentiles: 'bare uWebSockets.js',
};

/** Percentiles in milliseconds by what they were measured on: alone under their keys, or several under `series`. */
export function latenciesOf(results: Results): Readonly<Record<string, Percentiles>> {
  const alone = Object.entries(PERCENTILES_OF).map(([key, name]) => [name, results[key]] as const);
  const several = Object.entries((results.series ?? {}) as Record<string, unknown>);
  const entries = [...alone, ...several].filter((entry): entry is [string, Percentiles] => isPercentiles(entry[1]));
  return Object.fromEntries(entries);
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** What a row of a table is about: its first text. */
const nameOf = (row: Row) => String(Object.values(row).find((value) => typeof value === 'string') ?? '');

function plotLatencies(results: Results): string[] {
  const latencies = Object.entries(latenciesOf(results));
  if (latencies.length === 0) return [];
  const servers = isTable(results.rows) ? results.rows.map(nameOf) : latencies.map(([name]) => name);
  const series: Series[] = latencies.map(([name, percentiles], n) => ({
    name,
    colour: servers.includes(name) ? servers.indexOf(name) : n,
    points: Object.entries(percentiles)
      .map(([percentile, y]) => ({ x: Number(percentile), y, label: `${percentile}% within ${formatCell(y)} ms` }))
      .sort((a, b) => a.x - b.x),
  }));
  return [
    lineChart({
      title: 'From the close of a tick to the fan, by percentile',
      x: { axis: percentileAxis(), name: 'percentile' },
      y: { axis: logAxis(latencies.flatMap(([, percentiles]) => Object.values(percentiles))), name: 'ms, log scale' },
      series,
    }),
  ];
}

function plotRows({ rows }: Results): string[] {
  const key = 'cpu_us_per_fan_tick';
  if (!isTable(rows) || !rows.some((row) => isNumber(row[key]))) return [];
  const bars = rows.map((row) => {
    const value = isNumber(row[key]) ? row[key] : undefined;
    return { name: nameOf(row), value, note: value === undefined ? 'could not take the fans' : formatCell(value) };
  });
  return [barChart('Processor time of the server for each fan and tick, µs', bars)];
}

const fromZero = (values: readonly number[]) => linearAxis(Math.max(...values));

/** Charts over the number of fans: a title, the unit, which columns of the steps are its lines, and the axis for them. */
const OVER_FANS: readonly { title: string; unit: string; columns: RegExp; axis: typeof logAxis }[] = [
  {
    title: 'From the close of a tick to the fan, by fans',
    unit: 'ms, log scale',
    columns: /^(p50|p99|max)_ms$/,
    axis: logAxis,
  },
  { title: 'Processor shares', unit: 'cores', columns: /^(.+)_core_share$/, axis: fromZero },
  {
    title: 'Processor time of the edges for each fan and tick',
    unit: 'µs',
    columns: /^(edge)_us_per_fan_tick$/,
    axis: fromZero,
  },
  { title: 'Memory', unit: 'MB', columns: /^(rss)_mb$/, axis: fromZero },
];

function plotSteps({ steps }: Results): string[] {
  if (!isTable(steps) || !steps.some(({ fans }) => isNumber(fans))) return [];
  const placed = steps.filter((step): step is Row & { fans: number } => isNumber(step.fans));
  return OVER_FANS.flatMap(({ title, unit, columns, axis }) => {
    const keys = [...new Set(placed.flatMap(Object.keys))].filter(
      (key) => columns.test(key) && placed.some((step) => isNumber(step[key])),
    );
    if (keys.length === 0) return [];
    const series: Series[] = keys.map((key, colour) => ({
      name: columns.exec(key)![1]!.replaceAll('_', ' '),
      colour,
      points: placed.map((step) => {
        const y = isNumber(step[key]) ? step[key] : undefined;
        return { x: step.fans, y, label: `${formatCell(y)} at ${formatCell(step.fans)} fans` };
      }),
    }));
    const values = series.flatMap(({ points }) => points.map(({ y }) => y)).filter(isNumber);
    return lineChart({
      title,
      x: { axis: linearAxis(Math.max(...placed.map(({ fans }) => fans))), name: 'fans' },
      y: { axis: axis(values), name: unit },
      series,
    });
  });
}

/** All charts for which the results have numbers, as HTML. */
export const plotResults = (results: Results): string[] => [
  ...plotRows(results),
  ...plotLatencies(results),
  ...plotSteps(results),
];
