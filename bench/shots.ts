import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { formatHelp, parseFlags, type Usage, UsageError, type Values } from '../cli/flags.ts';
import { findFreePort } from '../cli/testing/program.ts';
import { TelemetryError } from '../protocol/errors.ts';
import { launchChromium } from '../web/testing/chromium.ts';
import { pause } from './live-race.ts';
import { startService, withAll } from './processes.ts';
import { decodePng, encodePng } from './shots/png.ts';

const FLAGS = {
  recording: { kind: 'text', help: 'Recording of a real car: an .ibt file of iRacing. Must be given.' },
  after: {
    kind: 'integer',
    min: 10,
    max: 3600,
    default: 120,
    unit: 's',
    help: 'How long the race runs before the pages are opened: laps to compare, and standings.',
  },
  settle: {
    kind: 'integer',
    min: 5,
    max: 600,
    default: 45,
    unit: 's',
    help: 'How long the pages stay open before the pictures, so that their charts are full.',
  },
  only: { kind: 'list', help: 'Names of the pictures to take. Default: all.' },
  out: { kind: 'text', default: join(import.meta.dirname, '..', 'docs'), help: 'Folder for the pictures.' },
} as const;

const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run shots -- --recording <file.ibt> [flags]',
  purpose: 'Runs slipstream start with a recording and takes the pictures of the page that the README shows.',
  flags: FLAGS,
};

interface Shot {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** What the address says beside the race, with `{car}` and `{rival}` for the two that lead. */
  readonly query: string;
}

const LAPTOP = { width: 1366, height: 900 } as const;
const SHOTS: readonly Shot[] = [
  { name: 'page', query: 'car={car}&view=car', ...LAPTOP },
  { name: 'field', query: 'car={car}&view=field', ...LAPTOP },
  { name: 'compare', query: 'car={car},{rival}&view=compare', ...LAPTOP },
  { name: 'phone', query: 'car={car}&view=car', width: 390, height: 844 },
];
/** Whoever reads the README waits for all of them. */
const MAX_BYTES = 150_000;
const READY_WITHIN_MS = 60_000;

/** A car that leads, and the one behind it. */
async function findLeaders(url: string): Promise<{ car: string; rival: string }> {
  const { document, cars } = (await (await fetch(`${url}/races/demo`)).json()) as {
    cars: string[];
    document: { standings: Record<string, { position: number }> };
  };
  const standings = Object.entries(document.standings).sort(([, a], [, b]) => a.position - b.position);
  const [car, rival] = [...standings.map(([id]) => id), ...cars];
  if (car === undefined || rival === undefined) throw new Error('The race has not two cars yet; try a longer --after.');
  return { car, rival };
}

async function open(browser: Browser, address: string, { width, height }: Shot): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width, height },
    deviceScaleFactor: 1,
    colorScheme: 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  page.on('pageerror', (error) => process.stderr.write(`the page says: ${error.message}\n`));
  await page.goto(address);
  try {
    await page.waitForFunction(() => document.body.dataset.tick, undefined, { timeout: READY_WITHIN_MS });
  } catch {
    const said = ((await page.textContent('body')) ?? '').replaceAll(/\s+/g, ' ').slice(0, 400);
    throw new Error(`${address} showed no value of a car within ${READY_WITHIN_MS / 1000} s. It says: ${said}`);
  }
  return page;
}

async function take(
  browser: Browser,
  url: string,
  shots: readonly Shot[],
  flags: Values<typeof FLAGS>,
): Promise<number> {
  const cars = await findLeaders(url);
  const pages: [Shot, Page][] = [];
  for (const shot of shots) {
    const query = shot.query.replace('{car}', cars.car).replace('{rival}', cars.rival);
    pages.push([shot, await open(browser, `${url}/?race=demo&${query}`, shot)]);
  }
  process.stderr.write(`the pages play for ${flags.settle} s\n`);
  await pause(flags.settle * 1000);
  let largest = 0;
  for (const [{ name }, page] of pages) {
    const png = encodePng(decodePng(await page.screenshot({ animations: 'disabled' })));
    const path = join(flags.out, `${name}.png`);
    writeFileSync(path, png);
    process.stdout.write(`${path} ${(png.length / 1000).toFixed(0)} kB\n`);
    largest = Math.max(largest, png.length);
  }
  return largest;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(formatHelp(usage));
    return 0;
  }
  const { values: flags } = parseFlags(usage, args, process.env);
  const { recording } = flags;
  if (recording === undefined || !existsSync(recording)) {
    const given = recording === undefined ? 'is not given' : `${JSON.stringify(recording)} does not exist`;
    throw new UsageError(
      'bad_recording',
      `--recording (or SLIPSTREAM_RECORDING) must name an .ibt file, but ${given}.`,
    );
  }
  if (!statSync(flags.out, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError('bad_folder', `--out must name a folder, but ${JSON.stringify(flags.out)} is none.`);
  const shots = SHOTS.filter(({ name }) => flags.only.length === 0 || flags.only.includes(name));
  if (shots.length === 0)
    throw new UsageError('bad_only', `--only must name some of ${SHOTS.map(({ name }) => name).join(', ')}.`);
  const largest = await withAll(async (keep) => {
    const port = await findFreePort();
    keep(await startService(['start', '--replay', recording, '--port', String(port)]));
    process.stderr.write(`the race runs for ${flags.after} s\n`);
    await pause(flags.after * 1000);
    const browser = await launchChromium();
    keep({ stop: () => browser.close() });
    return take(browser, `http://127.0.0.1:${port}`, shots, flags);
  });
  if (largest <= MAX_BYTES) return 0;
  process.stderr.write(`A picture has ${largest} bytes, but may have ${MAX_BYTES}: show less in it.\n`);
  return 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `${error instanceof TelemetryError ? error.message : ((error as Error)?.stack ?? String(error))}\n`,
    );
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
