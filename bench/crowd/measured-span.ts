import { pause } from '../live-race.ts';
import { round } from '../machine.ts';
import type { Crowd } from './crowd.ts';
import type { CrowdPlan } from './plan.ts';

const TICK_MS = 500;
/** So long a tick of the span may take to reach its last fan. */
const GRACE_MS = 2500;

/** What a crowd saw in a span of ticks. */
export interface SpanResult {
  readonly fans: number;
  readonly ticks: number;
  /** Ticks that came one by one, of all that there were for all fans. */
  readonly delivered_ratio: number;
  readonly conflated: number;
  readonly gaps: number;
  readonly doubles: number;
  readonly snapshots: number;
  readonly lost: number;
  readonly late_ticks: number;
  /** Frames that the worst and the best served fan got. */
  readonly fewest_frames: number;
  readonly most_frames: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly bytes_per_fan_s: number;
  /** Milliseconds at percentiles, for the plot. */
  readonly percentiles: Readonly<Record<string, number>>;
}

/**
 * Measures a span that begins with the next tick but one.
 * @param during What is measured beside it: called at the begin and at the end of exactly that span.
 */
export async function measureSpan(
  crowd: Crowd,
  tickNow: () => Promise<number>,
  seconds: number,
  during?: { begin(): void; end(): void },
): Promise<SpanResult> {
  const afterTick = (await tickNow()) + 1;
  const ticks = Math.round((seconds * 1000) / TICK_MS);
  await crowd.measure(afterTick, afterTick + ticks);
  during?.begin();
  await pause(ticks * TICK_MS);
  during?.end();
  await pause(GRACE_MS);
  return describeSpan(await crowd.report(), crowd.fans, ticks);
}

type Seen = Awaited<ReturnType<Crowd['report']>>;

const PERCENTILES = [0, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100];

export function describeSpan(
  { counts, latency, fewestFrames, mostFrames }: Seen,
  fans: number,
  ticks: number,
): SpanResult {
  const ms = (percentile: number) => round(latency.getValueAtPercentile(percentile) / 1000);
  return {
    fans,
    ticks,
    delivered_ratio: Number((counts.ticks / (fans * ticks)).toFixed(6)),
    conflated: counts.conflated,
    gaps: counts.gaps,
    doubles: counts.doubles,
    snapshots: counts.snapshots,
    lost: counts.lost,
    late_ticks: counts.late,
    fewest_frames: fewestFrames,
    most_frames: mostFrames,
    p50_ms: ms(50),
    p99_ms: ms(99),
    max_ms: round(latency.maxValue / 1000),
    bytes_per_fan_s: Math.round(counts.bytes / fans / ((ticks * TICK_MS + GRACE_MS) / 1000)),
    percentiles: Object.fromEntries(PERCENTILES.map((percentile) => [percentile, ms(percentile)])),
  };
}

/** The race of a bench. */
const RACE = 'bench';

/** What an edge says of the race, as soon as it shows it. */
export async function raceOf(url: string): Promise<{ tick: number; cars: string[] }> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`${url}/races/${RACE}`);
    if (answer.ok) return (await answer.json()) as { tick: number; cars: string[] };
    // One of several workers on the port follows the race already, another one not yet.
    await pause(100);
  }
  throw new Error(`${url} does not show the race ${RACE}.`);
}

/** The newest tick of an edge, asked each time. */
export const tickOf = (url: string) => async (): Promise<number> => (await raceOf(url)).tick;

/** A plan for fans who choose from the cars of the race. */
export const planFor = async (url: string, wishes: Omit<CrowdPlan, 'url' | 'race' | 'cars'>): Promise<CrowdPlan> => ({
  ...wishes,
  url,
  race: RACE,
  cars: (await raceOf(url)).cars,
});
