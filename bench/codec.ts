import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { Packr } from 'msgpackr';
import { type Usage, UsageError, type Values } from '../cli/flags.ts';
import { loadCatalogue } from '../ingest/builtin-catalogue.ts';
import { type IbtFile, parseIbt } from '../ingest/ibt-file.ts';
import { findGoodRows } from '../ingest/ibt-laps.ts';
import { type Catalogue, type Channel, type CodingHint, parseCatalogue } from '../protocol/catalogue.ts';
import { fitCoding } from '../protocol/coding-fit.ts';
import type { View } from '../protocol/coding-plan.ts';
import { applyDelta, encodeDelta } from '../protocol/delta.ts';
import { diffDocuments } from '../protocol/document-patch.ts';
import { IRACING } from '../protocol/mappings.ts';
import { pack } from '../protocol/pack.ts';
import { dequantise, quantise } from '../protocol/quantise.ts';
import { changeSlice } from '../protocol/slice.ts';
import { round, timeUs } from './machine.ts';

const FLAGS = {
  file: { kind: 'text', help: 'An iRacing telemetry file (.ibt).' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- codec --file <ibt>',
  purpose:
    'Every variable of the file becomes a channel with a resolution of 1/1000 of its range, sampled at 2 Hz. The coding hints are fitted on one half of the run and measured on the other, both ways round: no tick is encoded with hints that have seen it.',
  flags: FLAGS,
};

const STEPS = 1000;

/** Maps with whole numbers as keys, which JSON cannot have. */
const mapPackr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: false });

interface Column {
  readonly name: string;
  readonly values: Float64Array;
}

function readColumns(file: IbtFile): Column[] {
  return [...file.variables.keys()].map((name) => ({ name, values: file.column(name)! }));
}

function toChannel(column: Column, index: number): Channel {
  const finite = column.values.filter((value) => Number.isFinite(value));
  const low = finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const isConstant = finite.length === 0 || high === low;
  const min = finite.length === 0 ? 0 : low;
  const resolution = isConstant ? Math.max(1, Math.abs(min) / 1e6) : (high - low) / STEPS;
  // The last digit of a double must not push the ends of the range out of it.
  const span = isConstant ? resolution : high - low;
  return {
    key: `c${index}`,
    label: column.name,
    unit: '',
    resolution,
    min: min - span * 1e-9 - Number.EPSILON * Math.abs(min),
    max: min + span * (1 + 1e-9) + Number.EPSILON * Math.abs(min),
    aggregate: 'last',
    group: 'all',
    staleAfterMs: 5000,
  };
}

/** Channels that the essentials of the stock-car catalogue come from. */
function essentialKeys(columns: readonly Column[]): string[] {
  const stockCar = loadCatalogue('stock-car');
  const wanted = Array.from(
    stockCar.viewOf('essentials')!.channels,
    (c) => IRACING[stockCar.channels[c]!.key]?.from ?? [],
  ).flat();
  return columns.flatMap(({ name }, index) => (wanted.includes(name) ? [`c${index}`] : []));
}

function createCatalogue(
  channels: readonly Channel[],
  essentials: readonly string[],
  hints: readonly CodingHint[],
): Catalogue {
  return parseCatalogue({
    name: 'recording',
    channels: channels.map((channel, c) => (hints[c] ? { ...channel, coding: hints[c] } : channel)),
    views: { essentials },
  });
}

/** Mean bytes of what a tick message carries for the car, slot and length included; every delta is decoded and compared. */
function measureBytes(view: View, states: readonly Int32Array[]): number {
  let bytes = 0;
  for (let t = 1; t < states.length; t++) {
    bytes += changeSlice(0, '1', view, states[t - 1], states[t])?.length ?? 0;
    const delta = encodeDelta(view, states[t - 1]!, states[t]!);
    if (!delta) continue;
    const decoded = states[t - 1]!.slice();
    applyDelta(view, decoded, delta.slice());
    for (const c of view.channels)
      if (decoded[c] !== states[t]![c])
        throw new Error(`tick ${t}: channel ${c} decodes to ${decoded[c]}, not ${states[t]![c]}`);
  }
  return bytes / (states.length - 1);
}

