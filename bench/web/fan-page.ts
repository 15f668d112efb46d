import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { tellWhenDrawn } from './probe.ts';

/** Longer than any network here takes to bring the page. */
const PATIENCE_MS = 60_000;
/** Without a race: it says at once that it shows a tick, so that all else is told apart from what the machine costs. */
const EMPTY = {
  'empty.html':
    '<!doctype html><meta charset="utf-8"><title>Empty</title><link rel="icon" href="data:,"><script type="module" src="empty.js"></script>',
  'empty.js': "document.body.dataset.tick = '0';\n",
} as const;

/** Address of the page that is the control, below the folder that {@link addEmptyPage} was given. */
export const EMPTY_PAGE = 'empty.html';

export function addEmptyPage(folder: string): void {
  for (const [name, text] of Object.entries(EMPTY)) writeFileSync(join(folder, name), text);
}

/** A page in a browser that has never been here: nothing is kept from earlier ones. */
export interface FanPage {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly devtools: CDPSession;
  /**
   * Goes to an address and waits for the first value of the chosen car. @returns ms since the navigation began.
   * @throws {Error} when none comes within a minute.
   */
  visit(address: string): Promise<number>;
  close(): Promise<void>;
}

/** @param onProblem Told of each error of the page. */
export async function openFanPage(browser: Browser, onProblem: (problem: string) => void): Promise<FanPage> {
  // A phone, as most fans hold one.
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  const drawn = Promise.withResolvers<number>();
  await page.exposeFunction('tellFirstValue', drawn.resolve);
  await page.addInitScript(tellWhenDrawn);
  page.on('pageerror', (error) => onProblem(error.message));
  page.on('console', (message) => {
    // A session that is not saved yet is asked for and not found, which a browser calls an error.
    if (message.type() === 'error' && !message.location().url.endsWith('/session')) onProblem(message.text());
  });
  return {
    page,
    context,
    devtools,
    visit: async (address) => {
      const timer = setTimeout(
        () => drawn.reject(new Error(`${address} showed no value of a car within ${PATIENCE_MS / 1000} s.`)),
        PATIENCE_MS,
      );
      try {
        const [afterMs] = await Promise.all([drawn.promise, page.goto(address, { waitUntil: 'commit' })]);
        return afterMs;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => context.close(),
  };
}
