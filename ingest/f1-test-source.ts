import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Catalogue } from '../protocol/catalogue.ts';
import { SourceError } from '../protocol/errors.ts';
import { CAR_ID } from '../protocol/field.ts';
import { readDriverDay } from './f1-test-laps.ts';
import { createRecordingSource, type PlayedCar, type Recording } from './recording-player.ts';
import type { Clock, Source } from './source.ts';

export interface F1TestOptions {
  /** Folder with `P1/ALB/11_tel.json` and so on. */
  readonly folder: string;
  /** Driver-days to play, the first days first. @defaultValue 40 */
  readonly cars?: number;
  /** Each car drives its laps once and falls silent. @defaultValue false */
  readonly isOnce?: boolean;
}

const DEFAULT_CARS = 40;

/**
 * Plays the laps of a Formula 1 test as a race: every driver-day is a car (`ALB1` = ALB on day 1), all start together,
 * each drives its laps in order, for ever unless told otherwise, at the uneven times of its own samples.
 */
export function createF1TestSource(catalogue: Catalogue, clock: Clock, options: F1TestOptions): Source {
  const name = `f1-test ${basename(options.folder)}`;
  return createRecordingSource(name, catalogue, clock, () => load(catalogue, options));
}

async function load(catalogue: Catalogue, options: F1TestOptions): Promise<Recording> {
  const { folder, cars: wanted = DEFAULT_CARS, isOnce = false } = options;
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw new SourceError('bad_field', `A field has at least 1 car, not ${wanted}: ask for another number.`);
  }
  const teams = await readTeams(folder);
  const cars: (PlayedCar & { driver: string })[] = [];
  for (const { driver, day, path } of await findDriverDays(folder)) {
    if (cars.length === wanted) break;
    const laps = await readDriverDay(path, catalogue);
    if (laps) cars.push({ car: `${driver}${day}`, laps, phaseMs: 0, driver, isOnce });
  }
  if (cars.length === 0) {
    throw new SourceError('no_recording', `${folder} holds no laps: give the folder that holds P1, P2 and so on.`);
  }
  return {
    cars,
    facts: {
      name: 'Formula 1 test',
      kind: 'recording',
      origin: 'Laps of a Formula 1 test, lined up as if they were one race',
      roster: cars.map(({ car, driver }) => ({ car, driver, ...(teams.has(driver) && { team: teams.get(driver)! }) })),
    },
  };
}

async function findDriverDays(folder: string): Promise<{ driver: string; day: string; path: string }[]> {
  const found: { driver: string; day: string; path: string }[] = [];
  for (const session of await listFolders(folder)) {
    const day = /^P(\d{1,2})$/.exec(session)?.[1];
    if (!day) continue;
    for (const driver of await listFolders(join(folder, session))) {
      if (CAR_ID.test(`${driver}${day}`)) found.push({ driver, day, path: join(folder, session, driver) });
    }
  }
  return found;
}

async function listFolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? entry.name : [])).sort();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${message})`;
    throw new SourceError('no_recording', `Folder ${folder} ${why}: give the folder of the recording.`, { cause });
  }
}

/** Team by driver; the recording can be played without. */
async function readTeams(folder: string): Promise<Map<string, string>> {
  try {
    const { drivers } = JSON.parse(await readFile(join(folder, 'drivers.json'), 'utf8'));
    return new Map(drivers.map(({ driver, team }: Record<string, string>) => [String(driver), String(team)]));
  } catch {
    return new Map();
  }
}
