import { loadavg } from 'node:os';
import type { Browser } from 'playwright-core';
import type { Usage, Values } from '../cli/flags.ts';
import { buildPage, launchChromium } from '../web/testing/chromium.ts';
import { type LiveRace, pause, withLiveRace } from './live-race.ts';
import { round } from './machine.ts';
import { withAll } from './processes.ts';
import { type DistantEdge, startDistantEdge } from './web/distant-edge.ts';
import { addEmptyPage, EMPTY_PAGE, type FanPage, openFanPage } from './web/fan-page.ts';
import { measureLeak } from './web/leak.ts';
import { FOUR_G, type Network, SLOW_4G, slowNetwork } from './web/network.ts';
import { measurePlay } from './web/play.ts';
import { weigh } from './web/weight.ts';

const FLAGS = {
  views: {
    kind: 'list',
    default: ['car', 'field', 'compare', 'channels'],
    help: 'Views of the page; the first one is what is weighed and timed.',
  },
  loads: { kind: 'integer', min: 1, max: 100, default: 9, help: 'Cold loads over each network.' },
  'play-s': {
    kind: 'integer',
    min: 0,
    max: 3600,
    default: 60,
    unit: 's',
    help: 'How long each view plays on the slow processor; 0 leaves it out.',
  },
  'leak-min': {
    kind: 'integer',
    min: 0,
    max: 600,
    default: 10,
    unit: 'min',
    help: 'How long all views play, at once and on the whole processor, while their memory is watched; 0 leaves it out.',
  },
  'leak-speed': {
    kind: 'number',
    min: 1,
    max: 20,
    default: 4,
    help: 'Race seconds per second meanwhile: what fills with the last ten minutes of a race is full early.',
  },
  slowdown: { kind: 'number', min: 1, max: 20, default: 4, help: 'How many times slower than here a phone is.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- web [flags]',
  purpose:
    "Opens the page of a live simulated race of 40 cars in Chromium and measures what a fan's phone has to carry: bytes until the first value, time until it over 4G, what the page costs while it plays, and whether it grows. An empty page from the same edge says what the machine itself costs.",
  flags: FLAGS,
};

const CONTROL = 'empty page';
/** For each new window Chromium loads pages of its own, those of its address bar, beside the first page of a fan. */
const SETTLE_MS = 2000;

/** The pages of one run: opened one after another, each in a browser profile of its own. */
class Fans {
  readonly problems: string[] = [];
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  open(): Promise<FanPage> {
    return openFanPage(this.#browser, (problem) => {
      this.problems.push(problem);
      process.stderr.write(`the page says: ${problem}\n`);
    });
  }

  async with<T>(use: (fan: FanPage) => Promise<T>): Promise<T> {
    const fan = await this.open();
    try {
      return await use(fan);
    } finally {
      await fan.close();
    }
  }
}

/** Time to the first value, cold, again and again. */
async function timeLoads(fans: Fans, edge: DistantEdge, network: Network, path: string, flags: Values<typeof FLAGS>) {
  edge.setRtt(network.rttMs);
  const times: number[] = [];
  for (let n = 0; n < flags.loads; n++) {
    const timeMs = await fans.with(async (fan) => {
      await slowNetwork(fan.devtools, network);
      await fan.devtools.send('Emulation.setCPUThrottlingRate', { rate: flags.slowdown });
      await pause(SETTLE_MS);
      return fan.visit(`${edge.url}/${path}`);
    });
    times.push(timeMs);
  }
  times.sort((a, b) => a - b);
  const [median, min, max] = [times[times.length >> 1]!, times[0]!, times.at(-1)!].map((ms) => round(ms, 0));
  return {
    network: network.name,
    page: path === EMPTY_PAGE ? CONTROL : 'race',
    median_ms: median,
    min_ms: min,
    max_ms: max,
  };
}

async function timeAllLoads(fans: Fans, edgeUrl: string, path: string, flags: Values<typeof FLAGS>) {
  const edge = await startDistantEdge(edgeUrl);
  try {
    const rows = [];
    for (const network of [FOUR_G, SLOW_4G])
      for (const page of [path, EMPTY_PAGE]) {
        process.stderr.write(`loading ${page} ${flags.loads} times over ${network.name}\n`);
        rows.push(await timeLoads(fans, edge, network, page, flags));
      }
    return rows;
  } finally {
    await edge.stop();
  }
}

/** What is opened beside each other: every view, and the control. */
type Place = readonly [view: string, address: string];

