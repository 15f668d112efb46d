import type { Usage, Values } from '../cli/flags.ts';
import { cpuSeconds } from './cpu.ts';
import { Crowd } from './crowd/crowd.ts';
import { measureSpan, planFor, tickOf } from './crowd/measured-span.ts';
import { type LiveRace, pause, withLiveRace } from './live-race.ts';
import { round } from './machine.ts';

const FLAGS = {
  fans: { kind: 'integer', min: 1, max: 18_000, default: 10_000, help: 'Fans whose connections are all cut at once.' },
  stay: { kind: 'integer', min: 1, max: 1_300, default: 1000, help: 'Fans on the same edge who are not cut.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'essentials', help: 'View in which they are watched.' },
  document: { kind: 'switch', help: 'Fans want the race document too.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- storm [flags]',
  purpose:
    'Cuts the connections of a whole crowd at once, as when an edge dies, and measures how they come back: each inside the window of its welcome, with its position, and without disturbing the fans who stayed.',
  flags: FLAGS,
};

const WARM_UP_MS = 5000;
const CUT_AFTER_MS = 2000;
/** What a window may be late, and a little more to see who is later. */
const PATIENCE_MS = 6000;

async function strike(live: LiveRace, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const wishes = { carsPerFan: flags.cars, view: flags.view, choices: 'random', doc: flags.document } as const;
  const stay = await Crowd.start(await planFor(live.url, { ...wishes, returns: false }), flags.stay);
  const crowd = await Crowd.start(await planFor(live.url, { ...wishes, returns: true }), flags.fans);
  try {
    process.stderr.write(`connecting ${flags.stay} fans who stay and ${flags.fans} who will be cut\n`);
    await stay.join(flags.stay);
    await crowd.join(flags.fans);
    await pause(WARM_UP_MS);
    const { windowMs } = await crowd.report();
    const seconds = Math.ceil((CUT_AFTER_MS + windowMs + PATIENCE_MS) / 1000);
    const cpu = { edge: 0 };
    const stayed = measureSpan(stay, tickOf(live.url), seconds, {
      begin: () => {
        cpu.edge -= cpuSeconds(live.edge.pid);
      },
      end: () => {
        cpu.edge += cpuSeconds(live.edge.pid);
      },
    });
    await pause(CUT_AFTER_MS);
    await crowd.measure(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    process.stderr.write(`cutting ${flags.fans} connections\n`);
    await crowd.cut();
    const span = await stayed;
    const { counts, spans } = await crowd.report();
    const recovery = spans.recovery;
    const ms = (percentile: number) => round((recovery?.getValueAtPercentile(percentile) ?? Number.NaN) / 1000);
    return {
      fans: flags.fans,
      stayed: flags.stay,
      window_ms: windowMs,
      recovered_ratio: (recovery?.totalCount ?? 0) / flags.fans,
      overdue: counts.overdue,
      gaps: counts.gaps + span.gaps,
      doubles: counts.doubles + span.doubles,
      snapshots: counts.snapshots,
      refused: counts.refused,
      recovery_p50_ms: ms(50),
      recovery_p99_ms: ms(99),
      recovery_max_ms: round((recovery?.maxValue ?? Number.NaN) / 1000),
      stayed_delivered_ratio: span.delivered_ratio,
      stayed_late_ticks: span.late_ticks,
      stayed_p99_ms: span.p99_ms,
      stayed_max_ms: span.max_ms,
      edge_core_share: round(cpu.edge / seconds),
    };
  } finally {
    await Promise.all([stay.stop(), crowd.stop()]);
  }
}

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withLiveRace({ rate: 60 }, (live) => strike(live, flags));
