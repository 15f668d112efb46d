import type { ArchiveReader } from '../archive/archive-reader.ts';
import { loopTicks, playTicks } from '../archive/played-ticks.ts';
import { findStretch } from '../archive/stretch.ts';
import { connectNats } from '../broker/connection.ts';
import { acquireLease } from '../broker/lease.ts';
import { RaceStream } from '../broker/race-stream.ts';
import { createClock } from '../ingest/clock.ts';
import { replayRace } from '../ingest/replay-run.ts';
import { BrokerError } from '../protocol/errors.ts';
import { FILE_NAME, STRETCH_FLAGS, TICK_MS, withArchive } from './archive/archive-flags.ts';
import type { Flags, Usage, Values } from './flags.ts';
import { tellReady, untilAskedToEnd } from './lifetime.ts';
import { createLog, type Log, tellOfNats } from './log.ts';
import { LOG_FLAG, NATS_FLAG, RACE_NAME } from './race-flags.ts';

const END_WITHIN_MS = 10_000;

const FLAGS = {
  ...NATS_FLAG,
  as: {
    kind: 'text',
    allowed: RACE_NAME,
    help: 'Name of the race. Default: that of the archive with -replay behind it.',
  },
  speed: { kind: 'number', min: 0.25, max: 60, default: 1, help: 'Race seconds per second.' },
  ...STRETCH_FLAGS,
  loop: { kind: 'switch', help: 'Begin again at the end.' },
  ...LOG_FLAG,
} as const satisfies Flags;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream replay <file> [flags]',
  purpose:
    'Publishes an archived race again as a race of its own: the same states tick by tick, at the times that they had, moved to now. Fans see that it is a recording.',
  flags: FLAGS,
  operands: { file: FILE_NAME },
};

export async function run(flags: Values<typeof FLAGS>, [path]: readonly string[]): Promise<number> {
  return withArchive(path!, (reader) => replay(reader, path!, flags));
}

async function replay(reader: ArchiveReader, path: string, flags: Values<typeof FLAGS>): Promise<number> {
  const log = createLog(flags.log, 'replay');
  const stretch = findStretch(reader.contents, flags, TICK_MS);
  const block = reader.blocks.find(({ epoch }) => epoch === stretch.epoch)!;
  const catalogue = await reader.catalogue(block.catalogueTag);
  const archived = reader.contents.race || 'archive';
  const race = flags.as ?? `${archived.slice(0, 25)}-replay`;
  const abort = new AbortController();
  void untilAskedToEnd(END_WITHIN_MS).then((reason) => abort.abort(new Error(reason)));
  const connection = await connectNats({
    servers: flags.nats,
    name: `slipstream replay ${race}`,
    onEvent: tellOfNats(log),
  });
  try {
    const stream = await RaceStream.open(connection, race);
    const lease = await holdRace(connection, race, log, abort.signal);
    const stolen = lease.lost.then(() => {
      throw new BrokerError('lease_lost', `Another process publishes race ${race} now.`);
    });
    tellReady();
    log('info', `Race ${race}: ticks ${stretch.from} to ${stretch.to} of ${path} at speed ${flags.speed}.`);
    const play = () => playTicks(reader, stretch);
    let count = 0;
    const replaying = replayRace(
      {
        ...{ stream, catalogue, clock: createClock(Date.now(), flags.speed) },
        ticks: flags.loop ? loopTicks(play) : play(),
        origin: `replay of race ${archived}`,
        onTick: () => count++,
        onLog: log,
      },
      abort.signal,
    );
    try {
      await Promise.race([replaying, stolen]);
    } finally {
      abort.abort();
      await lease.release();
    }
    log('info', `${count} ticks were published.`);
    return 0;
  } catch (error) {
    if (error !== abort.signal.reason) throw error;
    return 0;
  } finally {
    await connection.close();
  }
}

const holdRace = (connection: Awaited<ReturnType<typeof connectNats>>, race: string, log: Log, signal: AbortSignal) =>
  acquireLease(connection, {
    name: race,
    holder: `replay ${process.pid}`,
    onWaiting: (holder) => log('warn', `Race ${race} is published by ${holder}; standing by.`),
    onProblem: (message) => log('warn', `The lease on race ${race} waits for NATS (${message}).`),
    signal,
  });
