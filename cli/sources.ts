import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { FILE_START } from '../archive/file-frame.ts';
import type { NatsConnection } from '../broker/connection.ts';
import { loadCatalogue } from '../ingest/builtin-catalogue.ts';
import { createF1TestSource } from '../ingest/f1-test-source.ts';
import { createHttpSource } from '../ingest/http-source.ts';
import { createIbtSource } from '../ingest/ibt-source.ts';
import { createNatsSource } from '../ingest/nats-source.ts';
import { createSimulatorSource } from '../ingest/simulator-source.ts';
import type { Clock, Source } from '../ingest/source.ts';
import { createUdpSource } from '../ingest/udp-source.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { ConfigError } from '../protocol/errors.ts';
import { UsageError, type Values } from './flags.ts';
import type { SOURCE_FLAGS } from './race-flags.ts';

export const SOURCE_NAMES = ['simulator', 'nats', 'udp', 'http', 'ibt', 'f1-test'] as const;
export type SourceName = (typeof SOURCE_NAMES)[number];

/** What decides where frames come from. */
export interface SourceChoice extends Values<typeof SOURCE_FLAGS> {
  readonly sources: readonly string[];
  readonly files: readonly string[];
  readonly race: string;
  readonly 'udp-host': string;
  readonly 'udp-port': number;
  readonly 'http-host': string;
  readonly 'http-port': number;
  readonly token: string | undefined;
}

/** What plays a path: a folder is a Formula 1 test, a file is an archive of ours or an iRacing recording. */
export function sourceOfPath(path: string): 'ibt' | 'f1-test' | 'archive' {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats)
    throw new ConfigError(
      'no_recording',
      `The recording ${path} does not exist; give the path of an archive, of an .ibt file or of an f1-test folder.`,
    );
  if (stats.isDirectory()) return 'f1-test';
  return isArchive(path) ? 'archive' : 'ibt';
}

function isArchive(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const start = Buffer.alloc(FILE_START.length);
    return readSync(file, start) === start.length && start.equals(FILE_START);
  } finally {
    closeSync(file);
  }
}

/**
 * What plays recordings, `simulator` when there are none.
 * @throws {ConfigError} `no_recording`. @throws {UsageError} when they cannot be played in one race.
 */
export function sourceOfPaths(paths: readonly string[]): 'ibt' | 'f1-test' | 'archive' | 'simulator' {
  const sources = paths.map(sourceOfPath);
  if (sources.length > 1 && sources.some((source) => source !== 'ibt'))
    throw new UsageError(
      'bad_flag',
      '--replay must be one archive, one folder of an f1-test, or one or more .ibt files.',
    );
  return sources[0] ?? 'simulator';
}

export const catalogueFor = (choice: Pick<SourceChoice, 'catalogue' | 'sources'>): Catalogue =>
  loadCatalogue(choice.catalogue ?? (choice.sources.includes('f1-test') ? 'formula-1' : 'stock-car'));

/** @throws {UsageError} when the flags of the sources do not go together. */
export function expectSources({ sources, files, speed }: SourceChoice): void {
  const fail = (sentence: string) => {
    throw new UsageError('bad_flag', sentence);
  };
  const recorded = sources.filter((name) => name === 'ibt' || name === 'f1-test');
  const live = sources.filter((name) => name === 'nats' || name === 'udp' || name === 'http');
  if (recorded.length > 1) fail('--sources may name one of ibt and f1-test, not both.');
  if (recorded.length > 0 && files.length === 0)
    fail(`--sources ${recorded[0]} needs --files with the path of a recording.`);
  if (recorded[0] === 'f1-test' && files.length > 1)
    fail(`--files must be one folder for --sources f1-test, but has ${files.length} entries.`);
  if (live.length > 0 && speed !== 1)
    fail(`--speed must be 1 while cars send by themselves (--sources ${live.join(',')}), but is ${speed}.`);
}

export function createSources(
  choice: SourceChoice,
  catalogue: Catalogue,
  clock: Clock,
  connection: NatsConnection | Promise<NatsConnection>,
): Source[] {
  const make: Record<SourceName, () => Source> = {
    simulator: () =>
      createSimulatorSource({
        catalogue,
        clock,
        seed: choice.seed,
        cars: choice.cars,
        rateHz: choice.rate,
        laps: choice.laps,
        skipS: choice.skip,
      }),
    nats: () => createNatsSource(connection, choice.race, catalogue),
    udp: () => createUdpSource(catalogue, { host: choice['udp-host'], port: choice['udp-port'] }),
    http: () =>
      createHttpSource(choice.race, catalogue, {
        host: choice['http-host'],
        port: choice['http-port'],
        ...(choice.token === undefined ? {} : { token: choice.token }),
      }),
    ibt: () =>
      createIbtSource(catalogue, clock, {
        files: choice.files,
        cars: choice.cars,
        seed: choice.seed,
        lapsTotal: choice.laps,
      }),
    'f1-test': () => createF1TestSource(catalogue, clock, { folder: choice.files[0]!, cars: choice.cars }),
  };
  return choice.sources.map((name) => make[name as SourceName]());
}
