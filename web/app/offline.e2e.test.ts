import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { build, type Plugin } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { isLeftOut, launchChromium, titleOf } from '../testing/chromium.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import { startSmallSite } from './testing/small-site.ts';

const PATIENT = { timeout: 40_000 };

/** Another build of the page: its program says which one it is, and what became of keeping it. */
const marked = (mark: string): Plugin => ({
  name: 'mark',
  enforce: 'pre',
  transform: (code, id) =>
    /\/web\/app\/main\.tsx?$/.test(id)
      ? `${code}
document.body.dataset.build = '${mark}';`
      : undefined,
});

describe.skipIf(isLeftOut)(titleOf('the page without a network'), () => {
  let rig: RaceRig;
  let browser: Browser;
  let context: BrowserContext;
  /** What the network is between the page and the edge: when it refuses, nothing listens, as if the edge were stopped. */
  let wire: FaultProxy;
  let violations: string[] = [];
  const root = mkdtempSync(join(tmpdir(), 'slipstream-offline-'));
  const webRoot = join(root, 'web');

  beforeAll(async () => {
    browser = await launchChromium();
    for (const mark of ['one', 'two'])
      await build({ build: { outDir: join(root, mark) }, plugins: [marked(mark)], logLevel: 'warn' });
    deploy('one');
    rig = await startRace(11);
    await rig.publish(3);
    await rig.startEdge({ webRoot });
  });

  afterEach(async () => {
    await context?.close();
    await wire?.stop();
    expect(violations).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await rig?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  /** Other files take the place of all that were there. */
  function deploy(mark: string): void {
    rmSync(webRoot, { recursive: true, force: true });
    cpSync(join(root, mark), webRoot, { recursive: true });
  }

  /** A browser that was never here. */
  async function openBrowser(): Promise<Page> {
    violations = [];
    wire = await startFaultProxy(rig.edges[0]!.url);
    context = await browser.newContext();
    return openTab();
  }

  async function openTab(): Promise<Page> {
    const page = await context.newPage();
    page.on('console', (message) => {
      if (/Content.Security.Policy/i.test(message.text())) violations.push(message.text());
    });
    await page.goto(`${wire.url}/?race=demo&car=24`);
    return page;
  }

  const isKept = (page: Page) => page.waitForFunction(() => document.body.dataset.offline === 'ready');
  const buildOf = (page: Page) => page.evaluate(() => document.body.dataset.build);
  /** How many builds are kept whole: the page is written last. */
  const countKept = (page: Page) =>
    page.evaluate(async () => {
      const names = (await caches.keys()).filter((name) => name.startsWith('slipstream-page'));
      const pages = await Promise.all(names.map(async (name) => (await caches.open(name)).match('./')));
      return pages.filter((one) => one !== undefined).length;
    });

  function unplug(): void {
    wire.refuse();
    wire.reset();
  }

  it('can be installed, with icons that load', async () => {
    const page = await openBrowser();
    const devtools = await context.newCDPSession(page);
    const { errors, data } = await devtools.send('Page.getAppManifest');
    expect(errors).toEqual([]);
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    // Every browser of a test is a private window, where nothing is installed.
    expect(installabilityErrors.map(({ errorId }) => errorId)).toEqual(['in-incognito']);
    const manifest = JSON.parse(data!) as { icons: { src: string; sizes: string; purpose: string }[] };
    expect(manifest.icons.map(({ purpose }) => purpose)).toContain('maskable');
    const sizes = await page.evaluate(async (icons) => {
      const load = async (src: string) => {
        const image = new Image();
        image.src = src;
        await image.decode();
        return `${image.naturalWidth}x${image.naturalHeight}`;
      };
      return Promise.all(icons.map(({ src }) => load(src)));
    }, manifest.icons);
    expect(sizes).toEqual(manifest.icons.map(({ sizes }) => sizes));
  });

  it('starts when nothing answers, at any address of the page', async () => {
    const page = await openBrowser();
    await isKept(page);
    unplug();
    await page.reload();
    expect(await buildOf(page)).toBe('one');
    expect(await page.isVisible('#standings')).toBe(true);
    await page.goto(`${wire.url}/index.html?race=other`);
    expect(await buildOf(page)).toBe('one');
    // It is alive, not only seen: the race goes on as soon as the edge is back.
    await page.goto(`${wire.url}/?race=demo&car=9`);
    wire.mend();
    await rig.publish();
    await page.waitForFunction((tick) => document.body.dataset.tick === String(tick), rig.tick, { timeout: 40_000 });
  });

  it('starts from what is kept when the network takes too long', async () => {
    const page = await openBrowser();
    await isKept(page);
    wire.swallow();
    wire.cut();
    await page.reload();
    expect(await buildOf(page)).toBe('one');
  });

  it('shows what was on the screen last, marked as old, until a server answers', async () => {
    const page = await openBrowser();
    await isKept(page);
    await page.keyboard.press('a');
    await page.waitForSelector('[data-channel]');
    await rig.publish();
    await page.waitForFunction((tick) => document.body.dataset.tick === String(tick), rig.tick);
    const read = () =>
      page.$$eval('[data-channel]', (cells) =>
        cells.map((cell) => [(cell as HTMLElement).dataset.channel, cell.textContent]),
      );
    const before = await read();
    expect(before).toHaveLength(rig.catalogue.channels.length);
    unplug();
    await page.reload();
    await page.waitForSelector('#restored');
    expect(await page.textContent('#restored')).toMatch(/^This was shown at your last visit, \d\d:\d\d:\d\d;/);
    await page.waitForSelector('[data-channel]');
    expect(await read()).toEqual(before);
    expect(await page.textContent('#car-name')).toBe('#24 Driver 24');
    expect(await page.textContent('#kind')).toBe('Simulation');
    await page.waitForFunction(() => document.body.dataset.old === 'true');
    wire.mend();
    await rig.publish();
    await page.waitForFunction((tick) => document.body.dataset.tick === String(tick), rig.tick, { timeout: 40_000 });
    expect(await page.isVisible('#restored')).toBe(false);
    expect(await read()).not.toEqual(before);
  });

  it('keeps nothing of the races', async () => {
    const page = await openBrowser();
    await isKept(page);
    await page.reload();
    await page.waitForFunction((tick) => document.body.dataset.tick === String(tick), rig.tick);
    const read = () =>
      page.evaluate(async () => {
        const caught = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
        return caught.flat().map(({ url }) => new URL(url).pathname + new URL(url).search);
      });
    const others = (await read()).filter((path) => !/^\/(assets\/|icons\/|manifest\.webmanifest$|$)/.test(path));
    expect(others).toEqual([]);
  });

  it('stays below the folder of a proxy that the page is in', async () => {
    deploy('one');
    await openBrowser();
    const site = await startSmallSite(webRoot, '/fans/');
    try {
      const page = await context.newPage();
      site.said.set('/', '<h1>Another page of the origin</h1>');
      await page.goto(`${site.url}/fans/`);
      await isKept(page);
      await page.goto(`${site.url}/`);
      expect(await page.textContent('h1')).toBe('Another page of the origin');
      await site.stop();
      await expect(page.reload()).rejects.toThrow('net::ERR_');
      const again = await context.newPage();
      await again.goto(`${site.url}/fans/?race=demo`);
      expect(await buildOf(again)).toBe('one');
    } finally {
      await site.stop();
    }
  });

  it('is never white: where a part of what is kept was lost, only the network will do', async () => {
    const page = await openBrowser();
    await isKept(page);
    await page.evaluate(async () => {
      const [name] = (await caches.keys()).filter((one) => one.startsWith('slipstream-page'));
      const cache = await caches.open(name!);
      const script = (await cache.keys()).find(({ url }) => url.endsWith('.js'));
      await cache.delete(script!);
    });
    await page.reload();
    expect(await buildOf(page)).toBe('one');
    unplug();
    await expect(page.reload()).rejects.toThrow('net::ERR_');
  });

  it('comes new at the next load after another build was deployed, and keeps that one', async () => {
    deploy('one');
    const page = await openBrowser();
    await isKept(page);
    const stillOpen = await openTab();
    const script = await stillOpen.getAttribute('script[src]', 'src');
    deploy('two');
    await page.reload();
    expect(await buildOf(page)).toBe('two');
    await expect.poll(() => countKept(page), PATIENT).toBe(2);
    // The tab that is still open may want parts of its own build, which the server has no more.
    // Not from the cache of HTTP, which forgets when it likes.
    const partOf = (tab: Page) => tab.evaluate(async (src) => (await fetch(src!, { cache: 'reload' })).status, script);
    expect(await partOf(stillOpen)).toBe(200);
    unplug();
    await page.reload();
    expect(await buildOf(page)).toBe('two');
  });

  it('keeps the build that it has while another one is half deployed', async () => {
    deploy('one');
    const page = await openBrowser();
    await isKept(page);
    // The worker of another build is there already, and its parts; its page is not.
    cpSync(join(root, 'two'), webRoot, { recursive: true });
    cpSync(join(root, 'one', 'index.html'), join(webRoot, 'index.html'));
    const refused = page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      const next = new Promise<ServiceWorker>((resolve) =>
        registration.addEventListener('updatefound', () => resolve(registration.installing!), { once: true }),
      );
      void registration.update();
      const worker = await next;
      if (worker.state === 'redundant') return;
      await new Promise<void>((resolve) =>
        worker.addEventListener('statechange', () => worker.state === 'redundant' && resolve()),
      );
    });
    await refused;
    expect(await countKept(page)).toBe(1);
    unplug();
    await page.reload();
    expect(await buildOf(page)).toBe('one');
  });
});
