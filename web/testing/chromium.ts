import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { build } from 'vite';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];
  const apps = [
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  const candidates = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), ...apps];
  return process.env.CHROMIUM_BIN ?? candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const executablePath = findChromium();

/** Tests that need a browser are left out where there is none; not in CI, which has to have one. */
export const isLeftOut = executablePath === undefined && !process.env.CI;

/** The name of a group of tests in a browser; says so when they are left out. */
export const titleOf = (what: string): string =>
  isLeftOut ? `${what} (left out: no Chromium was found; set CHROMIUM_BIN)` : what;

/** @throws {Error} when there is none. */
export function launchChromium(): Promise<Browser> {
  if (!executablePath) throw new Error('No Chromium was found: run `node setup.mjs --browser`, or set CHROMIUM_BIN.');
  return chromium.launch({ executablePath, args: FLAGS });
}

/** Builds the page into a folder of its own. */
export async function buildPage(): Promise<{ readonly folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-page-'));
  await build({ build: { outDir: folder }, logLevel: 'warn' });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
