import { statSync } from 'node:fs';
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

/** The source that plays a path: a folder is a Formula 1 test, a file is an iRacing recording. */
export function sourceOfPath(path: string): 'ibt' | 'f1-test' {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats)
    throw new ConfigError(
      'no_recording',
      `The recording ${path} does not exist; give the path of an .ibt file or of an f1-test folder.`,
    );
  return stats.isDirectory() ? 'f1-test' : 'ibt';
}

export const catalogueFor = (choice: Pick<SourceChoice, 'catalogue' | 'sources'>): Catalogue =>
  loadCatalogue(choice.catalogue ?? (choice.sources.includes('f1-test') ? 'formula-1' : 'stock-car'));

/** @throws {UsageError} when a recording is asked for without a file. */
export function createSources(
  choice: SourceChoice,
  catalogue: Catalogue,
  clock: Clock,
  connection: NatsConnection,
): Source[] {
  const needFiles = (name: string) => {
    if (choice.files.length === 0)
      throw new UsageError('bad_flag', `--sources ${name} needs --files with the path of a recording.`);
    return choice.files;
  };
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
        files: needFiles('ibt'),
        cars: choice.cars,
        seed: choice.seed,
        lapsTotal: choice.laps,
      }),
    'f1-test': () => createF1TestSource(catalogue, clock, { folder: needFiles('f1-test')[0]!, cars: choice.cars }),
  };
  return choice.sources.map((name) => make[name as SourceName]());
}
