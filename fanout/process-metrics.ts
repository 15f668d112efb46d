import type { EdgeStats } from './edge-stats.ts';
import type { Merge, MetricHead, Sample } from './prometheus.ts';
import { memoryPerFan } from './vitals.ts';

export const FANS = 'slipstream_fans';
export const RSS = 'slipstream_resident_memory_bytes';
export const RSS_BEFORE_FANS = 'slipstream_resident_memory_before_fans_bytes';
export const MEMORY_PER_FAN = {
  name: 'slipstream_memory_per_fan_bytes',
  help: `What one fan costs: (${RSS} - ${RSS_BEFORE_FANS}) / ${FANS}; 0 while there is none, rough while there are few.`,
};

/** What is known of the process at one moment. */
export interface ProcessFacts {
  readonly stats: EdgeStats;
  readonly rss: number;
  readonly rssBeforeFans: number;
  readonly cpuSeconds: number;
  /** How late turns of the event loop were, in seconds, by quantile. */
  readonly lags: Readonly<Record<string, number>>;
}

interface ProcessMetric extends MetricHead {
  /** Of a gauge: how several processes become one. A counter has none: counters are added. */
  readonly merge?: Merge;
  of(facts: ProcessFacts): number | Iterable<Sample>;
}

const by = (label: string, values: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);

/** What is measured of the process as a whole. */
export const PROCESS_METRICS: readonly ProcessMetric[] = [
  {
    name: 'slipstream_handshakes_refused_total',
    help: 'WebSocket handshakes that were refused, by reason.',
    labels: ['reason'],
    of: ({ stats }) => by('reason', { ...stats.refused }),
  },
  {
    name: 'slipstream_connections_turned_away_total',
    help: 'Connections closed at once because the process could not hold more descriptors.',
    of: ({ stats }) => stats.turnedAway,
  },
  {
    name: 'slipstream_session_requests_total',
    help: 'Requests for sessions: asked of NATS, or refused because they were too many.',
    labels: ['outcome'],
    of: ({ stats }) => by('outcome', { asked: stats.sessions.asked, refused: stats.sessions.refused }),
  },
  {
    name: 'slipstream_session_devices',
    help: 'Devices that are told of changes of their session.',
    merge: 'sum',
    of: ({ stats }) => stats.sessions.devices,
  },
  {
    name: 'slipstream_connections',
    help: 'Open connections, of fans and of plain HTTP.',
    merge: 'sum',
    of: ({ stats }) => stats.connections,
  },
  {
    name: 'slipstream_fans_max',
    help: 'Fans that may be here at once; of several workers the sum.',
    merge: 'sum',
    of: ({ stats }) => stats.maxFans,
  },
  {
    name: 'slipstream_nats_connected',
    help: '1 while NATS is connected; 0 when one of several workers has lost it.',
    merge: 'min',
    of: ({ stats }) => (stats.isConnected ? 1 : 0),
  },
  {
    name: 'slipstream_event_loop_lag_seconds',
    help: 'How late turns of the event loop were since the last scrape, by quantile; of several workers the worst.',
    labels: ['quantile'],
    merge: 'max',
    of: ({ lags }) => by('quantile', lags),
  },
  { name: 'slipstream_cpu_seconds_total', help: 'CPU time of the process.', of: ({ cpuSeconds }) => cpuSeconds },
  {
    name: RSS,
    help: 'Resident memory of the process; of several workers the sum.',
    merge: 'sum',
    of: ({ rss }) => rss,
  },
  {
    name: RSS_BEFORE_FANS,
    help: 'Resident memory at the last tick before the first fan came; of several workers the sum.',
    merge: 'sum',
    of: ({ rssBeforeFans }) => rssBeforeFans,
  },
  {
    ...MEMORY_PER_FAN,
    merge: 'omit',
    of: ({ rss, rssBeforeFans, stats }) => memoryPerFan(rss, rssBeforeFans, stats.fans),
  },
];

/** The values of a metric right now. */
export function processSamples({ of }: ProcessMetric, facts: ProcessFacts): Iterable<Sample> {
  const value = of(facts);
  return typeof value === 'number' ? [[{}, value]] : value;
}
