import { once } from 'node:events';
import type { Usage, Values } from '../cli/flags.ts';
import { findFreePort } from '../cli/testing/program.ts';
import { startNginx } from '../testing/nginx.ts';
import { cpuSeconds } from './cpu.ts';
import { Crowd } from './crowd/crowd.ts';
import { measureSpan, planFor, tickOf } from './crowd/measured-span.ts';
import { type LiveRace, pause, withLiveRace } from './live-race.ts';
import { round } from './machine.ts';
import { startWorker, withAll } from './processes.ts';
import type { AskPlan, AskResult } from './segments/asker.ts';
import { standingBehind } from './segments/stand-behind.ts';

const FLAGS = {
  connections: { kind: 'integer', min: 1, max: 4000, default: 1000, help: 'Connections at once.' },
  fans: { kind: 'integer', min: 1, max: 14_000, default: 10_000, help: 'Live fans on the same edge.' },
  seconds: { kind: 'integer', min: 5, max: 120, default: 10, unit: 's', help: 'Each span.' },
  rounds: {
    kind: 'integer',
    min: 1,
    max: 20,
    default: 3,
    help: 'Rounds: nobody asks, then the edge is asked, then nginx.',
  },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- segments [flags]',
  purpose:
    'Asks one edge of a live simulated race for its finished segments as fast as it answers (autocannon), and then nginx before it (deploy/nginx.conf), while the edge serves fans; what they notice of it is measured too. Who asks, and nginx, have the processor only when nobody else wants it.',
  flags: FLAGS,
};

const WARM_UP_MS = 5000;
/** Segments that must be finished before anybody asks. */
const FEWEST = 4;
/** Asked for longer than fans are measured. */
const MARGIN_S = 4;

/** Addresses of the finished segments, when there are some. */
async function findSegments(url: string): Promise<string[]> {
  for (;;) {
    const { segments } = (await (await fetch(`${url}/races/bench/segments`)).json()) as { segments: { id: string }[] };
    if (segments.length >= FEWEST) return segments.map(({ id }) => `/races/bench/segments/${id}`);
    await pause(1000);
  }
}

/** What an edge says of its own times; sums since its start, in s. */
async function readTimes(url: string): Promise<{ serve: number; late: number; ticks: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) =>
    Number(new RegExp(`^slipstream_${name}\\{race="bench"\\} (\\S+)`, 'm').exec(text)?.[1]);
  return {
    serve: value('serve_seconds_sum'),
    late: value('tick_lateness_seconds_sum'),
    ticks: value('serve_seconds_count'),
  };
}

/** What live fans notice in a span, and how the edge itself did. */
async function watchFans(live: LiveRace, crowd: Crowd, seconds: number) {
  const before = await readTimes(live.url);
  const { p99_ms, delivered_ratio } = await measureSpan(crowd, tickOf(live.url), seconds);
  const after = await readTimes(live.url);
  const perTick = (key: 'serve' | 'late') =>
    round((1000 * (after[key] - before[key])) / (after.ticks - before.ticks), 1);
  return {
    live_p99_ms: p99_ms,
    live_delivered_ratio: delivered_ratio,
    edge_serve_ms: perTick('serve'),
    edge_late_ms: perTick('late'),
  };
}

type Watched = Awaited<ReturnType<typeof watchFans>>;

async function ask(live: LiveRace, crowd: Crowd, seconds: number, plan: AskPlan) {
  const asker = await standingBehind(() => startWorker('segments/asker.ts', []));
  try {
    const cpu = cpuSeconds(live.edge.pid);
    asker.child.send(plan);
    const answered = once(asker.child, 'message') as Promise<[AskResult]>;
    const fans = await watchFans(live, crowd, seconds);
    const [result] = await answered;
    return { ...result, ...fans, edge_core_share: round((cpuSeconds(live.edge.pid) - cpu) / result.seconds) };
  } finally {
    await asker.stop();
  }
}

type Asked = Awaited<ReturnType<typeof ask>>;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** One row of the rounds of one way, each number the median. */
function sumUp<Row extends Watched | Asked>(way: string, rows: readonly Row[]) {
  const keys = Object.keys(rows[0]!) as (keyof Row)[];
  const of = (key: keyof Row) => rows.map((row) => row[key] as number);
  const middle = Object.fromEntries(keys.map((key) => [key, median(of(key))])) as unknown as Row;
  return { way, ...middle };
}

async function measure(live: LiveRace, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const plan = await planFor(live.url, {
    ...{ carsPerFan: 4, view: 'essentials', choices: 'random', doc: false, returns: false },
  });
  return withAll(async (keep) => {
    const crowd = keep(await Crowd.start(plan, flags.fans));
    const edgePort = Number(new URL(live.url).port);
    const port = await findFreePort();
    const nginx = keep(await standingBehind(() => startNginx(port, [edgePort, edgePort, edgePort])));
    process.stderr.write(`connecting ${flags.fans} fans\n`);
    await crowd.join(flags.fans);
    await pause(WARM_UP_MS);
    const paths = await findSegments(live.url);
    const quiet: Watched[] = [];
    const ways = { edge: { url: live.url, rows: [] as Asked[] }, nginx: { url: nginx.url, rows: [] as Asked[] } };
    for (let n = 1; n <= flags.rounds; n++) {
      process.stderr.write(`round ${n} of ${flags.rounds}\n`);
      quiet.push(await watchFans(live, crowd, flags.seconds));
      for (const { url, rows } of Object.values(ways)) {
        const asked = { url, paths, connections: flags.connections, seconds: flags.seconds + MARGIN_S };
        rows.push(await ask(live, crowd, flags.seconds, asked));
      }
    }
    const ratios = (rows: readonly Asked[]) =>
      rows.map(({ live_p99_ms }, n) => round(live_p99_ms / quiet[n]!.live_p99_ms));
    const own = ratios(ways.edge.rows);
    const cached = ratios(ways.nginx.rows);
    const all = [...ways.edge.rows, ...ways.nginx.rows];
    return {
      fans: flags.fans,
      connections: flags.connections,
      segments: paths.length,
      live_p99_ratio: median(own),
      live_p99_ratios: own,
      live_p99_ratio_nginx: median(cached),
      live_p99_ratios_nginx: cached,
      errors: all.reduce((sum, { errors }) => sum + errors, 0),
      rows: [sumUp('quiet', quiet), sumUp('edge', ways.edge.rows), sumUp('nginx', ways.nginx.rows)],
    };
  });
}

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withLiveRace({ rate: 10 }, (live) => measure(live, flags));

/** Whoever rewinds gets what he asks for. */
export const isGood = ({ errors }: Readonly<Record<string, unknown>>): boolean => errors === 0;
