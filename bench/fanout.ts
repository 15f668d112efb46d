import type { Usage, Values } from '../cli/flags.ts';
import { planFor, tickOf } from './crowd/measured-span.ts';
import type { CrowdPlan } from './crowd/plan.ts';
import { recordFrames } from './crowd/recorded-frames.ts';
import { startFrameServer, type Turn, takeTurn } from './crowd/turn.ts';
import { type LiveRace, withLiveRace } from './live-race.ts';
import { round } from './machine.ts';

const FLAGS = {
  fans: { kind: 'integer', min: 1, max: 19_300, default: 10_000, help: 'Fans on one edge.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'essentials', help: 'View in which they are watched.' },
  choices: {
    kind: 'choice',
    of: ['random', 'shared'],
    default: 'random',
    help: 'random: each fan has cars of its own, hardly two fans the same. shared: as many choices as cars.',
  },
  document: { kind: 'switch', help: 'Fans want the race document too.' },
  rounds: { kind: 'integer', min: 1, max: 10, default: 2, help: 'Edge and bare server take turns so often.' },
  rate: { kind: 'integer', min: 1, max: 120, default: 60, unit: 'Hz', help: 'Samples per second and car.' },
  seconds: { kind: 'integer', min: 5, max: 600, default: 15, unit: 's', help: 'How long to measure in each turn.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- fanout [flags]',
  purpose:
    'Serves a crowd of fans from one edge, and the same bytes to the same crowd from bare uWebSockets.js, in turns: what the edge adds to the one send per fan and tick is the ratio of their processor time.',
  flags: FLAGS,
};

const RECORDED_FANS = 40;
const RECORDED_TICKS = 8;

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

async function compare(live: LiveRace, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const plan = await planFor(live.url, {
    carsPerFan: flags.cars,
    view: flags.view,
    choices: flags.choices as CrowdPlan['choices'],
    doc: flags.document,
    returns: false,
  });
  process.stderr.write('recording what the edge sends\n');
  const raw = await startFrameServer('crowd/raw-server.ts', await recordFrames(plan, RECORDED_FANS, RECORDED_TICKS));
  const edgeServed = { pid: live.edge.pid, tickNow: tickOf(live.url) };
  const edgeTurns: Turn[] = [];
  const rawTurns: Turn[] = [];
  for (let n = 0; n < flags.rounds; n++) {
    process.stderr.write(`round ${n + 1} of ${flags.rounds}: ${flags.fans} fans on the edge\n`);
    edgeTurns.push(await takeTurn(plan, edgeServed, flags));
    process.stderr.write(`round ${n + 1} of ${flags.rounds}: ${flags.fans} fans on bare uWebSockets.js\n`);
    rawTurns.push(await takeTurn({ ...plan, url: raw.url }, raw, flags));
  }
  await raw.stop();
  const [edge, bare] = [edgeTurns, rawTurns].map((turns) => mean(turns.map(({ us }) => us))) as [number, number];
  const worst = (key: 'p50_ms' | 'p99_ms' | 'max_ms') => edgeTurns.map((turn) => turn[key]);
  const sum = (key: 'gaps' | 'doubles' | 'late_ticks' | 'conflated' | 'lost') =>
    edgeTurns.reduce((total, turn) => total + turn[key], 0);
  return {
    fans: flags.fans,
    cars_per_fan: flags.cars,
    view: flags.view,
    choices: flags.choices as CrowdPlan['choices'],
    document: flags.document,
    delivered_ratio: Math.min(...edgeTurns.map((turn) => turn.delivered_ratio)),
    gaps: sum('gaps'),
    doubles: sum('doubles'),
    conflated: sum('conflated'),
    lost: sum('lost'),
    late_ticks: sum('late_ticks'),
    p50_ms: Math.max(...worst('p50_ms')),
    p99_ms: Math.max(...worst('p99_ms')),
    max_ms: Math.max(...worst('max_ms')),
    raw_p50_ms: Math.max(...rawTurns.map((turn) => turn.p50_ms)),
    raw_p99_ms: Math.max(...rawTurns.map((turn) => turn.p99_ms)),
    edge_us_per_fan_tick: round(edge),
    raw_us_per_fan_tick: round(bare),
    ratio: round(edge / bare, 3),
    ratios: edgeTurns.map((turn, n) => round(turn.us / rawTurns[n]!.us, 3)),
    rss_bytes_per_fan: edgeTurns[0]!.rssPerFan,
    raw_rss_bytes_per_fan: rawTurns[0]!.rssPerFan,
    bytes_per_fan_s: edgeTurns[0]!.bytes_per_fan_s,
    crowd_core_share: edgeTurns[0]!.crowdShare,
    percentiles: edgeTurns[0]!.percentiles,
    raw_percentiles: rawTurns[0]!.percentiles,
  };
}

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withLiveRace({ rate: flags.rate }, (live) => compare(live, flags));
