import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { dequantise } from '../../../protocol/quantise.ts';
import { pageFolder } from '../../testing/built-page.ts';
import { isLeftOut, launchChromium, titleOf } from '../../testing/chromium.ts';
import { type RaceRig, startRace } from '../../testing/race-rig.ts';
import { sayIn } from '../units.ts';

const isBetween = (low: number, high: number, value: number): boolean => value >= low && value <= high;
const WAIT = { timeout: 20_000, interval: 20 };
/** Where screenshots go; none are taken when it is not set. */
const SHOTS = process.env.SLIPSTREAM_SCREENSHOTS;

describe.skipIf(isLeftOut)(titleOf('the time bar'), () => {
  let rig: RaceRig;
  let browser: Browser;
  let page: Page;
  let problems: string[];
  let running: ReturnType<RaceRig['run']> | undefined;

  beforeAll(async () => {
    browser = await launchChromium();
    rig = await startRace(11);
    await rig.publish(131);
    await rig.startEdge({ webRoot: pageFolder() });
  });
  afterEach(async () => {
    await running?.stop();
    await page?.close();
    expect(problems).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await rig?.stop();
  });

  async function visit(options: Parameters<Browser['newPage']>[0] = {}) {
    problems = [];
    page = await browser.newPage({ locale: 'en-GB', serviceWorkers: 'block', ...options });
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`${rig.edges[0]!.url}/?race=demo&car=24&view=channels`);
    await page.waitForFunction((at) => Number(document.body.dataset.tick) >= at, rig.tick);
    await page.waitForSelector('#time-track:enabled');
    await page.click('#time-more summary');
  }

  /** No number while nothing is shown. */
  const shown = async () => Number.parseInt((await page.evaluate(() => document.body.dataset.tick)) ?? '', 10);
  const untilShown = (tick: number) => page.waitForFunction((at) => document.body.dataset.tick === String(at), tick);
  const where = () => page.textContent('#time-where');

  /** The page in one look: the tick, and every value of the car at it. */
  const look = () =>
    page.evaluate(() => ({
      tick: Number(document.body.dataset.tick),
      lap: document.querySelector('#race-lap')!.textContent,
      table: Object.fromEntries(
        [...document.querySelectorAll<HTMLElement>('[data-channel]')].map((cell) => [
          cell.dataset.channel!,
          cell.textContent!,
        ]),
      ),
    }));

  function truthAt(tick: number) {
    const steps = rig.oracle(tick, '24')!;
    const table = rig.catalogue.channels.map((channel, index) => [
      channel.key,
      sayIn('metric', dequantise(channel, steps[index]!), channel.unit, channel.resolution),
    ]);
    return { tick, lap: `${rig.documentAt(tick).lap} of 200`, table: Object.fromEntries(table) };
  }
  const expectTruth = async () => {
    let seen = await look();
    // What belongs to a tick of the document may come behind it; its values never do.
    const untilMs = Date.now() + 3000;
    while (seen.lap !== truthAt(seen.tick).lap && Date.now() < untilMs) seen = await look();
    expect(seen).toEqual(truthAt(seen.tick));
    return seen.tick;
  };

  /** Where the slider stands, in ticks of the newest. */
  const slider = () =>
    page.$eval('#time-track', (track) => {
      const { value, max, step } = track as HTMLInputElement;
      return (Number(value) - Number(max)) / Number(step);
    });

  it('stands where it is paused, while the race goes on, and is live again at once', async () => {
    await visit();
    const at = rig.tick;
    await page.click('#time-pause');
    await rig.publish(6);
    await vi.waitUntil(async () => (await where()) === 'Paused, 0:03 behind live.', WAIT);
    expect(await expectTruth()).toBe(at);
    expect(await page.textContent('#connection')).toBe('Connected.');
    expect(await slider()).toBe(-6);
    expect(await page.textContent('#time-pause')).toBe('Play');
    await page.click('#time-live');
    await untilShown(rig.tick);
    await expectTruth();
    expect(await where()).toBe('Live.');
    expect(await slider()).toBe(0);
    expect(await page.textContent('#connection')).toBe('Live.');
    expect(await page.getAttribute('#time-live', 'aria-pressed')).toBe('true');
  });

  it('shows any moment as it was, by button, by mouse and by keyboard', async () => {
    await visit();
    await page.click('#time-pause');
    const at = await shown();
    await page.click('#time-back');
    await untilShown(at - 20);
    await expectTruth();
    const { fromMs, tickMs } = await page.$eval('#time-track', (track) => ({
      fromMs: Number((track as HTMLInputElement).min),
      tickMs: Number((track as HTMLInputElement).step),
    }));
    await page.locator('#time-track').fill(String(fromMs + 33 * tickMs));
    await untilShown(33);
    await expectTruth();
    expect(await page.getAttribute('#time-track', 'aria-valuetext')).toMatch(/0:17$/);
    await page.focus('#time-track');
    await page.keyboard.press('ArrowRight');
    await untilShown(34);
    await expectTruth();
    if (SHOTS) {
      for (const [width, height] of [
        [390, 844],
        [1366, 768],
      ] as const) {
        await page.setViewportSize({ width, height });
        await page.screenshot({ path: join(SHOTS, `time-${width}.png`), fullPage: true });
      }
    }
  });

  it('plays on from there as fast as is asked, and joins the race', async () => {
    await visit();
    await page.click('#time-pause');
    await page.click('#time-back');
    await page.selectOption('#time-speed', '60');
    await page.click('#time-pause');
    await untilShown(rig.tick);
    await vi.waitUntil(async () => (await where()) === 'Live.', WAIT);
    expect(await page.inputValue('#time-speed')).toBe('1');
    // Nothing is ahead of what is live.
    await page.selectOption('#time-speed', '8');
    expect(await page.inputValue('#time-speed')).toBe('1');
    await expectTruth();
  });

  it('holds everything back by the TV delay until it is set to none', async () => {
    // Before the page comes: of a race that stands still at first the page would think that it is further on than it is.
    running = rig.run(500);
    await visit();
    await page.fill('#time-delay', '4');
    await page.press('#time-delay', 'Enter');
    await vi.waitUntil(async () => (await where()) === '4 s behind live, as set.', WAIT);
    await vi.waitUntil(async () => isBetween(5, 12, rig.tick - (await shown())), WAIT);
    await expectTruth();
    await page.fill('#time-delay', '0');
    await page.press('#time-delay', 'Enter');
    await vi.waitUntil(async () => (await where()) === 'Live.', WAIT);
    await running.stop();
    await untilShown(rig.tick);
    await expectTruth();
  });

  it('makes a link to a moment, which whoever opens it sees played from there', async () => {
    await visit();
    await page.click('#time-pause');
    await page.click('#time-back');
    await untilShown(rig.tick - 20);
    await page.click('#time-link');
    await page.waitForURL(/&at=\d+$/);
    await page.waitForSelector('#notice:not([hidden])');
    await page.goto(page.url());
    await vi.waitUntil(async () => /^Playing, /.test((await where()) ?? ''), WAIT);
    expect(await expectTruth()).toBeGreaterThanOrEqual(rig.tick - 20);
    expect(await shown()).toBeLessThan(rig.tick - 5);
  });

  it('stays as far behind as the TV is, with one tap', async () => {
    await visit();
    running = rig.run(500);
    await page.click('#time-pause');
    await vi.waitUntil(async () => /0:0[2-9] behind/.test((await where()) ?? ''), WAIT);
    await page.click('#time-sync');
    await vi.waitUntil(async () => /^[1-9](\.\d)? s behind live, as set\.$/.test((await where()) ?? ''), WAIT);
    await page.fill('#time-delay', '0');
    await page.press('#time-delay', 'Enter');
    await running.stop();
    await untilShown(rig.tick);
  });
});
