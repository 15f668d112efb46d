import type { Usage, Values } from '../cli/flags.ts';
import { residentBytes } from './cpu.ts';
import { Crowd } from './crowd/crowd.ts';
import { measureSpan, planFor, tickOf } from './crowd/measured-span.ts';
import { type LiveRace, pause, withLiveRace } from './live-race.ts';
import { round } from './machine.ts';
import { canOwn, ownNetwork, runInOwn, wordsOf } from './own-network.ts';

const FLAGS = {
  fans: { kind: 'integer', min: 10, max: 19_000, default: 10_000, help: 'Fans on one edge; every tenth will freeze.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'essentials', help: 'View in which they are watched.' },
  'frozen-cars': { kind: 'integer', min: 1, max: 40, default: 40, help: 'Cars that those who will freeze watch.' },
  'frozen-view': { kind: 'text', default: 'full', help: 'View in which they are watched.' },
  frozen: { kind: 'integer', min: 5, max: 600, default: 60, unit: 's', help: 'How long they read nothing.' },
  seconds: { kind: 'integer', min: 5, max: 600, default: 20, unit: 's', help: 'How long to measure before and after.' },
  network: {
    kind: 'choice',
    of: ['narrow', 'plain'],
    default: 'narrow',
    help: 'narrow: a network namespace of its own whose sockets hold at most 16 KiB each way, so that the edge feels a frozen reader (Linux, root; elsewhere plain). plain: the loopback of the machine, which hides some MB.',
  },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- slow [flags]',
  purpose:
    'Lets every tenth fan of an edge read nothing for a minute: what the others notice of it, what the edge holds for the frozen ones, and how soon they are whole again.',
  flags: FLAGS,
};

const WARM_UP_MS = 5000;

interface Waiting {
  readonly pending: number;
  readonly conflated: number;
}

async function metricsOf(url: string): Promise<Waiting> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return {
    pending: value('slipstream_waiting_bytes'),
    conflated: value('slipstream_conflations_total'),
  };
}

async function freeze(live: LiveRace, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const frozenFans = Math.floor(flags.fans / 10);
  const wishes = { choices: 'random', doc: false, returns: false } as const;
  const others = await Crowd.start(
    await planFor(live.url, { ...wishes, carsPerFan: flags.cars, view: flags.view }),
    flags.fans - frozenFans,
  );
  const frozen = await Crowd.start(
    await planFor(live.url, { ...wishes, carsPerFan: flags['frozen-cars'], view: flags['frozen-view'] }),
    frozenFans,
  );
  try {
    process.stderr.write(`connecting ${flags.fans} fans\n`);
    await others.join(flags.fans - frozenFans);
    await frozen.join(frozenFans);
    await pause(WARM_UP_MS);
    const measure = (seconds: number) => measureSpan(others, tickOf(live.url), seconds);
    const before = await measure(flags.seconds);
    const rssBefore = residentBytes(live.edge.pid);
    await frozen.measure(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    process.stderr.write(`freezing ${frozenFans} of them for ${flags.frozen} s\n`);
    await frozen.freeze();
    const during = await measure(flags.frozen);
    const held = await metricsOf(live.url);
    const rssAfter = residentBytes(live.edge.pid);
    await frozen.thaw();
    await pause(5000);
    const { counts, spans } = await frozen.report();
    const { conflated } = await metricsOf(live.url);
    const after = await measure(flags.seconds);
    const ms = (percentile: number) => round((spans.thaw?.getValueAtPercentile(percentile) ?? Number.NaN) / 1000);
    const p99Without = (before.p99_ms + after.p99_ms) / 2;
    return {
      fans: flags.fans,
      frozen: frozenFans,
      frozen_s: flags.frozen,
      network: ownNetwork() ?? 'plain',
      p99_ratio: round(during.p99_ms / p99Without, 3),
      p99_before_ms: before.p99_ms,
      p99_during_ms: during.p99_ms,
      p99_after_ms: after.p99_ms,
      delivered_ratio: during.delivered_ratio,
      gaps: before.gaps + during.gaps + after.gaps + counts.gaps,
      doubles: during.doubles + counts.doubles,
      lost: during.lost + counts.lost,
      whole_again_ratio: (spans.thaw?.totalCount ?? 0) / frozenFans,
      whole_again_p50_ms: ms(50),
      whole_again_max_ms: round((spans.thaw?.maxValue ?? Number.NaN) / 1000),
      conflated_frames: conflated,
      pending_bytes_per_frozen_fan: Math.round(held.pending / frozenFans),
      rss_growth_mb: round((rssAfter - rssBefore) / 2 ** 20, 1),
    };
  } finally {
    await Promise.all([others.stop(), frozen.stop()]);
  }
}

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  if (flags.network === 'narrow' && !ownNetwork() && canOwn('narrow'))
    return runInOwn('narrow', 'slow', wordsOf(FLAGS, flags));
  return withLiveRace({ rate: 60 }, (live) => freeze(live, flags));
}
