import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Edge } from '../../../fanout/edge.ts';
import { dequantise } from '../../../protocol/quantise.ts';
import { pageFolder } from '../../testing/built-page.ts';
import { launchChromium } from '../../testing/chromium.ts';
import { type RaceOptions, type RaceRig, startRace } from '../../testing/race-rig.ts';
import { sayIn, type Units } from '../units.ts';

/** CI is slow. */
const WAIT_MS = 20_000;

/** One browser, one race and one edge that gives out the page. */
export interface PageStage {
  readonly rig: RaceRig;
  /** It is called `pit-wall`. */
  readonly edge: Edge;
  /** What the browser called an error, of all pages. */
  readonly problems: readonly string[];
  /** Takes out what a test has brought about itself. */
  forgive(which: RegExp): void;
  /** Opens the page in a browser that knows nothing of the others. @param base Of the edge where it is not given. */
  open(query: string, options?: BrowserContextOptions, base?: string): Promise<Page>;
  /** Waits until the page shows the newest tick. */
  isAtTick(page: Page): Promise<void>;
  /** Publishes the next ticks and waits until the page shows the last. */
  publish(page: Page, ticks?: number): Promise<void>;
  /** The value of a channel in the newest tick; `null` while it is missing. */
  valueOf(car: string, key: string, tick?: number): number | null;
  /** The value of a channel in the newest tick, as the page says it. */
  textOf(car: string, key: string, units?: Units): string;
  stop(): Promise<void>;
}

/** @param isExpected Says which errors of the console are no problem. */
export async function startPageStage(seed: number, options: RaceOptions = {}): Promise<PageStage> {
  const browser: Browser = await launchChromium();
  const rig = await startRace(seed, options);
  await rig.publish(3);
  const edge = await rig.startEdge({ webRoot: pageFolder(), name: 'pit-wall' });
  const problems: string[] = [];
  const channelOf = (key: string) => {
    const index = rig.catalogue.channels.findIndex((channel) => channel.key === key);
    return { channel: rig.catalogue.channels[index]!, index };
  };
  const readValue = (car: string, key: string, tick = rig.tick) => {
    const { channel, index } = channelOf(key);
    return dequantise(channel, rig.oracle(tick, car)![index]!);
  };
  const isAtTick = async (page: Page) => {
    await page.waitForFunction((tick) => document.body.dataset.tick === String(tick), rig.tick);
  };
  return {
    ...{ rig, edge, problems, isAtTick, valueOf: readValue },
    async open(query, contextOptions = {}, base = edge.url) {
      // Where metres are what people think in.
      const context = await browser.newContext({
        ...{ locale: 'en-GB', viewport: { width: 1366, height: 900 }, serviceWorkers: 'block' },
        ...contextOptions,
      });
      context.setDefaultTimeout(WAIT_MS);
      const page = await context.newPage();
      page.on('console', (message) => {
        // A session that is not saved yet is asked for and not found, which a browser calls an error.
        if (message.type() !== 'error' || message.location().url.endsWith('/session')) return;
        problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(`${base}/${query}`);
      return page;
    },
    forgive(which) {
      problems.splice(0, problems.length, ...problems.filter((problem) => !which.test(problem)));
    },
    async publish(page, ticks = 1) {
      await rig.publish(ticks);
      await isAtTick(page);
    },
    textOf(car, key, units = 'metric') {
      const { channel } = channelOf(key);
      return sayIn(units, readValue(car, key), channel.unit, channel.resolution);
    },
    async stop() {
      await browser.close();
      await rig.stop();
    },
  };
}