function measureTimes(view: View, states: readonly Int32Array[]) {
  const deltas = states.slice(1).map((after, t) => encodeDelta(view, states[t]!, after)?.slice());
  const encodeUs = timeUs(states.length - 1, () => {
    for (let t = 1; t < states.length; t++) encodeDelta(view, states[t - 1]!, states[t]!);
  });
  const state = states[0]!.slice();
  const decodeUs = timeUs(deltas.length, () => {
    state.set(states[0]!);
    for (const delta of deltas) if (delta) applyDelta(view, state, delta);
  });
  return { encodeUs, decodeUs };
}

/** What other ways of saying the same cost, per car and tick. */
function measureOthers(channels: readonly Channel[], states: readonly Int32Array[]) {
  const named = states.map((state) =>
    Object.fromEntries(channels.map((channel, c) => [channel.label, dequantise(channel, state[c]!)])),
  );
  let json = 0;
  let patchText = 0;
  let patchPacked = 0;
  let changedPacked = 0;
  let changed = 0;
  for (let t = 1; t < states.length; t++) {
    json += Buffer.byteLength(JSON.stringify(named[t]));
    const patch = diffDocuments(named[t - 1]!, named[t]!);
    patchText += Buffer.byteLength(JSON.stringify(patch));
    patchPacked += pack(patch).length;
    const changes = new Map<number, number>();
    states[t]!.forEach((value, c) => {
      if (value !== states[t - 1]![c]) changes.set(c, value);
    });
    changed += changes.size;
    changedPacked += mapPackr.pack(changes).length;
  }
  // Column by column, differences as int16: a bound that sees the whole run before it writes the first byte.
  const columns = channels.map((_, c) => Int16Array.from(states.slice(1), (state, t) => state[c]! - states[t]![c]!));
  const brotli = brotliCompressSync(Buffer.concat(columns.map((column) => Buffer.from(column.buffer))), {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 },
  });
  const ticks = states.length - 1;
  return {
    changed_per_tick: round(changed / ticks, 1),
    json_bytes: round(json / ticks, 1),
    json_patch_bytes: round(patchText / ticks, 1),
    json_patch_msgpackr_bytes: round(patchPacked / ticks, 1),
    changed_msgpackr_bytes: round(changedPacked / ticks, 1),
    brotli_offline_bytes: round(brotli.length / ticks, 1),
  };
}

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  if (flags.file === undefined) throw new UsageError('bad_flag', '--file must name an iRacing telemetry file (.ibt).');
  const file = parseIbt(readFileSync(flags.file), basename(flags.file));
  const columns = readColumns(file);
  const channels = columns.map(toChannel);
  const rows = findGoodRows(file);
  const step = file.ticksPerSecond / 2;
  const states: Int32Array[] = [];
  for (let n = step; n < rows.length; n += step) {
    const row = rows[Math.floor(n)]!;
    states.push(Int32Array.from(channels, (channel, c) => quantise(channel, columns[c]!.values[row])));
  }
  const half = states.length >> 1;
  const halves = [states.slice(0, half + 1), states.slice(half)] as const;
  const essentials = essentialKeys(columns);
  const fitOn = (run: readonly Int32Array[]) => createCatalogue(channels, essentials, fitCoding(channels, [run]));
  const [first, second] = halves.map(fitOn) as [Catalogue, Catalogue];
  const crossed = (view: (catalogue: Catalogue) => View) =>
    (measureBytes(view(first), halves[1]) * (halves[1].length - 1) +
      measureBytes(view(second), halves[0]) * (halves[0].length - 1)) /
    (states.length - 1);
  const full = (catalogue: Catalogue) => catalogue.views[0]!;
  const times = measureTimes(full(first), states);
  const unfitted = createCatalogue(channels, essentials, []);
  return {
    file: basename(flags.file),
    channels: channels.length,
    ticks: states.length - 1,
    full_bytes_per_car_tick: round(crossed(full), 1),
    essentials_bytes_per_car_tick: round(
      crossed((catalogue) => catalogue.viewOf('essentials')!),
      1,
    ),
    encode_us: round(times.encodeUs),
    decode_us: round(times.decodeUs),
    full_bytes_without_hints: round(measureBytes(full(unfitted), states), 1),
    full_bytes_hints_of_same_run: round(measureBytes(full(fitOn(states)), states), 1),
    ...measureOthers(channels, states),
  };
}
