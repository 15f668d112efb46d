import { readFileSync, writeFileSync } from 'node:fs';
import type { Usage, Values } from '../cli/flags.ts';
import { sourceOfPath } from '../cli/sources.ts';
import { BUILTIN_CATALOGUES, catalogueFile, loadCatalogue } from '../ingest/builtin-catalogue.ts';
import { createF1TestSource } from '../ingest/f1-test-source.ts';
import { createIbtSource } from '../ingest/ibt-source.ts';
import { createSimulatorSource } from '../ingest/simulator-source.ts';
import { type Catalogue, type CodingHint, parseCatalogue } from '../protocol/catalogue.ts';
import { fitCoding } from '../protocol/coding-fit.ts';
import { changeSlice } from '../protocol/slice.ts';
import { round } from './machine.ts';
import { collectFields, statesByCar } from './recorded-states.ts';

const FLAGS = {
  catalogue: {
    kind: 'text',
    default: 'stock-car',
    help: `Name (${BUILTIN_CATALOGUES.join(', ')}) or path of the catalogue.`,
  },
  files: { kind: 'list', help: 'Recordings to fit on: .ibt files, or f1-test folders.' },
  simulate: {
    kind: 'integer',
    min: 0,
    max: 40,
    default: 0,
    help: 'Cars of the simulator to fit on besides the recordings.',
  },
  ticks: { kind: 'integer', min: 20, max: 5000, default: 300, help: 'Ticks of each recording to look at.' },
  write: { kind: 'switch', help: 'Write the hints into the catalogue file. This changes its hash.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- fit [flags]',
  purpose:
    'Finds the coding hints that make the deltas of recordings smallest, so that a series can fit the catalogue to its own cars.',
  flags: FLAGS,
};

/** The same catalogue file with other hints, one channel per line as people edit it. */
function withHints(path: string, hints: readonly CodingHint[]): string {
  const source = JSON.parse(readFileSync(path, 'utf8')) as {
    name: string;
    channels: object[];
    views: Record<string, string[]>;
  };
  const line = (value: object) => JSON.stringify(value).replaceAll('":', '": ').replaceAll(',"', ', "');
  const channels = source.channels.map((channel, c) => `    ${line({ ...channel, coding: hints[c] })}`);
  const views = Object.entries(source.views).map(
    ([name, keys]) => `    ${JSON.stringify(name)}: [${keys.map((key) => JSON.stringify(key)).join(', ')}]`,
  );
  return `{\n  "name": ${JSON.stringify(source.name)},\n  "channels": [\n${channels.join(',\n')}\n  ],\n  "views": {\n${views.join(',\n')}\n  }\n}\n`;
}

function bytesPerCarTick(catalogue: Catalogue, runs: readonly (readonly Int32Array[])[]): number {
  let bytes = 0;
  let ticks = 0;
  for (const states of runs) {
    for (let t = 1; t < states.length; t++) {
      bytes += changeSlice(0, '0', catalogue.views[0]!, states[t - 1], states[t])?.length ?? 0;
      ticks++;
    }
  }
  return bytes / ticks;
}

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const catalogue = loadCatalogue(flags.catalogue);
  const runs: Int32Array[][] = [];
  for (const file of flags.files) {
    process.stderr.write(`playing ${file}\n`);
    const fields = await collectFields(
      catalogue,
      (clock) =>
        sourceOfPath(file) === 'ibt'
          ? createIbtSource(catalogue, clock, { files: [file], cars: 1 })
          : createF1TestSource(catalogue, clock, { folder: file, cars: 8 }),
      flags.ticks,
    );
    runs.push(...statesByCar(fields));
  }
  if (flags.simulate > 0) {
    process.stderr.write('simulating\n');
    const fields = await collectFields(
      catalogue,
      (clock) => createSimulatorSource({ catalogue, clock, seed: 7, cars: 40 }),
      flags.ticks,
    );
    runs.push(...statesByCar(fields).slice(0, flags.simulate));
  }
  process.stderr.write(`fitting on ${runs.length} cars\n`);
  const hints = fitCoding(catalogue.channels, runs);
  const fitted = parseCatalogue({
    name: catalogue.name,
    channels: catalogue.channels.map((channel, c) => ({ ...channel, coding: hints[c] })),
    views: JSON.parse(catalogue.json).views,
  });
  if (flags.write) {
    const path = catalogueFile(flags.catalogue);
    writeFileSync(path, withHints(path, hints));
  }
  return {
    cars: runs.length,
    busy_channels: hints.filter((hint) => hint.busy).length,
    predicted_channels: hints.filter((hint) => hint.from !== undefined).length,
    bytes_before: round(bytesPerCarTick(catalogue, runs), 1),
    bytes_after: round(bytesPerCarTick(fitted, runs), 1),
    hash: fitted.hash,
  };
}
