import { basename } from 'node:path';
import { ArchiveError } from '../../archive/archive-error.ts';
import { writeArchiveFile } from '../../archive/file-writer.ts';
import { loadCatalogue } from '../../ingest/builtin-catalogue.ts';
import { randomEpoch } from '../../ingest/epoch.ts';
import { OfflineRace } from '../../ingest/offline-race.ts';
import type { Flags, Usage, Values } from '../flags.ts';
import { createProgress } from '../progress.ts';
import { RACE_NAME, SOURCE_FLAGS } from '../race-flags.ts';
import { FILE_NAME, stopOnSignal, TICK_MS } from './archive-flags.ts';
import { describeMade, type MadeRace, summarise } from './made-race.ts';
import {
  catalogueOfKind,
  expectRecordings,
  kindOfPaths,
  openRecordings,
  RECORDING_KINDS,
  type RecordingKind,
} from './recordings.ts';

/** No recording of ours is longer; a damaged one may say that it is. */
const MAX_HOURS = 24;
/** Ticks after which others have their turn: whoever wants to end the program. */
const BREATH_TICKS = 50;

const { rate, seed, laps, skip, catalogue } = SOURCE_FLAGS;
const KIND = {
  accepts: (text: string) => (RECORDING_KINDS as readonly string[]).includes(text),
  rule: `one of ${RECORDING_KINDS.join(', ')}`,
};
const FLAGS = {
  kind: { kind: 'text', allowed: KIND, help: 'What the recordings are. Default: what they look like.' },
  race: { kind: 'text', allowed: RACE_NAME, help: 'Name of the race. Default: that of the file.' },
  cars: {
    kind: 'integer',
    min: 1,
    max: 200,
    help: 'Cars of the simulator; or a field of so many cars, made of the laps of .ibt files. Default: as recorded.',
  },
  minutes: {
    kind: 'number',
    min: 0.1,
    max: 60 * MAX_HOURS,
    help: 'Ends the race after so many minutes. Default: at the end of the recording.',
  },
  catalogue,
  rate,
  seed,
  laps,
  skip,
  json: { kind: 'switch', help: 'One JSON object instead of text.' },
} as const satisfies Flags;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream archive make <file> <recording…> [flags]',
  purpose:
    'Makes an archive of recordings, as ingest would have published them. What is not understood in them is counted and named.',
  flags: FLAGS,
  operands: { file: FILE_NAME },
  more: { name: 'recording', ...FILE_NAME },
};

export async function run(flags: Values<typeof FLAGS>, [path, ...paths]: readonly string[]): Promise<number> {
  const progress = createProgress('making');
  const made = await makeArchive(path!, paths, flags, progress, stopOnSignal()).finally(() => progress());
  process.stdout.write(flags.json ? `${JSON.stringify(made)}\n` : describeMade(made));
  return 0;
}

/** @throws {TelemetryError} when the recordings cannot be read or the file cannot be written; then there is none. */
export async function makeArchive(
  path: string,
  paths: readonly string[],
  flags: Omit<Values<typeof FLAGS>, 'json'>,
  onProgress: (done: number, of: number) => void,
  signal: AbortSignal,
): Promise<MadeRace> {
  const kind = (flags.kind as RecordingKind | undefined) ?? kindOfPaths(paths);
  expectRecordings(kind, paths, flags);
  const catalogue = loadCatalogue(flags.catalogue ?? catalogueOfKind(kind));
  const recorded = await openRecordings(kind, paths, catalogue, flags);
  const race = new OfflineRace({
    race: flags.race ?? nameAfter(path),
    kind: kind === 'simulator' ? 'simulation' : 'recording',
    catalogue,
    epoch: randomEpoch(),
    startMs: recorded.startMs,
  });
  const { minutes = 60 * MAX_HOURS } = flags;
  const endMs = recorded.startMs + minutes * 60_000;
  try {
    const contents = await writeArchiveFile(path, race.document.session.race, async (take) => {
      let seq = 0;
      let hasMore = true;
      for (let ticks = 1; hasMore && race.closesAtMs <= endMs; ticks++) {
        hasMore = await recorded.advance(race.sink, race.closesAtMs);
        for (const { kind, data } of race.close()) take({ kind, data, seq: ++seq });
        if (ticks % BREATH_TICKS !== 0) continue;
        await new Promise<void>((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
        if (flags.minutes !== undefined) onProgress(ticks * TICK_MS, minutes * 60_000);
      }
      if (hasMore && flags.minutes === undefined)
        throw new ArchiveError('too_long', `The recording is longer than ${MAX_HOURS} hours; cut it with --minutes.`);
    });
    return summarise(path, race, contents);
  } finally {
    await recorded.stop();
  }
}

/** `races/Bristol night.race` → `Bristol-night`. */
function nameAfter(path: string): string {
  const name = basename(path)
    .replace(/\.[^.]*$/, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .slice(0, 32);
  return RACE_NAME.accepts(name) ? name : 'race';
}
