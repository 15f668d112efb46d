import type { CDPSession } from 'playwright-core';
import { pause } from '../live-race.ts';
import { round } from '../machine.ts';
import type { FanPage } from './fan-page.ts';
import { readFigures } from './play.ts';
import { hasGrown, type Point, slopePerMin } from './trend.ts';

/** A page fills its charts and caches at first: this share of the time is no trend. */
const SETTLES_FOR = 0.3;
/** What is being replaced just now is there twice: the least of so many looks is what stays. */
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 700;

/** What a page holds after a time of play beside what it held before. */
export interface Leak {
  readonly leak_kb_per_min: number;
  readonly heap_kb: readonly number[];
  readonly nodes: readonly number[];
  readonly nodes_grow: boolean;
  readonly listeners: readonly number[];
  readonly listeners_grow: boolean;
}

/**
 * Lets a page that is open play for some minutes, and looks each minute at what it holds when all garbage is gone.
 * @param minuteMs How long a minute is; only a test has no time for a real one.
 */
export async function measureLeak({ devtools }: FanPage, minutes: number, minuteMs = 60_000): Promise<Leak> {
  await devtools.send('Performance.enable');
  const startMs = performance.now();
  const looks: { atMin: number; heap: number; nodes: number; listeners: number }[] = [];
  for (let minute = 0; minute <= minutes; minute++) {
    await pause(Math.max(0, startMs + minute * minuteMs - performance.now()));
    const atMin = (performance.now() - startMs) / minuteMs;
    looks.push({ atMin, ...(await look(devtools)) });
  }
  const settled = looks.filter(({ atMin }) => atMin >= minutes * SETTLES_FOR);
  const heap: Point[] = settled.map(({ atMin, heap: value }) => ({ atMin, value }));
  const nodes = settled.map((look) => look.nodes);
  const listeners = settled.map((look) => look.listeners);
  return {
    leak_kb_per_min: round(slopePerMin(heap), 1),
    heap_kb: looks.map((look) => round(look.heap, 0)),
    nodes,
    nodes_grow: hasGrown(nodes),
    listeners,
    listeners_grow: hasGrown(listeners),
  };
}

async function look(devtools: CDPSession): Promise<{ heap: number; nodes: number; listeners: number }> {
  const least = {
    heap: Number.POSITIVE_INFINITY,
    nodes: Number.POSITIVE_INFINITY,
    listeners: Number.POSITIVE_INFINITY,
  };
  for (let n = 0; n < LOOKS; n++) {
    if (n > 0) await pause(BETWEEN_LOOKS_MS);
    await devtools.send('HeapProfiler.collectGarbage');
    const { JSHeapUsedSize, Nodes, JSEventListeners } = await readFigures(devtools);
    least.heap = Math.min(least.heap, JSHeapUsedSize! / 1000);
    least.nodes = Math.min(least.nodes, Nodes!);
    least.listeners = Math.min(least.listeners, JSEventListeners!);
  }
  return least;
}
