import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ArchiveReader } from '../archive/archive-reader.ts';
import { openFile } from '../archive/byte-source.ts';
import { exportRace } from '../archive/export-race.ts';
import { importRace } from '../archive/import-race.ts';
import { verifyArchive } from '../archive/report.ts';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { RaceStream } from '../broker/race-stream.ts';
import type { Usage, Values } from '../cli/flags.ts';
import { dequantise } from '../protocol/quantise.ts';
import { RaceCursor } from '../protocol/race-cursor.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { round } from './machine.ts';
import { runPastRace } from './past-race.ts';

const FLAGS = {
  minutes: { kind: 'integer', min: 1, max: 600, default: 180, unit: 'min', help: 'Length of the race.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- archive [flags]',
  purpose:
    'Exports a simulated race of 40 cars from its stream into a file, verifies the file and imports it again; the size is set beside that of the same states as compressed JSON.',
  flags: FLAGS,
};

const TICKS_PER_MINUTE = 120;
/** The JSON of a whole race would be gigabytes: so many minutes of it, from the middle, are compressed. */
const JSON_MINUTES = 5;

async function timed<T>(what: string, action: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  process.stderr.write(`${what}\n`);
  const startMs = performance.now();
  const result = await action();
  return { result, seconds: (performance.now() - startMs) / 1000 };
}

/** A part of the race as one would store it without us: a line of JSON per tick and car. */
async function rawJson(reader: ArchiveReader): Promise<{ text: Buffer; carTicks: number }> {
  const middle = Math.floor(reader.blocks.length / 2);
  const blocks = reader.blocks.slice(middle, middle + JSON_MINUTES);
  const lines: string[] = [];
  for (const block of blocks) {
    const catalogue = await reader.catalogue(block.catalogueTag);
    const { base, messages } = await reader.block(block);
    const cursor = new RaceCursor();
    cursor.useCatalogue(catalogue);
    if (base) cursor.take('keyframe', base);
    for (const { kind, data } of messages) {
      if (cursor.take(kind, data) !== 'tick') continue;
      const { head, field } = cursor.moment!;
      field.states.forEach((state, slot) => {
        if (!state) return;
        const values = catalogue.channels.map((channel, c) => [channel.key, dequantise(channel, state[c]!)]);
        lines.push(JSON.stringify({ at: head.closeAtMs, car: field.cars[slot], ...Object.fromEntries(values) }));
      });
    }
  }
  return { text: Buffer.from(lines.join('\n')), carTicks: lines.length };
}

async function measure(connection: NatsConnection, file: string, minutes: number): Promise<Record<string, unknown>> {
  const ticks = minutes * TICKS_PER_MINUTE;
  process.stderr.write(`filling the stream with ${ticks} ticks\n`);
  await runPastRace(connection, 'past', ticks);
  const stream = await RaceStream.open(connection, 'past');
  const range = (await stream.range())!;
  const written = await timed('exporting', () => exportRace(stream, range, file));
  const bytes = statSync(file).size;
  const source = await openFile(file);
  const reader = await ArchiveReader.open(source);
  const checked = await timed('verifying', () => verifyArchive(reader, () => {}));
  const other = await RaceStream.open(connection, 'again');
  const imported = await timed('importing', () => importRace(reader, other));
  process.stderr.write('compressing the JSON of some of it\n');
  const { text, carTicks } = await rawJson(reader);
  await source.close();
  const { tickBytes } = written.result;
  const carHours = (40 * minutes) / 60;
  const perCarHour = (length: number) => Math.round((length / carTicks) * TICKS_PER_MINUTE * 60);
  const megabytesPerS = (seconds: number) => round(bytes / 1e6 / seconds, 1);
  return {
    ticks,
    stream_tick_bytes: tickBytes,
    file_bytes: bytes,
    file_by_deltas: round(bytes / tickBytes, 4),
    export_s: round(written.seconds, 2),
    verify_s: round(checked.seconds, 2),
    import_s: round(imported.seconds, 2),
    export_mb_per_s: megabytesPerS(written.seconds),
    import_mb_per_s: megabytesPerS(imported.seconds),
    problems:
      checked.result.problems.length + (checked.result.ticks === ticks ? 0 : 1) + imported.result.problems.length,
    bytes_per_car_hour: Math.round(bytes / carHours),
    json_bytes_per_car_hour: perCarHour(text.length),
    json_gzip_bytes_per_car_hour: perCarHour(gzipSync(text).length),
    json_zstd_bytes_per_car_hour: perCarHour(zstdCompressSync(text).length),
  };
}

export async function run({ minutes }: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-bench-archive-'));
  const nats = await startNatsServer();
  try {
    const connection = await connectNats({ servers: [nats.url], name: 'bench archive' });
    try {
      return await measure(connection, join(folder, 'race'), minutes);
    } finally {
      await connection.close();
    }
  } finally {
    await nats.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
