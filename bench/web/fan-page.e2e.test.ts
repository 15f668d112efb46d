import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLeftOut, launchChromium, titleOf } from '../../web/testing/chromium.ts';
import { type FanPage, openFanPage } from './fan-page.ts';
import { measureLeak } from './leak.ts';
import { measurePlay } from './play.ts';
import { weigh } from './weight.ts';

/** Random, so that it is as large compressed as plain. */
const noise = (bytes: number) => randomBytes(bytes / 2).toString('hex');
const SCRIPT = `
  const text = '${noise(20_000)}';
  const race = await (await fetch('/races')).text();
  document.body.dataset.tick = String(race.length);
  setTimeout(() => fetch('/later.txt'), 200);
  navigator.serviceWorker.register('/worker.js');
  setInterval(() => { const end = performance.now() + 120; while (performance.now() < end); }, 500);
  setInterval(() => document.body.append(document.createElement('p')), 5);
`;
const WORKER = "addEventListener('install', (event) => event.waitUntil(fetch('/kept.js')));\n";
const KEPT = `// ${noise(10_000)}`;
const FILES: Record<string, { type: string; text: string }> = {
  '/': {
    type: 'text/html',
    text: '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script type="module" src="/page.js"></script>',
  },
  '/page.js': { type: 'text/javascript', text: SCRIPT },
  '/worker.js': { type: 'text/javascript', text: WORKER },
  '/kept.js': { type: 'text/javascript', text: KEPT },
  '/races': { type: 'application/json', text: noise(8000) },
  '/later.txt': { type: 'text/plain', text: noise(30_000) },
};

describe.skipIf(isLeftOut)(titleOf('a measured page'), () => {
  let browser: Browser;
  let url: string;
  const problems: string[] = [];
  const server = createServer((request, response) => {
    const file = FILES[request.url!];
    if (!file) return void response.writeHead(404).end();
    const isPacked = request.headers['accept-encoding']?.includes('gzip') && file.type === 'text/javascript';
    response.setHeader('Content-Type', file.type);
    if (isPacked) response.setHeader('Content-Encoding', 'gzip');
    response.end(isPacked ? gzipSync(file.text) : file.text);
  });

  beforeAll(async () => {
    browser = await launchChromium();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    await browser?.close();
    server.closeAllConnections();
    server.close();
  });

  async function withPage<T>(use: (fan: FanPage) => Promise<T>): Promise<T> {
    const fan = await openFanPage(browser, (problem) => problems.push(problem));
    try {
      return await use(fan);
    } finally {
      await fan.close();
    }
  }

  it('is weighed as it was sent: files of the first view, the race, and what came later', async () => {
    const weight = await withPage((fan) => weigh(fan, url, true));
    expect(weight.files.map(({ file, when, sent_as }) => [file, when, sent_as])).toEqual([
      ['/', 'first view', 'plain'],
      ['/page.js', 'first view', 'gzip'],
      ['/races', 'data', 'plain'],
      ['/later.txt', 'later', 'plain'],
      ['/worker.js', 'later', 'gzip'],
      ['/kept.js', 'later', 'gzip'],
    ]);
    const heads = { atLeast: 0.1, atMost: 0.5 };
    const isAbout = (kb: number, bodies: readonly number[]) => {
      const bytes = bodies.reduce((sum, size) => sum + size, 0);
      expect(kb).toBeGreaterThan(bytes / 1000 + bodies.length * heads.atLeast - 0.1);
      expect(kb).toBeLessThan(bytes / 1000 + bodies.length * heads.atMost + 0.1);
    };
    isAbout(weight.first_view_kb, [FILES['/']!.text.length, gzipSync(SCRIPT).length]);
    isAbout(weight.first_view_data_kb, [8000]);
    isAbout(weight.later_kb, [30_000, gzipSync(WORKER).length, gzipSync(KEPT).length]);
  });

  it('that blocks its thread has long tasks and drops frames', async () => {
    const play = await withPage((fan) => measurePlay(fan, url, 3, 1));
    expect(play.long_tasks).toBeGreaterThan(1);
    expect(play.longest_task_ms).toBeGreaterThanOrEqual(120);
    expect(play.frames_dropped).toBeGreaterThan(0.05);
    expect(play.script_share).toBeGreaterThan(0.1);
    expect(play.task_share).toBeGreaterThanOrEqual(play.script_share);
  });

  it('that keeps all that it adds grows', async () => {
    const leak = await withPage(async (fan) => {
      await fan.visit(url);
      return measureLeak(fan, 4, 500);
    });
    expect(leak.nodes_grow).toBe(true);
    expect(leak.listeners_grow).toBe(false);
    expect(leak.heap_kb.length).toBe(5);
  });

  it('that fails says so', async () => {
    problems.length = 0;
    await withPage(async (fan) => {
      await fan.visit(url);
      await fan.page.evaluate(() => {
        setTimeout(() => {
          throw new Error('the page is broken');
        });
      });
      await expect.poll(() => problems).toContain('the page is broken');
    });
  });
});
