import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connectNats } from '../broker/connection.ts';
import { type DrainOptions, drainWithinMs } from '../fanout/drain.ts';
import { inventName, startEdge } from '../fanout/edge.ts';
import { DEFAULT_LIMITS } from '../fanout/limits.ts';
import { DEFAULT_SESSION_SETTINGS } from '../fanout/session-service.ts';
import { probePort } from '../fanout/socket-server.ts';
import { ConfigError } from '../protocol/errors.ts';
import { runFleet } from './edge-fleet.ts';
import { type Flags, formatFlags, type Usage, type Values } from './flags.ts';
import { FleetLink, WORKER_NAME } from './fleet-link.ts';
import { type Patience, tellReady, untilAskedToEnd } from './lifetime.ts';
import { createLog, tellOfNats } from './log.ts';
import { LOG_FLAG, NATS_FLAG, RACE_NAME } from './race-flags.ts';

const END_WITHIN_MS = 10_000;
const DAY_MS = 86_400_000;
const MB = 1_000_000;
const BUILT_PAGE = join(import.meta.dirname, '..', 'web', 'app', 'dist');

const FLAGS = {
  ...NATS_FLAG,
  host: { kind: 'text', default: '127.0.0.1', help: 'Address on which fans are served; 0.0.0.0 lets others in.' },
  port: { kind: 'integer', min: 0, max: 65535, default: 8080, help: 'Port for fans; 0 takes a free one.' },
  races: {
    kind: 'list',
    allowed: RACE_NAME,
    help: 'The only races of NATS to serve. Default: all that it has, also those to come.',
  },
  archives: {
    kind: 'text',
    help: 'Folder of archives. Each *.race in it is served as a race that is over, to be watched, rewound and charted, unless NATS has it. Files may come and go.',
  },
  web: { kind: 'text', help: 'Folder served under /. Default: the built page, if there is one.' },
  origins: { kind: 'list', help: 'Pages of these origins may connect. Default: all.' },
  name: {
    kind: 'text',
    allowed: { accepts: (text) => /^[\w.:-]{1,64}$/.test(text), rule: '1 to 64 letters, digits, -, _, . or :' },
    help: 'Name of this edge in the welcome; of several workers each adds its number. Default: host name and a random part.',
  },
  workers: {
    kind: 'integer',
    min: 1,
    max: 64,
    default: 1,
    help: 'Processes that share the port. One that dies is started again, and /metrics and /healthz speak for all. Linux spreads the fans over them; other systems may not.',
  },
  'max-fans': {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    help: `Fans at once, of each worker; the next one is asked to come back later. Default: ${DEFAULT_LIMITS.maxFans}, or fewer where the process may hold too few descriptors (ulimit -n).`,
  },
  'max-handshakes': {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    default: DEFAULT_LIMITS.maxHandshakes,
    unit: 'per second',
    help: 'Fans who are let in, by each worker; the next one is asked to come back later. After a quiet second as many may come at once.',
  },
  'max-cars': {
    kind: 'integer',
    min: 1,
    max: 250,
    default: DEFAULT_LIMITS.maxCars,
    help: 'Cars that one fan may watch.',
  },
  'session-days': {
    kind: 'number',
    min: 0.01,
    max: 3650,
    default: DEFAULT_SESSION_SETTINGS.ttlMs / DAY_MS,
    unit: 'days',
    help: 'A session of a fan (choice of cars, favourites, TV delay) that nothing was saved in for longer is forgotten.',
  },
  'session-mb': {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    default: DEFAULT_SESSION_SETTINGS.maxBytes / MB,
    unit: 'MB',
    help: 'Room in NATS for the sessions of all fans; when it is used up, those are forgotten that were saved longest ago.',
  },
  replicas: {
    kind: 'integer',
    min: 1,
    max: 5,
    default: DEFAULT_SESSION_SETTINGS.replicas,
    help: 'Copies of the sessions in a NATS cluster.',
  },
  'drain-seconds': {
    kind: 'number',
    min: 0,
    max: 540,
    default: 30,
    unit: 's',
    help: 'At SIGTERM the fans are sent elsewhere one by one, 1,000 in a second, within this at most, and get every tick until they go. 0 closes all at once, as Ctrl-C does.',
  },
  'drain-lead': {
    kind: 'number',
    min: 0,
    max: 60,
    default: 1,
    unit: 's',
    help: 'Time before the first of them is sent away, for a load balancer to see that /readyz says 503.',
  },
  ...LOG_FLAG,
} as const satisfies Flags;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream edge [flags]',
  purpose:
    'Follows the races of NATS and sends each fan the changes of the cars that the fan chose. Run as many as there are fans to serve; they share nothing but NATS.',
  flags: FLAGS,
};

