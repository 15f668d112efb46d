import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import solid from 'vite-plugin-solid';
import { msgpackr } from '../../build/msgpackr.ts';

/** Builds a page with the charts and the comparison alone, under the rules of the real page, into a folder of its own. */
export async function buildCharts(): Promise<{ readonly folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-charts-'));
  await build({
    root: import.meta.dirname,
    configFile: false,
    base: './',
    plugins: [solid(), msgpackr()],
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
    },
    logLevel: 'warn',
  });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
