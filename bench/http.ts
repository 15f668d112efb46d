import autocannon from 'autocannon';
import type { Usage, Values } from '../cli/flags.ts';
import { cpuSeconds } from './cpu.ts';
import { Crowd } from './crowd/crowd.ts';
import { measureSpan, planFor, type SpanResult, tickOf } from './crowd/measured-span.ts';
import { type LiveRace, pause, withLiveRace } from './live-race.ts';
import { round } from './machine.ts';

const FLAGS = {
  connections: { kind: 'integer', min: 1, max: 300, default: 50, help: 'Connections at once.' },
  stampede: { kind: 'integer', min: 1, max: 380, default: 350, help: 'Connections at once in the stampede.' },
  fans: { kind: 'integer', min: 0, max: 19_000, default: 10_000, help: 'Live fans on the same edge.' },
  seconds: { kind: 'integer', min: 5, max: 120, default: 8, unit: 's', help: 'How long to ask each address.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- http [flags]',
  purpose:
    'Asks one edge of a live simulated race over HTTP, one address after another, as fast as it answers (autocannon), while it serves fans; what they notice of it is measured too.',
  flags: FLAGS,
};

const WARM_UP_MS = 5000;
/** More choices than an edge remembers answers for within a tick. */
const UNCACHED_CHOICES = 2000;

/** The same question in so many words that its answer is not remembered. */
const inOtherWords = (path: string) =>
  Array.from({ length: UNCACHED_CHOICES }, (_, n) => `${path}${path.includes('?') ? '&' : '?'}n=${n}`);

interface Scenario {
  readonly name: string;
  readonly paths: readonly string[];
  readonly connections: number;
}

async function ask(live: LiveRace, crowd: Crowd, scenario: Scenario, seconds: number) {
  process.stderr.write(`asking for ${scenario.name} over ${scenario.connections} connections\n`);
  const cpu = cpuSeconds(live.edge.pid);
  const noticed = crowd.fans > 0 ? measureSpan(crowd, tickOf(live.url), seconds - 2) : undefined;
  const requests = scenario.paths.map((path) => ({ method: 'GET' as const, path }));
  const seen = await autocannon({
    url: live.url,
    connections: scenario.connections,
    duration: seconds,
    // Each connection begins elsewhere, or all would ask the same at the same time.
    setupClient: (client) => {
      const begin = Math.floor(Math.random() * requests.length);
      client.setRequests([...requests.slice(begin), ...requests.slice(0, begin)]);
    },
  });
  const fans: SpanResult | undefined = await noticed;
  return {
    name: scenario.name,
    connections: scenario.connections,
    requests_per_s: Math.round(seen.requests.average),
    p50_ms: seen.latency.p50,
    p99_ms: seen.latency.p99,
    megabytes_per_s: round(seen.throughput.average / 1e6, 1),
    errors: seen.errors + seen.timeouts + seen.non2xx,
    edge_core_share: round((cpuSeconds(live.edge.pid) - cpu) / seen.duration),
    live_p99_ms: fans?.p99_ms,
    live_delivered_ratio: fans?.delivered_ratio,
  };
}

async function measure(live: LiveRace, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const [{ catalogue }] = (await (await fetch(`${live.url}/races`)).json()) as [{ catalogue: string }];
  const plan = await planFor(live.url, {
    ...{ carsPerFan: 4, view: 'essentials', choices: 'random', doc: false, returns: false },
  });
  const watch = plan.cars.slice(0, 4).map((car) => `${car}:essentials`);
  const snapshot = `/races/bench/snapshot?watch=${watch.join(',')}`;
  const crowd = await Crowd.start(plan, Math.max(1, flags.fans));
  try {
    if (flags.fans > 0) {
      process.stderr.write(`connecting ${flags.fans} fans\n`);
      await crowd.join(flags.fans);
      await pause(WARM_UP_MS);
    }
    const quiet = flags.fans > 0 ? await measureSpan(crowd, tickOf(live.url), flags.seconds) : undefined;
    const { connections } = flags;
    const scenarios: Scenario[] = [
      { name: 'snapshot, cached', paths: [snapshot], connections },
      {
        name: 'snapshot, uncached',
        paths: inOtherWords(snapshot),
        connections,
      },
      { name: 'race state, cached', paths: ['/races/bench'], connections },
      {
        name: 'race state, uncached',
        paths: inOtherWords('/races/bench'),
        connections,
      },
      { name: 'catalogue', paths: [`/catalogue/${catalogue}`], connections },
      { name: 'health', paths: ['/healthz'], connections },
      { name: 'stampede on the snapshot', paths: [snapshot], connections: flags.stampede },
    ];
    const rows = [];
    for (const scenario of scenarios) rows.push(await ask(live, crowd, scenario, flags.seconds));
    return {
      fans: flags.fans,
      live_p99_quiet_ms: quiet?.p99_ms,
      errors: rows.reduce((sum, { errors }) => sum + errors, 0),
      rows,
    };
  } finally {
    await crowd.stop();
  }
}

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withLiveRace({ rate: 60 }, (live) => measure(live, flags));
