import type { Catalogue } from '../protocol/catalogue.ts';
import { IRACING, mapValue } from '../protocol/mappings.ts';
import type { IbtFile } from './ibt-file.ts';
import { findGoodRows, type LapRows } from './ibt-laps.ts';
import { type Counter, PLAYER_CHANNELS, type RecordedLaps } from './recording-player.ts';

/** The tank is filled up when less than this share of it is left. */
const RESERVE = 0.1;

/** Clean laps, ready to be played end to end for ever. */
export function toEndlessLaps(file: IbtFile, laps: readonly LapRows[], catalogue: Catalogue): RecordedLaps {
  const first = laps[0]!.start;
  const end = laps.at(-1)!.end;
  const time = file.column('SessionTime')!;
  const goodRows = findGoodRows(file).filter((row) => row >= first && row < end && time[row]! < time[end]!);
  const table = readTable(file, goodRows, catalogue, PLAYER_CHANNELS);
  const lapStarts = laps.map(({ start }) => goodRows.findIndex((row) => row >= start));
  setLapTimes(table, lapStarts, catalogue);
  const durationMs = (time[end]! - time[first]!) * 1000;
  return { ...table, durationMs, lapStarts, counters: findCounters(file, first, end, table.channels, catalogue) };
}

/** Every moment of the recording, once, as it was. */
export function toRecordedLaps(file: IbtFile, catalogue: Catalogue): RecordedLaps {
  const table = readTable(file, findGoodRows(file), catalogue, []);
  return { ...table, durationMs: Number.POSITIVE_INFINITY, lapStarts: [0], counters: [] };
}

type Table = Pick<RecordedLaps, 'channels' | 'values' | 'atMs'>;

/** @param extra Channels that get a column although the file may not have them. */
function readTable(file: IbtFile, rows: Uint32Array, catalogue: Catalogue, extra: readonly string[]): Table {
  const columns: { index: number; value: (row: number) => number }[] = [];
  for (const index of catalogue.packedOrder) {
    const { key } = catalogue.channels[index]!;
    const value = findColumn(file, key) ?? (extra.includes(key) ? () => Number.NaN : undefined);
    if (value) columns.push({ index, value });
  }
  const values = new Float64Array(rows.length * columns.length);
  columns.forEach(({ value }, column) => {
    rows.forEach((row, i) => {
      values[i * columns.length + column] = value(row);
    });
  });
  const time = file.column('SessionTime')!;
  return {
    channels: Uint16Array.from(columns, ({ index }) => index),
    values,
    atMs: Float64Array.from(rows, (row) => (time[row]! - time[rows[0]!]!) * 1000),
  };
}

function findColumn(file: IbtFile, key: string): ((row: number) => number) | undefined {
  const mapping = Object.hasOwn(IRACING, key) ? IRACING[key] : undefined;
  if (!mapping) return undefined;
  const variable = [mapping.from].flat().find((name) => file.variables.has(name));
  if (!variable || (mapping.unit !== undefined && file.variables.get(variable)!.unit !== mapping.unit))
    return undefined;
  const column = file.column(variable)!;
  return (row) => mapValue(mapping, column[row]);
}

/** In the first row of a lap the recording still holds the time of the lap before. */
function setLapTimes({ channels, values, atMs }: Table, lapStarts: readonly number[], catalogue: Catalogue): void {
  const column = channels.indexOf(catalogue.indexOf('lap_time') ?? -1);
  if (column < 0) return;
  atMs.forEach((rowAtMs, row) => {
    const start = lapStarts.findLast((one) => one <= row) ?? 0;
    values[row * channels.length + column] = (rowAtMs - atMs[start]!) / 1000;
  });
}

function findCounters(
  file: IbtFile,
  first: number,
  end: number,
  channels: Uint16Array,
  catalogue: Catalogue,
): Counter[] {
  const level = findColumn(file, 'fuel_level');
  const share = findColumn(file, 'fuel_pct');
  const tank = level && share ? (100 * level(first)) / share(first) : Number.NaN;
  const full: Record<string, number> = { fuel_level: tank, fuel_pct: 100 };
  const keys = ['fuel_level', 'fuel_pct', ...['lf', 'rf', 'lr', 'rr'].map((wheel) => `tire_${wheel}_odometer`)];
  return keys.flatMap((key): Counter[] => {
    const value = findColumn(file, key);
    const column = channels.indexOf(catalogue.indexOf(key) ?? -1);
    if (!value || column < 0) return [];
    const counter = { column, perLoop: value(end) - value(first) };
    const top = full[key];
    return [top === undefined ? counter : { ...counter, refill: { from: RESERVE * top, by: (1 - RESERVE) * top } }];
  });
}
