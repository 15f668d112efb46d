import autocannon from 'autocannon';
import type { Usage, Values } from '../cli/flags.ts';
import { findFreePort } from '../cli/testing/program.ts';
import { startNginx } from '../testing/nginx.ts';
import { cpuSeconds } from './cpu.ts';
import { Crowd } from './crowd/crowd.ts';
import { measureSpan, planFor, tickOf } from './crowd/measured-span.ts';
import { type LiveRace, pause, withLiveRace } from './live-race.ts';
import { round } from './machine.ts';

const FLAGS = {
  connections: { kind: 'integer', min: 1, max: 4000, default: 1000, help: 'Connections at once.' },
  fans: { kind: 'integer', min: 1, max: 14_000, default: 10_000, help: 'Live fans on the same edge.' },
  seconds: { kind: 'integer', min: 5, max: 120, default: 15, unit: 's', help: 'How long to ask, each way.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- segments [flags]',
  purpose:
    'Asks one edge of a live simulated race for its finished segments as fast as it answers (autocannon), and then nginx before it (deploy/nginx.conf), while the edge serves fans; what they notice of it is measured too.',
  flags: FLAGS,
};

const WARM_UP_MS = 5000;
/** Segments that must be finished before anybody asks. */
const FEWEST = 4;

/** Addresses of the finished segments, when there are some. */
async function findSegments(url: string): Promise<string[]> {
  for (;;) {
    const { segments } = (await (await fetch(`${url}/races/bench/segments`)).json()) as { segments: { id: string }[] };
    if (segments.length >= FEWEST) return segments.map(({ id }) => `/races/bench/segments/${id}`);
    await pause(1000);
  }
}

async function ask(
  live: LiveRace,
  crowd: Crowd,
  way: string,
  url: string,
  paths: readonly string[],
  flags: Values<typeof FLAGS>,
) {
  process.stderr.write(`asking ${way} over ${flags.connections} connections\n`);
  const cpu = cpuSeconds(live.edge.pid);
  const noticed = measureSpan(crowd, tickOf(live.url), flags.seconds - 3);
  const requests = paths.map((path) => ({ method: 'GET' as const, path, headers: { 'accept-encoding': 'br' } }));
  const seen = await autocannon({
    url,
    connections: flags.connections,
    duration: flags.seconds,
    // Each connection begins elsewhere, or all would ask the same at the same time.
    setupClient: (client) => {
      const begin = Math.floor(Math.random() * requests.length);
      client.setRequests([...requests.slice(begin), ...requests.slice(0, begin)]);
    },
  });
  const fans = await noticed;
  return {
    way,
    connections: flags.connections,
    requests_per_s: Math.round(seen.requests.average),
    megabytes_per_s: round(seen.throughput.average / 1e6, 1),
    p50_ms: seen.latency.p50,
    p99_ms: seen.latency.p99,
    errors: seen.errors + seen.timeouts + seen.non2xx,
    edge_core_share: round((cpuSeconds(live.edge.pid) - cpu) / seen.duration),
    live_p99_ms: fans.p99_ms,
    live_delivered_ratio: fans.delivered_ratio,
  };
}

async function measure(live: LiveRace, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const plan = await planFor(live.url, {
    ...{ carsPerFan: 4, view: 'essentials', choices: 'random', doc: false, returns: false },
  });
  const crowd = await Crowd.start(plan, flags.fans);
  const edgePort = Number(new URL(live.url).port);
  const nginx = await startNginx(await findFreePort(), [edgePort, edgePort, edgePort]);
  try {
    process.stderr.write(`connecting ${flags.fans} fans\n`);
    await crowd.join(flags.fans);
    await pause(WARM_UP_MS);
    const paths = await findSegments(live.url);
    const quiet = await measureSpan(crowd, tickOf(live.url), flags.seconds);
    const rows = [
      await ask(live, crowd, 'edge', live.url, paths, flags),
      await ask(live, crowd, 'nginx', nginx.url, paths, flags),
    ];
    const ratioOf = ({ live_p99_ms }: { live_p99_ms: number }) => round(live_p99_ms / quiet.p99_ms);
    return {
      fans: flags.fans,
      segments: paths.length,
      live_p99_quiet_ms: quiet.p99_ms,
      live_p99_ratio: ratioOf(rows[0]!),
      live_p99_ratio_nginx: ratioOf(rows[1]!),
      errors: rows.reduce((sum, { errors }) => sum + errors, 0),
      rows,
    };
  } finally {
    await nginx.stop();
    await crowd.stop();
  }
}

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withLiveRace({ rate: 10 }, (live) => measure(live, flags));

/** Whoever rewinds gets what he asks for. */
export const isGood = ({ errors }: Readonly<Record<string, unknown>>): boolean => errors === 0;
