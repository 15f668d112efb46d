import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Catalogue } from '../protocol/catalogue.ts';
import { SourceError } from '../protocol/errors.ts';
import { toEndlessLaps, toRecordedLaps } from './ibt-columns.ts';
import { type IbtFile, parseIbt } from './ibt-file.ts';
import { findCleanLaps } from './ibt-laps.ts';
import { UNDATED_MS } from './recorded-race.ts';
import { createRecordingSource, type Recording } from './recording-player.ts';
import type { Clock, Source } from './source.ts';

export interface IbtOptions {
  /** Paths of `.ibt` files. */
  readonly files: readonly string[];
  /**
   * How many cars to make of the clean laps of the files, each with a file, laps and a phase of its own, playing for
   * ever; or `as-recorded` for one car per file that plays all of it once. @defaultValue 40
   */
  readonly cars?: number | 'as-recorded';
  /** Decides where on the track each car starts. @defaultValue 1 */
  readonly seed?: number;
  /** Laps of the race, as told to fans; the cars drive on. @defaultValue 200 */
  readonly lapsTotal?: number;
}

const DEFAULT_CARS = 40;
const MAX_CARS = 200;
/** What says that it was later has no date. */
const LATEST_START_MS = Date.UTC(2200, 0, 1);
/** Multiples of it, without their integers, spread evenly however many there are. */
const GOLDEN = 0.6180339887498949;

/**
 * Plays iRacing recordings for the channels of the stock-car catalogue.
 *
 * Names of people in the files are not read: drivers are called after their car.
 */
export function createIbtSource(catalogue: Catalogue, clock: Clock, options: IbtOptions): Source {
  const name = `ibt ${options.files.map((file) => basename(file)).join(', ')}`;
  return createRecordingSource(name, catalogue, clock, () => load(catalogue, options));
}

async function load(catalogue: Catalogue, options: IbtOptions): Promise<Recording> {
  const { cars: wanted = DEFAULT_CARS, seed = 1, lapsTotal = 200 } = options;
  const asRecorded = wanted === 'as-recorded';
  const count = asRecorded ? options.files.length : wanted;
  if (options.files.length === 0) throw new SourceError('no_recording', 'No .ibt file is given: give the path of one.');
  if (!Number.isInteger(count) || count < 1 || count > MAX_CARS) {
    throw new SourceError('bad_field', `A field has 1 to ${MAX_CARS} cars, not ${count}: ask for another number.`);
  }
  const files = await Promise.all(options.files.slice(0, count).map(readIbt));
  const recorded = files.map((file, i) => {
    if (asRecorded) return toRecordedLaps(file, catalogue);
    const laps = findCleanLaps(file);
    if (laps.length > 0) return toEndlessLaps(file, laps, catalogue);
    const sentence = `${basename(options.files[i]!)} holds no clean lap from line to line: give a longer recording.`;
    throw new SourceError('no_clean_lap', sentence);
  });
  const cars = Array.from({ length: count }, (_, i) => {
    const laps = recorded[i % recorded.length]!;
    const share = ((seed + i) * GOLDEN) % 1;
    return { car: String(i + 1).padStart(2, '0'), laps, phaseMs: asRecorded ? 0 : share * laps.durationMs };
  });
  const tracks = [...new Set(files.map(({ track }) => track).filter((track) => track !== undefined))];
  const lengths = new Set(files.map(({ trackLengthM }) => trackLengthM));
  const trackLengthM = lengths.size === 1 ? files[0]!.trackLengthM : undefined;
  return {
    cars,
    facts: {
      kind: 'recording',
      origin: asRecorded ? 'iRacing recording' : 'iRacing recording, replicated',
      ...(tracks.length > 0 && { track: tracks.join(' / ').slice(0, 120) }),
      ...(trackLengthM !== undefined && { trackLengthM }),
      ...(!asRecorded && { lapsTotal }),
      roster: cars.map(({ car }) => ({ car, driver: `Car ${car}` })),
    },
  };
}

/** When a recording began, Unix ms; {@link UNDATED_MS} for one with an impossible date. @throws {SourceError} */
export async function readIbtStart(path: string): Promise<number> {
  const { startedAtMs } = await readIbt(path);
  return startedAtMs >= UNDATED_MS && startedAtMs <= LATEST_START_MS ? startedAtMs : UNDATED_MS;
}

async function readIbt(path: string): Promise<IbtFile> {
  let buffer: Buffer;
  try {
    buffer = await readFile(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${message})`;
    throw new SourceError('no_recording', `Recording ${path} ${why}: give the path of an .ibt file.`, { cause });
  }
  const file = parseIbt(buffer, basename(path));
  for (const needed of ['SessionTime', 'Lap', 'LapDistPct']) {
    if (!file.variables.has(needed)) {
      throw new SourceError(
        'bad_recording',
        `${basename(path)} has no variable ${needed}: record it with all variables.`,
      );
    }
  }
  return file;
}
