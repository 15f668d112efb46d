import type { CDPSession } from 'playwright-core';
import { pause } from '../live-race.ts';
import { round } from '../machine.ts';
import type { FanPage } from './fan-page.ts';
import { readFigures } from './play.ts';
import { hasGrown, type Point, slopePerMin } from './trend.ts';

/** A page fills its charts and caches at first: this share of the time is no trend. */
const SETTLES_FOR = 0.3;
/** What is being replaced just now is there twice: the least of so many looks is what stays. */
const LOOKS = 2;
const BETWEEN_LOOKS_MS = 700;
/** Kinds of things in a heap that are the engine's, or the document's, whose nodes are counted. */
const ENGINE: ReadonlySet<string> = new Set(['code', 'native', 'hidden', 'synthetic', 'object shape']);

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
    const bytes = await heldBytes(devtools);
    const { Nodes, JSEventListeners } = await readFigures(devtools);
    least.heap = Math.min(least.heap, bytes / 1000);
    least.nodes = Math.min(least.nodes, Nodes!);
    least.listeners = Math.min(least.listeners, JSEventListeners!);
  }
  return least;
}

/** As much of a snapshot of the heap as is read here. */
interface HeapSnapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly node_types: [string[]] } };
  readonly nodes: readonly number[];
}

/**
 * Bytes of what scripts hold, without garbage. Not what the engine makes of the scripts: it goes on to compile what runs
 * often for as long as a page is open, some 60 kB a minute at first.
 */
async function heldBytes(devtools: CDPSession): Promise<number> {
  const chunks: string[] = [];
  const take = ({ chunk }: { chunk: string }) => chunks.push(chunk);
  devtools.on('HeapProfiler.addHeapSnapshotChunk', take);
  await devtools.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  devtools.off('HeapProfiler.addHeapSnapshotChunk', take);
  const { snapshot, nodes } = JSON.parse(chunks.join('')) as HeapSnapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, size] = [fields.indexOf('type'), fields.indexOf('self_size')];
  const isHeld = types[0].map((name) => !ENGINE.has(name));
  let bytes = 0;
  for (let at = 0; at < nodes.length; at += fields.length) if (isHeld[nodes[at + type]!]) bytes += nodes[at + size]!;
  return bytes;
}