async function placesOf({ url }: LiveRace, views: readonly string[]): Promise<{ cars: number; places: Place[] }> {
  const { cars } = (await (await fetch(`${url}/races/bench`)).json()) as { cars: string[] };
  const places = views.map((view): Place => [view, `${url}/?race=bench&car=${cars[0]}&view=${view}`]);
  return { cars: cars.length, places: [...places, [CONTROL, `${url}/${EMPTY_PAGE}`]] };
}

async function playAll(fans: Fans, places: readonly Place[], flags: Values<typeof FLAGS>) {
  const rows = [];
  for (const [view, address] of places) {
    process.stderr.write(`playing ${view} for ${flags['play-s']} s\n`);
    const play = await fans.with((fan) => measurePlay(fan, address, flags['play-s'], flags.slowdown));
    rows.push({ view, ...play });
  }
  return rows;
}

async function watchLeaks(fans: Fans, places: readonly Place[], minutes: number) {
  process.stderr.write(`watching the memory of ${places.length} pages for ${minutes} min\n`);
  return withAll(async (keep) => {
    const open = [];
    for (const [view, address] of places) {
      const fan = await fans.open();
      keep({ stop: () => fan.close() });
      await fan.visit(address);
      open.push({ view, fan });
    }
    return Promise.all(open.map(async ({ view, fan }) => ({ view, ...(await measureLeak(fan, minutes)) })));
  });
}

/** A race with the page on its edge, for as long as it is used. */
const withPage = <T>(speed: number, web: string, use: (live: LiveRace) => Promise<T>): Promise<T> =>
  withLiveRace({ rate: 10, speed }, use, { web });

async function measure(web: string, browser: Browser, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const loadBefore = loadavg()[0]!;
  const fans = new Fans(browser);
  const costs = await withPage(1, web, (live) => measureCosts(live, fans, flags));
  const leaks =
    flags['leak-min'] > 0
      ? await withPage(flags['leak-speed'], web, async (live) =>
          describeLeaks(await watchLeaks(fans, (await placesOf(live, flags.views)).places, flags['leak-min'])),
        )
      : {};
  return {
    slowdown: flags.slowdown,
    chromium: browser.version(),
    load_average: { before: round(loadBefore, 1), after: round(loadavg()[0]!, 1) },
    ...costs,
    ...leaks,
    page_errors: fans.problems.length,
  };
}

async function measureCosts(live: LiveRace, fans: Fans, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const { cars, places } = await placesOf(live, flags.views);
  const first = places[0]![1];
  process.stderr.write('weighing the first view\n');
  const weighAs = (isGzip: boolean) => fans.with((fan) => weigh(fan, first, isGzip));
  const gzip = await weighAs(true);
  const best = await weighAs(false);
  const loads = await timeAllLoads(fans, live.url, new URL(first).search, flags);
  const play = flags['play-s'] > 0 ? await playAll(fans, places, flags) : [];
  return {
    cars,
    first_view_gzip_kb: gzip.first_view_kb,
    first_view_data_kb: gzip.first_view_data_kb,
    later_gzip_kb: gzip.later_kb,
    first_view_brotli_kb: best.first_view_kb,
    files: gzip.files,
    first_value_ms: loads[0]!.median_ms,
    first_value_min_ms: loads[0]!.min_ms,
    first_value_max_ms: loads[0]!.max_ms,
    loads,
    ...(play.length > 0 ? { play } : {}),
  };
}

function describeLeaks(leak: Awaited<ReturnType<typeof watchLeaks>>): Record<string, unknown> {
  const ofViews = leak.filter(({ view }) => view !== CONTROL);
  return {
    leak_kb_per_min: Math.max(...ofViews.map(({ leak_kb_per_min }) => leak_kb_per_min)),
    nodes_or_listeners_grow: ofViews.some(({ nodes_grow, listeners_grow }) => nodes_grow || listeners_grow),
    leak,
  };
}

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  process.stderr.write('building the page\n');
  const page = await buildPage();
  try {
    addEmptyPage(page.folder);
    return await withAll(async (keep) => {
      const browser = await launchChromium();
      keep({ stop: () => browser.close() });
      return measure(page.folder, browser, flags);
    });
  } finally {
    page.remove();
  }
}

/** A page without errors, whose first view is as light as it has to be, and which does not grow. */
export const isGood = (result: Readonly<Record<string, unknown>>): boolean =>
  result.page_errors === 0 &&
  Number(result.first_view_gzip_kb) <= 90 &&
  Number(result.leak_kb_per_min ?? 0) <= 20 &&
  result.nodes_or_listeners_grow !== true;
