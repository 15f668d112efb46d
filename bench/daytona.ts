import type { Usage, Values } from '../cli/flags.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { cpuSeconds, residentBytes, workersOf } from './cpu.ts';
import { Crowd } from './crowd/crowd.ts';
import { measureSpan, planFor, type SpanResult, tickOf } from './crowd/measured-span.ts';
import { Shares } from './crowd/shares.ts';
import { pause, startEdgeAndIngest } from './live-race.ts';

const FLAGS = {
  from: { kind: 'integer', min: 100, max: 200_000, default: 32_000, help: 'Fans of the first step.' },
  to: { kind: 'integer', min: 100, max: 200_000, default: 64_000, help: 'Fans of the last step.' },
  step: { kind: 'integer', min: 100, max: 50_000, default: 4000, help: 'Fans added with each step.' },
  workers: { kind: 'integer', min: 1, max: 64, default: 3, help: 'Edge processes on the one port.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'essentials', help: 'View in which they are watched.' },
  document: { kind: 'switch', help: 'Fans want the race document too.' },
  rate: { kind: 'integer', min: 1, max: 120, default: 120, unit: 'Hz', help: 'Samples per second and car.' },
  seconds: { kind: 'integer', min: 5, max: 600, default: 15, unit: 's', help: 'How long to measure each step.' },
  beyond: { kind: 'integer', min: 0, max: 10, default: 1, help: 'Steps to go on after the first that fails.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- daytona [flags]',
  purpose:
    'Finds how many fans this one machine serves, with ingest of 40 simulated cars, nats-server, edges and the crowd itself on it: step by step, until a fan misses a tick or gets one later than 500 ms after its close.',
  flags: FLAGS,
};

const WARM_UP_MS = 4000;

interface Step {
  readonly fans: number;
  readonly holds: boolean;
  readonly delivered_ratio: number;
  readonly late_ticks: number;
  readonly conflated: number;
  readonly gaps: number;
  readonly lost: number;
  /** Frames that the worst and the best served fan got: past the limit they should not differ. */
  readonly fewest_frames: number;
  readonly most_frames: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly edge_core_share: number;
  readonly crowd_core_share: number;
  readonly ingest_core_share: number;
  readonly nats_core_share: number;
  readonly rss_mb: number;
  readonly percentiles: SpanResult['percentiles'];
}

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const nats = await startNatsServer();
  try {
    const live = await startEdgeAndIngest(
      `127.0.0.1:${nats.port}`,
      'bench',
      { cars: 40, rate: flags.rate },
      { workers: flags.workers },
    );
    const plan = await planFor(live.url, {
      carsPerFan: flags.cars,
      view: flags.view,
      choices: 'random',
      doc: flags.document,
      returns: false,
    });
    const crowd = await Crowd.start(plan, flags.to);
    const edges = workersOf(live.edge.pid);
    const sum = (pids: readonly number[]) => pids.reduce((total, pid) => total + cpuSeconds(pid), 0);
    const shares = new Shares({
      edge: () => sum(edges),
      crowd: () => crowd.cpuSeconds(),
      ingest: () => cpuSeconds(live.ingest.pid),
      nats: () => cpuSeconds(nats.pid!),
    });
    const steps: Step[] = [];
    try {
      let failures = 0;
      for (let fans = flags.from; fans <= flags.to && failures <= flags.beyond; fans += flags.step) {
        process.stderr.write(`${fans} fans: connecting`);
        await crowd.join(fans - crowd.fans);
        await pause(WARM_UP_MS);
        let used: Record<string, number> = {};
        const span = await measureSpan(crowd, tickOf(live.url), flags.seconds, {
          begin: () => shares.begin(),
          end: () => {
            used = shares.end(flags.seconds);
          },
        });
        const step = describeStep(
          span,
          used,
          edges.reduce((bytes, pid) => bytes + residentBytes(pid), 0),
        );
        steps.push(step);
        if (!step.holds) failures++;
        process.stderr.write(
          `, p99 ${step.p99_ms} ms, latest ${step.max_ms} ms, ${step.late_ticks} late, ${step.conflated} joined: ${step.holds ? 'holds' : 'falls short'}\n`,
        );
      }
    } finally {
      await crowd.stop();
      await live.stop();
    }
    const firstFailure = steps.findIndex(({ holds }) => !holds);
    const best = firstFailure < 0 ? steps.at(-1) : steps[firstFailure - 1];
    return {
      fans: best?.fans ?? 0,
      edges: flags.workers,
      cars_per_fan: flags.cars,
      view: flags.view,
      document: flags.document,
      p50_ms: best?.p50_ms,
      p99_ms: best?.p99_ms,
      max_ms: best?.max_ms,
      percentiles: best?.percentiles,
      steps,
    };
  } finally {
    await nats.stop();
  }
}

function describeStep(span: SpanResult, used: Record<string, number>, rssBytes: number): Step {
  const { fans, delivered_ratio, late_ticks, conflated, gaps, lost, p50_ms, p99_ms, max_ms, percentiles } = span;
  const { fewest_frames, most_frames } = span;
  return {
    ...{ fans, holds: delivered_ratio === 1 && late_ticks === 0 && gaps === 0 && lost === 0 },
    ...{ delivered_ratio, late_ticks, conflated, gaps, lost, fewest_frames, most_frames, p50_ms, p99_ms, max_ms },
    edge_core_share: used.edge!,
    crowd_core_share: used.crowd!,
    ingest_core_share: used.ingest!,
    nats_core_share: used.nats!,
    rss_mb: Math.round(rssBytes / 2 ** 20),
    percentiles,
  };
}
