import { awaitNats, connectNats, type NatsConnection } from '../broker/connection.ts';
import { createClock } from '../ingest/clock.ts';
import { type Ingest, keepIngest } from '../ingest/ingest.ts';
import { holdsSpool } from '../ingest/spool.ts';
import { type Flags, type Usage, UsageError, type Values } from './flags.ts';
import { tellReady, untilAskedToEnd } from './lifetime.ts';
import { createLog, tellOfNats } from './log.ts';
import { CAR_ID, LOG_FLAG, NATS_FLAG, RACE_FLAG, SOURCE_FLAGS } from './race-flags.ts';
import { catalogueFor, createSources, expectSources, SOURCE_NAMES } from './sources.ts';
import { spoolFolder } from './spool-folder.ts';

const END_WITHIN_MS = 10_000;

const FLAGS = {
  ...RACE_FLAG,
  ...NATS_FLAG,
  sources: {
    kind: 'list',
    of: SOURCE_NAMES,
    default: ['nats'],
    help: 'Where frames come from; several may run at once.',
  },
  files: { kind: 'list', help: 'Recordings for ibt (files) or f1-test (one folder), separated by commas.' },
  ...SOURCE_FLAGS,
  only: {
    kind: 'list',
    allowed: CAR_ID,
    help: 'Ids of the cars that may race, separated by commas. Default: all that send. A race has room for 250, invented ones too.',
  },
  'udp-host': { kind: 'text', default: '127.0.0.1', help: 'Address on which the udp source listens.' },
  'udp-port': {
    kind: 'integer',
    min: 0,
    max: 65535,
    default: 7001,
    help: 'Port of the udp source; 0 takes a free one.',
  },
  'http-host': {
    kind: 'text',
    default: '127.0.0.1',
    help: 'Address on which the http source listens; beyond loopback a token is needed.',
  },
  'http-port': {
    kind: 'integer',
    min: 0,
    max: 65535,
    default: 7002,
    help: 'Port of the http source; 0 takes a free one.',
  },
  token: {
    kind: 'text',
    allowed: { accepts: (text) => /^\S{16,}$/.test(text), rule: 'at least 16 characters without spaces' },
    help: 'Bearer token that gateways must send to the http source.',
  },
  replicas: { kind: 'integer', min: 1, max: 5, default: 1, help: 'Copies of the stream in a NATS cluster.' },
  'max-age-hours': {
    kind: 'number',
    min: 0,
    max: 87600,
    default: 0,
    unit: 'h',
    help: 'The stream forgets what is older; 0 keeps everything, and less than 2 hours would forget the catalogue.',
  },
  spool: {
    kind: 'text',
    help: 'Folder in which messages wait while NATS does not take them, so that they survive a restart of ingest; each race has its own in it. off lets them wait in memory, 1,800 at most. Default: slipstream/spool in $XDG_STATE_HOME or ~/.local/state.',
  },
  'spool-mb': {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    default: 256,
    unit: 'MB',
    help: 'Most that the spool of a race may hold; ingest ends when it is full.',
  },
  ...LOG_FLAG,
} as const satisfies Flags;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream ingest [flags]',
  purpose:
    'Takes samples of one race, downsamples them to 2 Hz and publishes binary deltas to NATS JetStream. Stands by, warm, while another ingest publishes the race: run two for one race.',
  flags: FLAGS,
};

export async function run(flags: Values<typeof FLAGS>): Promise<number> {
  const log = createLog(flags.log, 'ingest');
  expectSources(flags);
  const maxAgeHours = flags['max-age-hours'];
  if (maxAgeHours > 0 && maxAgeHours < 2) {
    throw new UsageError('bad_flag', `--max-age-hours must be 0 or from 2 to 87600 h, but is ${maxAgeHours}.`);
  }
  const catalogue = catalogueFor(flags);
  const folder = spoolFolder(flags.spool, flags.race, log);
  const abort = new AbortController();
  const asked = untilAskedToEnd(END_WITHIN_MS).then((reason) => {
    abort.abort(new Error(reason));
    return reason;
  });
  const broker = { servers: flags.nats, name: `slipstream ingest ${flags.race}`, onEvent: tellOfNats(log) };
  let connection: NatsConnection | Promise<NatsConnection>;
  try {
    connection = await connectNats(broker);
  } catch (error) {
    if (folder === undefined || !holdsSpool(folder)) throw error;
    log('warn', `${(error as Error).message} Messages wait in ${folder}.`);
    connection = awaitNats(broker, abort.signal);
    // It is given up when this process ends.
    connection.catch(() => {});
  }
  try {
    const clock = createClock(Date.now(), flags.speed);
    let current: Ingest | undefined;
    void asked.then((reason) =>
      log('info', `Ending: ${reason}.`, { ...current?.counts(), ...(current && { backlog: current.backlog() }) }),
    );
    await keepIngest(
      {
        connection,
        race: flags.race,
        catalogue,
        clock,
        createSources: () => createSources(flags, catalogue, clock, connection),
        ...(flags.only.length > 0 ? { only: flags.only } : {}),
        ...(folder === undefined ? {} : { spool: { folder, maxBytes: flags['spool-mb'] * 1e6 } }),
        stream: { replicas: flags.replicas, maxAgeMs: maxAgeHours * 3_600_000 },
        onLog: log,
        onAir: (ingest) => {
          current = ingest;
          tellReady();
        },
      },
      abort.signal,
    );
  } finally {
    abort.abort(new Error('ended'));
    await (await Promise.resolve(connection).catch(() => undefined))?.close();
  }
  return 0;
}
