import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { readF1LiveFeed } from '../../ingest/f1-live/live-feed.ts';
import { createF1TestSource } from '../../ingest/f1-test-source.ts';
import { openFeed } from '../../ingest/feed-race.ts';
import { createIbtSource, readIbtStart } from '../../ingest/ibt-source.ts';
import { readNascarFeed } from '../../ingest/nascar-feed.ts';
import { type RecordedRace, recordSource, UNDATED_MS } from '../../ingest/recorded-race.ts';
import { createSimulatorSource } from '../../ingest/simulator-source.ts';
import type { Catalogue } from '../../protocol/catalogue.ts';
import { ConfigError } from '../../protocol/errors.ts';
import { UsageError, type Values } from '../flags.ts';
import type { SOURCE_FLAGS } from '../race-flags.ts';

export const RECORDING_KINDS = ['ibt', 'f1-test', 'f1-live', 'nascar', 'simulator'] as const;
export type RecordingKind = (typeof RECORDING_KINDS)[number];

/** Most cars that a field can be made of. */
const ALL_CARS = 200;
/** So much of a file tells what it is. */
const HEAD_BYTES = 4096;

export interface RecordingChoice extends Omit<Values<typeof SOURCE_FLAGS>, 'cars' | 'speed' | 'catalogue'> {
  readonly cars: number | undefined;
  readonly minutes: number | undefined;
}

/** The kinds that are made of nothing but one folder, of files, or of nothing. */
const MOST_PATHS: Readonly<Record<RecordingKind, number>> = {
  ibt: ALL_CARS,
  'f1-test': 1,
  'f1-live': 1,
  nascar: 100_000,
  simulator: 0,
};

export const catalogueOfKind = (kind: RecordingKind): string => (kind.startsWith('f1-') ? 'formula-1' : 'stock-car');

/**
 * What the recordings are, where nobody has said so.
 * @throws {ConfigError} `no_recording` when that cannot be seen. @throws {UsageError} when they are of several kinds.
 */
export function kindOfPaths(paths: readonly string[]): RecordingKind {
  const kinds = new Set(paths.map(kindOfPath));
  const [kind] = kinds;
  if (kinds.size > 1)
    throw new UsageError(
      'bad_operand',
      `The recordings of a race must be of one kind, but are ${[...kinds].join(', ')}.`,
    );
  if (kind === undefined)
    throw new UsageError('bad_operand', 'The path of a recording must follow, or --kind simulator be given.');
  return kind;
}

function kindOfPath(path: string): RecordingKind {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new ConfigError('no_recording', `The recording ${path} does not exist.`);
  const unknown = () => {
    const kinds = RECORDING_KINDS.join(', ');
    return new ConfigError('no_recording', `What ${path} is cannot be seen; say it with --kind and one of ${kinds}.`);
  };
  if (stats.isDirectory()) {
    if (readdirSync(path).some((name) => /^P\d{1,2}$/.test(name))) return 'f1-test';
    throw unknown();
  }
  const kind = stats.isFile() ? kindOfHead(readHead(path)) : undefined;
  if (!kind) throw unknown();
  return kind;
}

/** A live feed names its fields early; an `.ibt` file has no mark, but begins with its version and its rate. */
function kindOfHead(head: Buffer): RecordingKind | undefined {
  const text = head.toString('latin1');
  if (/"vehicles"\s*:\s*\[/.test(text) && text.includes('"lap_number"')) return 'nascar';
  if (/^\d\d:\d\d:\d\d\.\d{3}\{"stream":/m.test(text)) return 'f1-live';
  if (/^(\xef\xbb\xbf)?\{\s*"/.test(text) && /"(CarData\.z|TimingData|SessionInfo)"\s*:/.test(text)) return 'f1-live';
  if (head.length < 144) return undefined;
  const version = head.readInt32LE(0);
  const rate = head.readInt32LE(8);
  return (version === 1 || version === 2) && rate >= 1 && rate <= 1000 ? 'ibt' : undefined;
}

function readHead(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(file, head));
  } finally {
    closeSync(file);
  }
}

/** @throws {UsageError} when the flags and the kind do not go together. */
export function expectRecordings(kind: RecordingKind, paths: readonly string[], choice: RecordingChoice): void {
  const most = MOST_PATHS[kind];
  const fewest = Math.min(1, most);
  if (paths.length < fewest || paths.length > most) {
    const range = fewest === most ? `${most} recording${most === 1 ? '' : 's'}` : `${fewest} to ${most} recordings`;
    throw new UsageError('bad_operand', `A race of kind ${kind} is made of ${range}, but ${paths.length} came.`);
  }
  if (kind === 'ibt' && choice.cars !== undefined && choice.minutes === undefined)
    throw new UsageError('bad_flag', '--minutes must be given with --cars: laps that are replicated have no end.');
}

/** Opens the recordings of a race. @throws {SourceError} when they cannot be read, here or when the race is advanced. */
export async function openRecordings(
  kind: RecordingKind,
  paths: readonly string[],
  catalogue: Catalogue,
  { cars, rate, seed, laps, skip }: RecordingChoice,
): Promise<RecordedRace> {
  switch (kind) {
    case 'ibt': {
      const field = { files: paths, cars: cars ?? ('as-recorded' as const), seed, lapsTotal: laps };
      return recordSource(await readIbtStart(paths[0]!), (clock) => createIbtSource(catalogue, clock, field));
    }
    case 'f1-test': {
      const field = { folder: paths[0]!, cars: cars ?? ALL_CARS, isOnce: true };
      return recordSource(UNDATED_MS, (clock) => createF1TestSource(catalogue, clock, field));
    }
    case 'f1-live':
      return openFeed(readF1LiveFeed(paths[0]!, catalogue));
    case 'nascar':
      return openFeed(readNascarFeed(paths, catalogue));
    case 'simulator': {
      const race = { catalogue, seed, laps, rateHz: rate, skipS: skip, loop: false, ...(cars && { cars }) };
      return recordSource(UNDATED_MS, (clock) => createSimulatorSource({ ...race, clock }));
    }
  }
}
