import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../cli/flags.ts';
import { renderPage } from './page.ts';
import type { Results } from './results.ts';

/**
 * Makes the folder of reports; called before a bench runs, so that a wrong one is told before hours of measuring.
 * @throws {UsageError} `bad_report`.
 */
export function prepareReports(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(
      'bad_report',
      `--report must name a folder that can be written, but ${JSON.stringify(folder)} cannot be made (${(error as Error).message}).`,
    );
  }
}

/** Writes `<name>.json` and `<name>.html`, over those of an earlier run. @returns the path of the page. */
export function writeReport(folder: string, name: string, results: Results): string {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(results, undefined, 2)}\n`);
  const page = join(folder, `${name}.html`);
  writeFileSync(page, renderPage(results));
  return page;
}
