import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { dequantise } from '../../protocol/quantise.ts';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { pageFolder } from '../testing/built-page.ts';
import { isLeftOut, launchChromium, titleOf } from '../testing/chromium.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import { VIEWS } from './page/address.ts';
import { sayIn } from './units.ts';

/** Where screenshots go; none are taken when it is not set. */
const SHOTS = process.env.SLIPSTREAM_SCREENSHOTS;

async function picture(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(SHOTS!, `${name}-${colorScheme}.png`) });
  }
}

describe.skipIf(isLeftOut)(titleOf('the page'), () => {
  let rig: RaceRig;
  let browser: Browser;
  let page: Page;
  let problems: string[];

  beforeAll(async () => {
    browser = await launchChromium();
    rig = await startRace(11);
    await rig.publish(3);
    await rig.startEdge({ webRoot: pageFolder() });
  });

  afterEach(async () => {
    await page?.close();
    expect(problems).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await rig?.stop();
  });

  async function visit(
    query: string,
    options: Parameters<Browser['newPage']>[0] = {},
    base = rig.edges[0]!.url,
    prepare = () => {},
  ) {
    problems = [];
    // Where metres are what people think in.
    page = await browser.newPage({ locale: 'en-GB', serviceWorkers: 'block', ...options });
    await page.addInitScript(prepare);
    // A session that is not saved yet is asked for and not found, which a browser calls an error.
    const isExpected = (url: string) => url.endsWith('/session');
    page.on('console', (message) => {
      if (message.type() === 'error' && !isExpected(message.location().url)) problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`${base}/${query}`);
  }

  const isAtTick = (tick: number) => page.waitForFunction((at) => document.body.dataset.tick === String(at), tick);

  /** Every value in the table of channels, as the page writes it. */
  const readTable = () =>
    page.$$eval('[data-channel]', (cells) =>
      Object.fromEntries(cells.map((cell) => [(cell as HTMLElement).dataset.channel!, cell.textContent])),
    );

  function expectedTable(car: string): Record<string, string> {
    const steps = rig.oracle(rig.tick, car)!;
    return Object.fromEntries(
      rig.catalogue.channels.map((channel, index) => [
        channel.key,
        sayIn('metric', dequantise(channel, steps[index]!), channel.unit, channel.resolution),
      ]),
    );
  }

  it('shows every channel of the car in the address, tick for tick, as it was published', async () => {
    await visit('?race=demo&car=24&view=channels');
    for (let i = 0; i < 5; i++) {
      await isAtTick(rig.tick);
      expect(await readTable()).toEqual(expectedTable('24'));
      await rig.publish();
    }
    expect(await page.textContent('#car-name')).toBe('#24 Driver 24');
    expect(await page.textContent('#kind')).toBe('Simulation');
    await rig.publish();
    expect(await page.textContent('#connection')).toBe('Live.');
    await page.click('[data-view=car]');
    expect(await page.textContent('[data-figure=position]')).toBe('2');
  });

  it('begins with the first race and its leader when the address says nothing', async () => {
    await visit('');
    await page.waitForURL(/\?race=demo&car=9$/);
    await isAtTick(rig.tick);
    expect(await page.textContent('#car-name')).toBe('#9 Driver 9');
  });

  it('changes the car by keyboard, and back by the browser', async () => {
    await visit('?race=demo&car=24');
    await isAtTick(rig.tick);
    await page.focus('button[data-car="48"]');
    await page.keyboard.press('Enter');
    await page.waitForURL(/car=48$/);
    expect(await page.getAttribute('button[data-car="48"]', 'aria-pressed')).toBe('true');
    await page.keyboard.press('a');
    await page.waitForURL(/car=48&view=channels$/);
    await page.waitForSelector('[data-channel]');
    await rig.publish();
    await isAtTick(rig.tick);
    expect(await readTable()).toEqual(expectedTable('48'));
    await page.goBack();
    await page.goBack();
    await rig.publish();
    await page.waitForFunction(() => document.querySelector('#car-name')?.textContent?.startsWith('#24'));
    await page.keyboard.press('a');
    await page.waitForSelector('[data-channel]');
    await isAtTick(rig.tick);
    expect(await readTable()).toEqual(expectedTable('24'));
  });

  it('finds channels by words of their label, key and group', async () => {
    await visit('?race=demo&car=24&view=channels');
    await isAtTick(rig.tick);
    await page.fill('#channel-search', 'left front press');
    const shown = await page.$$eval('.groups [data-channel]', (cells) =>
      cells.map((cell) => (cell as HTMLElement).dataset.channel),
    );
    expect(shown).toEqual(['tire_lf_press', 'tire_lf_press_cold']);
    expect(await page.isVisible('.groups caption >> text=tires')).toBe(true);
    expect(await page.isVisible('.groups caption >> text=weather')).toBe(false);
  });

  it('says that the connection is lost, and with a receipt how the gap was closed', async () => {
    const wire = await startFaultProxy(rig.edges[0]!.url);
    try {
      await visit('?race=demo&car=24&view=channels', {}, wire.url);
      await isAtTick(rig.tick);
      wire.refuse();
      wire.reset();
      // It says so only until the next try, which may come at once.
      await page.waitForFunction(() => document.querySelector('#connection')?.textContent?.includes('Connection lost'));
      await rig.publish(14);
      wire.mend();
      await isAtTick(rig.tick);
      expect(await page.textContent('#receipt')).toMatch(
        /^Missed 14 ticks, repaired with 1 composite, [\d.]+ k?B, in \d+ ms\.$/,
      );
      expect(await readTable()).toEqual(expectedTable('24'));
    } finally {
      // The browser itself reports connections that fail.
      problems = problems.filter((problem) => !/ERR_|WebSocket connection|status of 426/.test(problem));
      await page.close();
      await wire.stop();
    }
  });

  it('shows the same over an event stream where the browser makes no WebSocket, another car too', async () => {
    await visit('?race=demo&car=24&view=channels', {}, undefined, () => Reflect.deleteProperty(window, 'WebSocket'));
    await isAtTick(rig.tick);
    await rig.publish(3);
    await isAtTick(rig.tick);
    expect(await page.textContent('#connection')).toBe('Live, over an event stream.');
    expect(await readTable()).toEqual(expectedTable('24'));
    await page.click('[data-view=field]');
    await page.click('button[data-car="9"]');
    await page.click('[data-view=channels]');
    await rig.publish(1);
    await isAtTick(rig.tick);
    await page.waitForFunction(() => document.querySelector('#car-name')?.textContent?.includes('#9'));
    await vi.waitUntil(async () => JSON.stringify(await readTable()) === JSON.stringify(expectedTable('9')), 15_000);
    expect(rig.edges[0]!.stats().races.demo!.transports).toMatchObject({ sse: 1 });
  });

  it('asks for less while nobody sees it, and is whole again as soon as somebody does', async () => {
    await visit('?race=demo&car=24&view=channels');
    await isAtTick(rig.tick);
    const edge = rig.edges[0]!;
    const paced = () => edge.stats().races.demo!.tally.paced;
    /** Playwright keeps its pages in sight: the page is told otherwise. */
    const see = (visibilityState: 'hidden' | 'visible') =>
      page.evaluate((state) => {
        Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, visibilityState);
    const [from, before] = [paced(), rig.tick];
    await see('hidden');
    await vi.waitUntil(
      async () => {
        await rig.publish(1);
        return paced() > from;
      },
      { timeout: 10_000 },
    );
    await rig.publish(2);
    // The edge has sent it: the page shows it a moment later.
    await page.waitForFunction((tick) => Number(document.body.dataset.tick) > tick, before);
    await see('visible');
    await isAtTick(rig.tick);
    expect(await readTable()).toEqual(expectedTable('24'));
    const frames = paced();
    await rig.publish(2);
    await isAtTick(rig.tick);
    expect(paced()).toBe(frames);
  });

  it('says that no new data comes when the race goes silent', async () => {
    await visit('?race=demo&car=24');
    await isAtTick(rig.tick);
    await page.waitForFunction(() => document.body.dataset.old === 'true');
    await page.waitForFunction(() =>
      document.querySelector('#connection')!.textContent!.startsWith('No data from the'),
    );
    expect(await page.textContent('#connection')).toMatch(/^No data from the track since \d\d:\d\d:\d\d; it goes on/);
    await rig.publish(1);
    await page.waitForFunction(() => document.querySelector('#connection')!.textContent === 'Live.');
    expect(await page.evaluate(() => document.body.dataset.old)).toBe('false');
  });

  it('answers a car that is not there with a sentence', async () => {
    await visit('?race=demo&car=999');
    await page.waitForSelector('#problem:not([hidden])');
    expect(await page.textContent('#problem')).toContain('Car 999 is not in this race');
  });

  it.each([320, 768, 1366, 3840])(
    'fits a window of %i pixels without scrolling sideways, in every view',
    async (width) => {
      await visit('?race=demo&car=24,9,48', { viewport: { width, height: 800 } });
      await isAtTick(rig.tick);
      for (const view of VIEWS) {
        await page.click(`button[data-view=${view}]`);
        await page.waitForSelector(`main[data-view=${view}] section`);
        if (SHOTS) await picture(page, `${view}-${width}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect({ view, overflow: Math.max(0, overflow) }).toEqual({ view, overflow: 0 });
      }
    },
  );

  it('does not move anything when values change', async () => {
    await visit('?race=demo&car=24', { viewport: { width: 1366, height: 768 } });
    // The tests before may have taken so long that the race is called stale.
    await rig.publish(1);
    await isAtTick(rig.tick);
    await page.waitForFunction(() => document.querySelector('#connection')?.textContent === 'Live.');
    /** Where everything is that is not a part of a line of text, a picture or a bar. */
    const layout = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('body *')].flatMap((element) => {
          if (element.closest('svg, .bar') || getComputedStyle(element).display.startsWith('inline')) return [];
          const { x, y } = element.getBoundingClientRect();
          const name = `${element.tagName} ${element.id} ${(element as HTMLElement).dataset.figure ?? ''}`;
          return [`${name} ${x.toFixed(1)} ${y.toFixed(1)}`];
        }),
      );
    // What stands beside the car comes behind its first figures.
    await page.waitForSelector('#standings');
    await page.waitForSelector('.map canvas');
    const before = await layout();
    expect(before.length).toBeGreaterThan(100);
    for (let i = 0; i < 12; i++) {
      await rig.publish();
      await isAtTick(rig.tick);
      expect(await layout()).toEqual(before);
    }
  });
});