function findPage(folder: string | undefined): string | undefined {
  if (folder === undefined) return existsSync(BUILT_PAGE) ? BUILT_PAGE : undefined;
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
  throw new ConfigError('no_page', `The folder ${folder} does not exist; name the folder of a page with --web.`);
}

function findArchives(folder: string | undefined): string | undefined {
  if (folder === undefined || statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
  throw new ConfigError(
    'no_folder',
    `The folder ${folder} does not exist; name the folder of the archives with --archives.`,
  );
}

type EdgeFlags = Values<typeof FLAGS>;

const drainOf = (flags: EdgeFlags): DrainOptions | undefined =>
  flags['drain-seconds'] === 0
    ? undefined
    : { leadMs: flags['drain-lead'] * 1000, maxWindowMs: flags['drain-seconds'] * 1000 };

const drainMsOf = (drain: DrainOptions | undefined): number => (drain ? drainWithinMs(drain) : 0);

export function run(flags: EdgeFlags): Promise<number> {
  const worker = process.send && process.env[WORKER_NAME];
  if (worker !== undefined) return serve({ ...flags, name: worker }, new FleetLink(flags.workers));
  return flags.workers > 1 ? supervise(flags) : serve(flags);
}

/** Runs the workers, once what would stop each of them has been told once. */
async function supervise(flags: EdgeFlags): Promise<number> {
  findPage(flags.web);
  findArchives(flags.archives);
  const connection = await connectNats({ servers: flags.nats, name: 'slipstream edge' });
  await connection.close();
  const port = await probePort(flags.host, flags.port);
  const { workers, name = inventName() } = flags;
  const log = createLog(flags.log, flags.name ?? 'edge');
  const args = ['edge', ...formatFlags({ ...flags, port })];
  return runFleet({ workers, name, log, args, drainMs: drainMsOf(drainOf(flags)) });
}

async function serve(flags: EdgeFlags, fleet?: FleetLink): Promise<number> {
  const log = createLog(flags.log, flags.name ?? 'edge');
  const webRoot = findPage(flags.web);
  const archives = findArchives(flags.archives);
  const drain = drainOf(flags);
  const patience: Patience = { ms: drainMsOf(drain), isOver: new AbortController() };
  const asked = untilAskedToEnd(END_WITHIN_MS, patience);
  const connection = await connectNats({ servers: flags.nats, name: 'slipstream edge', onEvent: tellOfNats(log) });
  try {
    const edge = await startEdge({
      connection,
      host: flags.host,
      port: flags.port,
      limits: {
        ...(flags['max-fans'] === undefined ? {} : { maxFans: flags['max-fans'] }),
        maxHandshakes: flags['max-handshakes'],
        maxCars: flags['max-cars'],
      },
      sessions: {
        ttlMs: Math.round(flags['session-days'] * DAY_MS),
        maxBytes: flags['session-mb'] * MB,
        replicas: flags.replicas,
      },
      report: (code, detail) => {
        const why = detail instanceof Error ? ` (${detail.message})` : '';
        log('warn', detail instanceof ConfigError ? detail.message : `In the way, told once: ${code}${why}.`);
      },
      ...(flags.races.length > 0 ? { races: flags.races } : {}),
      ...(flags.origins.length > 0 ? { origins: flags.origins } : {}),
      ...(flags.name === undefined ? {} : { name: flags.name }),
      ...(webRoot === undefined ? {} : { webRoot }),
      ...(archives === undefined ? {} : { archives }),
      ...(fleet ? { fleet } : {}),
    });
    fleet?.serve(edge);
    log('info', `Serving fans at ${edge.url}.`);
    tellReady();
    const reason = await asked;
    log('info', `Ending: ${reason}.`, { fans: edge.stats().fans });
    const { signal } = patience.isOver;
    if (drain && !signal.aborted) {
      await edge.drain({ ...drain, signal });
      log('info', 'All fans who could be sent elsewhere have gone.', { left: edge.stats().fans });
    }
    await edge.stop();
  } finally {
    await connection.close();
  }
  return 0;
}
