import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalogue } from '../protocol/catalogue.ts';
import { SourceError } from '../protocol/errors.ts';
import { F1_TEST, type Mapping, mapValue } from '../protocol/mappings.ts';
import { PLAYER_CHANNELS, type RecordedLaps } from './recording-player.ts';

type Columns = Record<string, unknown[]>;

const LAP_FILE = /^(\d{1,4})_tel\.json$/;
const MAX_LAP_S = 3600;

/**
 * Reads the laps of one driver-day, a folder of `<lap>_tel.json` and `laptimes.json`, one after the other: each lap
 * begins when the one before has taken its time, also where the lap in between was not recorded.
 *
 * @returns `undefined` for a folder without a lap that can be used.
 * @throws {SourceError} `bad_recording`: a file is not what its name says.
 */
export async function readDriverDay(folder: string, catalogue: Catalogue): Promise<RecordedLaps | undefined> {
  const numbers = (await readdir(folder))
    .map((name) => Number(LAP_FILE.exec(name)?.[1]))
    .filter((number) => number >= 0);
  numbers.sort((a, b) => a - b);
  const lapTimes = await readLapTimes(folder);
  const columns = chooseColumns(catalogue);
  const rows: number[][] = [];
  const atMs: number[] = [];
  const lapStarts: number[] = [];
  let startMs = 0;
  for (const number of numbers) {
    const lap = (await readJson(join(folder, `${number}_tel.json`))).tel as Columns;
    const time = lap?.time;
    if (!Array.isArray(time))
      throw new SourceError('bad_recording', `${folder}, lap ${number}, has no times: leave the lap out.`);
    const lapMs = 1000 * (lapTimes.get(number) ?? Number(time.at(-1)) + 0.1);
    if (!(lapMs > 0 && lapMs < 1000 * MAX_LAP_S)) continue;
    const good = findGoodRows(time, lapMs);
    if (good.length === 0) continue;
    lapStarts.push(rows.length);
    const readers = columns.map(({ mapping }) => createReader(lap, mapping));
    for (const row of good) {
      atMs.push(startMs + 1000 * (time[row] as number));
      rows.push(readers.map((read) => read(row)));
    }
    startMs += lapMs;
  }
  if (rows.length === 0) return undefined;
  return {
    channels: Uint16Array.from(columns, ({ index }) => index),
    values: Float64Array.from(rows.flat()),
    atMs: Float64Array.from(atMs),
    durationMs: startMs,
    lapStarts,
    counters: [],
  };
}

function chooseColumns(catalogue: Catalogue): { index: number; mapping: Mapping | undefined }[] {
  return Array.from(catalogue.packedOrder, (index) => ({ index, key: catalogue.channels[index]!.key }))
    .filter(({ key }) => Object.hasOwn(F1_TEST, key) || (PLAYER_CHANNELS as readonly string[]).includes(key))
    .map(({ index, key }) => ({ index, mapping: F1_TEST[key] }));
}

/** The last row of a lap has the time of the first row of the next one. */
function findGoodRows(time: readonly unknown[], lapMs: number): number[] {
  const good: number[] = [];
  let latest = -1;
  time.forEach((at, row) => {
    if (typeof at !== 'number' || !(at > latest) || 1000 * at >= lapMs) return;
    latest = at;
    good.push(row);
  });
  return good;
}

function createReader(lap: Columns, mapping: Mapping | undefined): (row: number) => number {
  const column = mapping && lap[mapping.from as string];
  // Days without distances have zeros instead.
  if (!Array.isArray(column) || (mapping?.from === 'distance' && column.every((value) => value === 0)))
    return () => Number.NaN;
  return (row) => mapValue(mapping!, column[row]);
}

async function readLapTimes(folder: string): Promise<Map<number, number>> {
  const { lap, time } = (await readJson(join(folder, 'laptimes.json'))) as { lap?: unknown; time?: unknown };
  if (!Array.isArray(lap) || !Array.isArray(time)) {
    throw new SourceError('bad_recording', `${folder}/laptimes.json has no lists lap and time: copy the folder again.`);
  }
  const pairs = lap.map((number, i) => [number, time[i]] as [unknown, unknown]);
  return new Map(pairs.filter((pair): pair is [number, number] => pair.every((one) => typeof one === 'number')));
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  try {
    const text = await readFile(path, 'utf8');
    // Python writes NaN where JSON has no word for it.
    const value: unknown = JSON.parse(text.replace(/\bNaN\b/g, 'null'));
    return value as Record<string, unknown>;
  } catch (cause) {
    const sentence = `${path} cannot be read (${(cause as Error).message}): copy the folder again.`;
    throw new SourceError('bad_recording', sentence, { cause });
  }
}
