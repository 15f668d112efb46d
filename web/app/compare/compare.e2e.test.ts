import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isLeftOut, launchChromium, titleOf } from '../../testing/chromium.ts';
import { type RaceRig, START_AT_MS, startRace } from '../../testing/race-rig.ts';
import { sayValue } from '../words.ts';
import { buildCharts } from './testing/build-charts.ts';
import { LAP_RACE, LAP_S, valuesAt } from './testing/lap-race.ts';

describe.skipIf(isLeftOut)(titleOf('charts and the comparison'), () => {
  let race: RaceRig;
  let browser: Browser;
  let page: Page;
  let url: string;
  let problems: string[];
  let asked: URL[];
  let built: Awaited<ReturnType<typeof buildCharts>>;

  beforeAll(async () => {
    browser = await launchChromium();
    built = await buildCharts();
    race = await startRace(1, LAP_RACE);
    // Car 24 crosses the line at 7.5 s and then every 15 s, car 9 at 7.575 s and then every 15.15 s.
    await race.publish(131);
    url = (await race.startEdge({ webRoot: built.folder })).url;
  });
  afterEach(async () => {
    await page?.close();
    expect(problems).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await race?.stop();
    built?.remove();
  });

  async function visit(query = 'cars=24,9', options: Parameters<Browser['newPage']>[0] = {}) {
    problems = [];
    asked = [];
    page = await browser.newPage(options);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    // Not those that an edge refuses because it is busy: they are asked again.
    page.on('response', (answer) => {
      if (answer.ok() && answer.url().includes('/history')) asked.push(new URL(answer.url()));
    });
    await page.goto(`${url}/?${query}`);
    await untilShown(race.tick);
    await page.waitForSelector('.compare-summary');
  }
  const untilShown = (tick: number) => page.waitForFunction((at) => document.body.dataset.tick === String(at), tick);
  const summary = () => page.textContent('.compare-summary');
  const untilSummary = (words: string) =>
    page.waitForFunction((wanted) => document.querySelector('.compare-summary')?.textContent === wanted, words);
  const offered = (place: 'first' | 'second') =>
    page.locator(`.compare-${place} .compare-lap option`).allTextContents();
  const ofChart = () => asked.filter(({ searchParams }) => searchParams.get('channels') === 'speed,throttle,brake');
  const colorOfFirst = () => page.$eval('.compare-chart .line-chart-key', (key) => getComputedStyle(key).color);
  /** Pixels of the first chart in a part of the page that have the color of its first line. */
  const inked = (part: string) =>
    page.$eval(`${part} .line-chart`, (chart) => {
      const color = getComputedStyle(chart.querySelector('.line-chart-key')!).color;
      const [red, green, blue] = color.match(/\d+/g)!.map(Number);
      const { width, height } = chart.querySelector('canvas')!;
      const { data } = chart.querySelector('canvas')!.getContext('2d')!.getImageData(0, 0, width, height);
      let count = 0;
      for (let n = 0; n < data.length; n += 4)
        if (data[n] === red && data[n + 1] === green && data[n + 2] === blue && data[n + 3] === 255) count++;
      return count;
    });
  const rows = () =>
    page.$$eval('.compare-figures tbody tr', (list) =>
      list.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)),
    );

  it('compares the last laps of two cars, to the thousandth', async () => {
    await visit();
    expect(await summary()).toBe('#24’s lap 4 (15.000) is 0.150 s faster than #9’s lap 4.');
    expect(await offered('first')).toEqual([
      'Last: Lap 4 · 15.000',
      'Best of 3: Lap 2 · 15.000',
      'Lap 4 · 15.000',
      'Lap 3 · 15.000',
      'Lap 2 · 15.000',
    ]);
    expect(await page.locator('.compare-chart').count()).toBe(4);
    expect(await page.getAttribute('.compare-chart:last-child [role=img]', 'aria-label')).toBe(
      'Time that #24 lap 4 gains on #9 lap 4 over the lap: +0.150 s at its end.',
    );
  });

  it('tells what is at a place, by keyboard and by pointer, and where the cars were then', async () => {
    await visit('cars=24,9&units=us');
    await page.focus('.compare-place input');
    await page.keyboard.press('End');
    expect((await rows()).at(-1)).toEqual(['15.000', '15.150', '+0.150']);
    await page.keyboard.press('Home');
    expect((await rows()).at(-1)).toEqual(['0.000', '0.000', '0.000']);
    for (let n = 0; n < 100; n++) await page.keyboard.press('ArrowRight');
    expect((await rows()).at(-1)).toEqual(['7.500', '7.575', '+0.075']);
    // 200 km/h in the middle of the lap, for both.
    expect((await rows())[0]![0]).toBe('124.3');
    const [share, places] = await page.evaluate(() => window.cursor);
    expect(share).toBe(0.5);
    const lapStartMs = (car: string) => START_AT_MS + (0.5 + 2) * LAP_S[car]! * 1000;
    for (const { car, timeMs } of places) expect(timeMs).toBeCloseTo(lapStartMs(car) + (LAP_S[car]! * 1000) / 2, -1);
    expect(places.map(({ car }) => car)).toEqual(['24', '9']);

    const box = (await page.locator('.compare-chart .u-over').first().boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.25, box.y + 20);
    expect((await page.evaluate(() => window.cursor))[0]).toBeCloseTo(0.25, 1);
    // All charts have the cursor there.
    const lines = await page.$$eval('.compare-chart .u-cursor-x', (list) =>
      list.map((line) => getComputedStyle(line).transform),
    );
    expect(new Set(lines).size).toBe(1);
  });

  it('compares two laps of one car, and says so when they are the same', async () => {
    await visit();
    await page.selectOption('.compare-second .compare-car', '24');
    await untilSummary('Both are lap 4 of #24: choose another lap to compare it with.');
    await page.selectOption('.compare-second .compare-lap', { label: 'Lap 3 · 15.000' });
    await untilSummary('#24’s lap 4 and #24’s lap 3 took the same time, 15.000.');
  });

  it('shows a lap when it is complete, reads no more often, and nothing that is newer than what is shown', async () => {
    await visit();
    // The laps of both cars, and the chart.
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(3);
    const asLive = asked.length;
    // At once: a race that played on meanwhile could be read twice.
    await page.evaluate(async () => {
      await window.player.seek({ tick: 70 });
      window.player.pause();
    });
    // At 35 s of the race there is one full lap, the one from 7.5 s to 22.5 s.
    await page.waitForFunction(() => document.querySelectorAll('.compare-first .compare-lap option').length === 3);
    expect(await offered('first')).toEqual(['Last: Lap 2 · 15.000', 'Best of 1: Lap 2 · 15.000', 'Lap 2 · 15.000']);
    const atMs = await page.evaluate(() => window.player.time!);
    // All of it is read anew a moment later.
    await expect.poll(() => asked.length - asLive, { timeout: 10_000 }).toBe(3);
    for (const { searchParams } of asked.slice(asLive))
      expect(Number(searchParams.get('to'))).toBeLessThanOrEqual(atMs);

    await page.evaluate(() => window.player.goLive());
    await untilSummary('#24’s lap 4 (15.000) is 0.150 s faster than #9’s lap 4.');
    await page.waitForFunction(() => document.body.dataset.tick === '130');
    await expect.poll(() => asked.length - asLive, { timeout: 10_000 }).toBe(6);
    const before = asked.length;
    // The line is crossed at ticks 135 and 137, and at 165 and 167; three seconds later it is timed, and read.
    await race.publish(40);
    await untilShown(170);
    await untilSummary('#24’s lap 5 (15.000) is 0.150 s faster than #9’s lap 5.');
    const cars = asked.slice(before).map(({ searchParams }) => searchParams.get('car'));
    expect(cars.toSorted()).toEqual(['24', '9']);
  });

  it('draws channels as they come, and asks for their past once', async () => {
    await visit('cars=9');
    const label = (tick: number, minutes = 2) => {
      const { speed, throttle, brake } = valuesAt('9', tick);
      return [
        `Speed of #9 over the last ${minutes} minutes; now ${sayValue(speed, 0.1)} km/h.`,
        `Throttle and Brake of #9 over the last ${minutes} minutes; now ${sayValue(throttle, 0.1)} % and ${sayValue(brake, 0.1)} %.`,
      ];
    };
    const untilDrawn = (wanted: string[]) =>
      page.waitForFunction(
        (labels) =>
          JSON.stringify([...document.querySelectorAll('.channel-chart [role=img]')].map((one) => one.ariaLabel)) ===
          JSON.stringify(labels),
        wanted,
      );
    await untilDrawn(label(race.tick));
    await expect.poll(() => ofChart().length, { timeout: 10_000 }).toBe(1);
    await race.publish(6);
    await untilDrawn(label(race.tick));
    expect(ofChart()).toHaveLength(1);
    await page.click('.channel-chart button:text("10 min")');
    await page.waitForSelector('.channel-chart [aria-label*="last 10 minutes"]');
    await expect.poll(() => ofChart().length, { timeout: 10_000 }).toBe(2);
    await expect.poll(() => inked('.channel-chart'), { timeout: 10_000 }).toBeGreaterThan(100);

    await page.evaluate(() => window.player.seek({ tick: 60 }));
    await page.evaluate(() => window.player.pause());
    const tick = Number(await page.evaluate(() => document.body.dataset.tick));
    expect(tick).toBeLessThan(70);
    await untilDrawn(label(tick, 10));
    await expect.poll(() => ofChart().length, { timeout: 10_000 }).toBeGreaterThan(2);
    const atMs = await page.evaluate(() => window.player.time!);
    for (const { searchParams } of ofChart().slice(2)) expect(Number(searchParams.get('to'))).toBeLessThanOrEqual(atMs);
  });

  it('is drawn in the colors of the scheme, also when that changes', async () => {
    await visit('cars=24,9', { colorScheme: 'light' });
    await expect.poll(() => inked('.compare'), { timeout: 10_000 }).toBeGreaterThan(100);
    const before = await colorOfFirst();
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(colorOfFirst).not.toBe(before);
    await expect.poll(() => inked('.compare'), { timeout: 10_000 }).toBeGreaterThan(100);
  });

  it('says what to do when the past cannot be read', async () => {
    problems = [];
    page = await browser.newPage();
    let isAway = true;
    await page.route('**/history*', (route) =>
      isAway
        ? route.fulfill({ status: 404, json: { error: 'unknown_car', message: 'There is no such car.' } })
        : route.continue(),
    );
    await page.goto(`${url}/?cars=24`);
    await page.waitForSelector('.channel-chart-problem button');
    await expect
      .poll(() => page.textContent('.compare-state'))
      .toBe('The laps of #24 cannot be read: There is no such car. Read them again');
    isAway = false;
    await page.click('.compare-state button');
    await page.click('.channel-chart-problem button');
    await page.waitForSelector('.compare-summary');
    await page.waitForSelector('.channel-chart-problem', { state: 'detached' });
    expect(await page.locator('.compare-state').count()).toBe(0);
  });

  it('has room on every screen, in both schemes', async () => {
    await visit('cars=24,9');
    for (const width of [320, 1366, 1920])
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      }
  });

  it('is not in what the page begins with', () => {
    const files = readdirSync(join(built.folder, 'assets')).filter((name) => name.endsWith('.js'));
    const textOf = (name: string) => readFileSync(join(built.folder, 'assets', name), 'utf8');
    const first = files.filter((name) => /^index-/.test(name)).map(textOf);
    expect(first).toHaveLength(1);
    expect(first[0]).not.toContain('u-cursor-x');
    expect(files.filter((name) => textOf(name).includes('u-cursor-x'))).toHaveLength(1);
  });
});
