import { join } from 'node:path';
import jsqr from 'jsqr';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readSessionLink } from '../client/mod.ts';
import { pageFolder } from '../testing/built-page.ts';
import { isLeftOut, launchChromium, titleOf } from '../testing/chromium.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';

/** A CommonJS module: what Node gives as its default is all of it. */
const scan = ((jsqr as { default?: unknown }).default ?? jsqr) as typeof jsqr.default;
/** Where screenshots go; none are taken when it is not set. */
const SHOTS = process.env.SLIPSTREAM_SCREENSHOTS;

describe.skipIf(isLeftOut)(titleOf('the session of the page'), () => {
  let rig: RaceRig;
  let browser: Browser;
  let problems: string[] = [];
  /** Every address that any page asked a server for. */
  let asked: string[] = [];
  const devices: BrowserContext[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    rig = await startRace(11);
    await rig.publish(3);
    await rig.startEdge({ webRoot: pageFolder() });
    await rig.startEdge({ webRoot: pageFolder() });
  });

  afterEach(async () => {
    for (const device of devices.splice(0)) await device.close();
    // Answers that mean something here are reported by the browser all the same.
    const real = problems.filter((problem) => !/the server responded with a status of (404|410|412)/.test(problem));
    asked = [];
    problems = [];
    expect(real).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await rig?.stop();
  });

  /** A browser that knows nothing of the others. */
  async function device(options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
    const context = await browser.newContext({
      ...{ viewport: { width: 1366, height: 900 }, serviceWorkers: 'block' },
      ...options,
    });
    devices.push(context);
    const page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => asked.push(request.url()));
    return page;
  }

  const shows = async (page: Page, car: string) => {
    await rig.publish();
    await page.waitForFunction(
      (id) =>
        document.querySelector('#car-name')?.textContent?.startsWith(`#${id} `) && document.body.dataset.tick !== '',
      car,
    );
    expect(new URL(page.url()).searchParams.get('car')).toBe(car);
  };
  const pick = (page: Page, car: string) => page.click(`button[data-car="${car}"]`);
  const openDialog = async (page: Page) => {
    await page.click('#devices-open');
    return page.inputValue('#session-link');
  };
  /** The link as somebody opens it who reaches the other edge. */
  const atOther = (link: string) => link.replace(rig.edges[0]!.url, rig.edges[1]!.url);

  it('is handed over by link: both devices follow each other, at two edges', async () => {
    const [laptop, phone] = [await device(), await device({ viewport: { width: 390, height: 844 } })];
    await laptop.goto(`${rig.edges[0]!.url}/?race=demo`);
    await shows(laptop, '9');
    await pick(laptop, '48');
    await shows(laptop, '48');
    const link = await openDialog(laptop);
    expect(readSessionLink(new URL(link).hash)).toBeDefined();
    expect(new URL(link).search).toBe('?race=demo');
    await laptop.waitForFunction(
      () => document.querySelector('#session-status')?.textContent === 'Saved for all devices.',
    );
    await laptop.click('#devices-close');
    await phone.goto(atOther(link));
    await shows(phone, '48');
    expect(phone.url()).not.toContain('session');
    expect(await phone.textContent('#notice')).toBe('This page now follows your other device.');
    await pick(phone, '24');
    await shows(laptop, '24');
    await pick(laptop, '07');
    await shows(phone, '07');
    await laptop.goBack();
    await shows(laptop, '24');
    await shows(phone, '24');
    await phone.reload();
    await shows(phone, '24');
    const id = readSessionLink(new URL(link).hash)!;
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((url) => url.includes(id))).toEqual([]);
  });

  it('stays with the device over a reload, and a car in a link of a friend is a choice', async () => {
    const page = await device();
    await page.goto(`${rig.edges[0]!.url}/?race=demo&car=24`);
    await shows(page, '24');
    await pick(page, '48');
    await shows(page, '48');
    await page.goto(`${rig.edges[1]!.url}/?race=demo`);
    await shows(page, '9');
    await page.goto(`${rig.edges[0]!.url}/?race=demo`);
    await shows(page, '48');
    await page.goto(`${rig.edges[0]!.url}/?race=demo&car=07`);
    await shows(page, '07');
    const other = await page.context().newPage();
    await other.goto(`${rig.edges[0]!.url}/`);
    await shows(other, '07');
    await pick(other, '9');
    await shows(page, '9');
  });

  it('is left on one device, and deleted on all of them', async () => {
    const [a, b, c] = [await device(), await device(), await device()];
    await a.goto(`${rig.edges[0]!.url}/?race=demo&car=24`);
    await shows(a, '24');
    const link = await openDialog(a);
    await a.click('#devices-close');
    for (const page of [b, c]) {
      await page.goto(atOther(link));
      await shows(page, '24');
    }
    await openDialog(c);
    await c.click('#session-leave');
    expect(await c.textContent('#notice')).toContain('goes on by itself');
    await pick(c, '9');
    await shows(c, '9');
    await pick(a, '48');
    await shows(b, '48');
    await shows(c, '9');
    await openDialog(b);
    await b.click('#session-forget');
    expect(await b.textContent('#session-forget')).toBe('Yes, delete it everywhere');
    await b.click('#session-forget');
    for (const page of [a, b])
      await page.waitForFunction(() => document.querySelector('#notice')?.textContent?.includes('was deleted'));
    await pick(a, '07');
    await shows(a, '07');
    await shows(b, '48');
    const late = await device();
    await late.goto(link);
    await late.waitForFunction(() => document.querySelector('#notice')?.textContent?.includes('was deleted'));
  });

  it.each([
    [1366, 768, 'light'],
    [320, 568, 'dark'],
  ] as const)('shows a code and a link that fit a window of %i × %i, %s', async (width, height, colorScheme) => {
    const page = await device({ viewport: { width, height }, colorScheme });
    await page.goto(`${rig.edges[0]!.url}/?race=demo&car=24`);
    await shows(page, '24');
    const link = await openDialog(page);
    await page.waitForFunction(
      () => document.querySelector('#session-status')?.textContent === 'Saved for all devices.',
    );
    if (SHOTS) await page.screenshot({ path: join(SHOTS, `devices-${width}-${colorScheme}.png`) });
    const dialog = (await (await page.$('#devices'))!.boundingBox())!;
    expect(dialog.x).toBeGreaterThanOrEqual(0);
    expect(dialog.x + dialog.width).toBeLessThanOrEqual(width);
    expect(dialog.y + dialog.height).toBeLessThanOrEqual(height);
    expect(
      await page.evaluate(
        () => document.querySelector('#devices')!.scrollWidth - document.querySelector('#devices')!.clientWidth,
      ),
    ).toBe(0);
    expect(await readCode(page)).toBe(link);
    await page.keyboard.press('Escape');
    expect(await page.isVisible('#devices')).toBe(false);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('devices-open');
  });

  /** What a scanner reads out of the picture. */
  async function readCode(page: Page): Promise<string | undefined> {
    const { size, path } = await page.$eval('#devices svg.qr', (svg) => ({
      size: Number(svg.getAttribute('viewBox')!.split(' ')[2]),
      path: svg.querySelector('path')!.getAttribute('d')!,
    }));
    const scale = 4;
    const width = size * scale;
    const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
    for (const [, x, y] of path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
      for (let row = 0; row < scale; row++) {
        const from = ((Number(y) * scale + row) * width + Number(x) * scale) * 4;
        for (let at = from; at < from + scale * 4; at += 4) pixels.fill(0, at, at + 3);
      }
    }
    return scan(pixels, width, width)?.data;
  }
});
