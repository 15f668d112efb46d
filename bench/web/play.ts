import type { CDPSession } from 'playwright-core';
import { pause } from '../live-race.ts';
import { round } from '../machine.ts';
import type { FanPage } from './fan-page.ts';
import { watchFrames } from './probe.ts';
import { droppedShare } from './trend.ts';

/** Compiling, the first charts and the last of what a page fetches are over by then. */
const WARM_UP_MS = 6000;

/** Figures that the browser keeps of a page, by name; times in s. */
export async function readFigures(devtools: CDPSession): Promise<Readonly<Record<string, number>>> {
  const { metrics } = await devtools.send('Performance.getMetrics');
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

/** What a page costs while it plays, on a processor that is slower by a factor. */
export interface Play {
  readonly long_tasks: number;
  readonly long_tasks_ms: number;
  readonly longest_task_ms: number;
  readonly frames_dropped: number;
  /** Shares of the page's main thread. */
  readonly task_share: number;
  readonly script_share: number;
  readonly style_share: number;
  readonly layout_share: number;
}

/** Visits an address and lets it play. */
export async function measurePlay(fan: FanPage, address: string, seconds: number, slowdown: number): Promise<Play> {
  const { devtools, page } = fan;
  await devtools.send('Performance.enable');
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
  await fan.visit(address);
  await pause(WARM_UP_MS);
  await page.evaluate(watchFrames);
  const before = await readFigures(devtools);
  await pause(seconds * 1000);
  const after = await readFigures(devtools);
  const { longTasksMs, frameGapsMs } = await page.evaluate(() => window.probe);
  const passed = (name: string) => after[name]! - before[name]!;
  const share = (name: string) => round(passed(name) / passed('Timestamp'), 3);
  return {
    long_tasks: longTasksMs.length,
    long_tasks_ms: round(
      longTasksMs.reduce((sum, ms) => sum + ms, 0),
      0,
    ),
    longest_task_ms: Math.max(0, ...longTasksMs),
    frames_dropped: round(droppedShare(frameGapsMs), 3),
    task_share: share('TaskDuration'),
    script_share: share('ScriptDuration'),
    style_share: share('RecalcStyleDuration'),
    layout_share: share('LayoutDuration'),
  };
}
