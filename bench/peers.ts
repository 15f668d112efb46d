import type { Usage, Values } from '../cli/flags.ts';
import { planFor, tickOf } from './crowd/measured-span.ts';
import type { CrowdPlan } from './crowd/plan.ts';
import { recordFrames } from './crowd/recorded-frames.ts';
import { type Served, type Turn, takeTurn } from './crowd/turn.ts';
import { type LiveRace, withLiveRace } from './live-race.ts';
import { round } from './machine.ts';
import { BARE, rivalsOf } from './rivals.ts';

const FLAGS = {
  fans: { kind: 'integer', min: 1, max: 60_000, default: 5000, help: 'Fans on each server.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'essentials', help: 'View in which they are watched.' },
  choices: {
    kind: 'integer',
    min: 1,
    max: 5000,
    default: 40,
    help: 'Different messages per tick that the other servers send, shared by their fans; those of the edge have hardly two the same choice.',
  },
  rate: { kind: 'integer', min: 1, max: 120, default: 60, unit: 'Hz', help: 'Samples per second and car.' },
  seconds: { kind: 'integer', min: 5, max: 600, default: 15, unit: 's', help: 'How long to measure each server.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- peers [flags]',
  purpose:
    'Serves the same bytes to the same crowd, one message per fan and tick, from our edge, bare uWebSockets.js, ws, Socket.IO and the WebSocket listener of nats-server, one after another.',
  flags: FLAGS,
};

const RECORDED_TICKS = 8;
const JOIN_WITHIN_MS = 60_000;

/** One line of the table: a server with what it took, or why it could not. */
interface Outcome {
  readonly server: string;
  readonly turn?: Turn;
  readonly problem?: string;
}

async function tryTurn(
  server: string,
  plan: CrowdPlan,
  served: Pick<Served, 'pid' | 'tickNow'>,
  { fans, seconds }: Values<typeof FLAGS>,
): Promise<Outcome> {
  process.stderr.write(`${fans} fans on ${server}\n`);
  try {
    return { server, turn: await takeTurn(plan, served, { fans, seconds, joinWithinMs: JOIN_WITHIN_MS }) };
  } catch (error) {
    // What a server cannot take is a result.
    const problem = (error as Error).message;
    process.stderr.write(`${server}: ${problem}\n`);
    return { server, problem };
  }
}

async function takeTurns(live: LiveRace, flags: Values<typeof FLAGS>): Promise<Outcome[]> {
  const plan = await planFor(live.url, {
    carsPerFan: flags.cars,
    view: flags.view,
    choices: 'random',
    doc: false,
    returns: false,
  });
  process.stderr.write('recording what the edge sends\n');
  const frames = await recordFrames(plan, flags.choices, RECORDED_TICKS);
  const edge = { pid: live.edge.pid, tickNow: tickOf(live.url) };
  const outcomes = [await tryTurn('Slipstream edge', plan, edge, flags)];
  for (const { name, rival, start } of rivalsOf(flags.choices)) {
    const served = await start(frames);
    outcomes.push(await tryTurn(name, { ...plan, url: served.url, rival }, served, flags));
    await served.stop();
  }
  return outcomes;
}

function rowOf({ server, turn, problem }: Outcome, bareUs: number | undefined): Record<string, unknown> {
  if (!turn) return { server, problem };
  return {
    server,
    fans: turn.fans,
    delivered_ratio: turn.delivered_ratio,
    gaps: turn.gaps,
    late_ticks: turn.late_ticks,
    lost: turn.lost,
    p50_ms: turn.p50_ms,
    p99_ms: turn.p99_ms,
    max_ms: turn.max_ms,
    cpu_us_per_fan_tick: round(turn.us),
    ratio_to_bare: bareUs && round(turn.us / bareUs, 3),
    rss_bytes_per_fan: turn.rssPerFan,
    bytes_per_fan_s: turn.bytes_per_fan_s,
    crowd_core_share: turn.crowdShare,
  };
}

async function compare(live: LiveRace, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const outcomes = await takeTurns(live, flags);
  const bareUs = outcomes.find(({ server }) => server === BARE)?.turn?.us;
  const measured = outcomes.filter(({ turn }) => turn);
  return {
    fans: flags.fans,
    cars_per_fan: flags.cars,
    view: flags.view,
    choices: flags.choices,
    seconds: flags.seconds,
    rows: outcomes.map((outcome) => rowOf(outcome, bareUs)),
    series: Object.fromEntries(measured.map(({ server, turn }) => [server, turn!.percentiles])),
  };
}

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withLiveRace({ rate: flags.rate }, (live) => compare(live, flags));
