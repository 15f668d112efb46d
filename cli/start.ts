import { join } from 'node:path';
import { findStretch } from '../archive/stretch.ts';
import { TICK_MS, withArchive } from './archive/archive-flags.ts';
import { type Supervised, superviseService } from './child.ts';
import { startEmbeddedNats } from './embedded-nats.ts';
import type { Usage, Values } from './flags.ts';
import { tellReady, untilAskedToEnd } from './lifetime.ts';
import { createLog } from './log.ts';
import { LOG_FLAG, RACE_FLAG, SOURCE_FLAGS } from './race-flags.ts';
import { catalogueFor, sourceOfPaths } from './sources.ts';

const FLAGS = {
  ...RACE_FLAG,
  replay: {
    kind: 'list',
    help: 'Play recordings instead of the simulator: an archive (again and again), .ibt files, or the folder of an f1-test.',
  },
  ...SOURCE_FLAGS,
  host: { kind: 'text', default: '127.0.0.1', help: 'Address on which the edges listen; 0.0.0.0 lets others in.' },
  port: {
    kind: 'integer',
    min: 1,
    max: 65000,
    default: 8080,
    help: 'Port of the first edge and of the dashboard; further edges take the ports behind it.',
  },
  edges: { kind: 'integer', min: 1, max: 16, default: 1, help: 'Edges, each with a port of its own.' },
  workers: { kind: 'integer', min: 1, max: 64, default: 1, help: 'Processes of each edge, which share its port.' },
  'data-dir': {
    kind: 'text',
    help: 'Folder in which the embedded nats-server keeps its streams, so that the next start goes on with the race. Default: they are forgotten at the end.',
  },
  ...LOG_FLAG,
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'slipstream start [flags]',
  purpose:
    'Runs a whole Slipstream on this machine: an embedded nats-server, ingest with a simulated race or a recording, edges, and the page of a chosen car.',
  flags: FLAGS,
};

type StartFlags = Values<typeof FLAGS>;

/** The command lines of the services, by name. */
function servicesOf(flags: StartFlags, source: string, nats: string): [name: string, args: string[]][] {
  const shared = ['--log', flags.log, '--nats', nats];
  const replay = ['replay', flags.replay[0]!, '--as', flags.race, '--speed', String(flags.speed), '--loop', ...shared];
  const feed = ['cars', 'rate', 'seed', 'laps', 'skip', 'speed', 'race'] as const;
  const ingest = [
    'ingest',
    ...feed.flatMap((name) => [`--${name}`, String(flags[name])]),
    ...['--sources', source],
    // Without a folder of its own nats-server forgets the race at the end, and what waits for it is of no use.
    `--spool=${flags['data-dir'] === undefined ? 'off' : join(flags['data-dir'], 'spool')}`,
    ...(flags.catalogue === undefined ? [] : [`--catalogue=${flags.catalogue}`]),
    ...(flags.replay.length > 0 ? [`--files=${flags.replay.join(',')}`] : []),
    ...shared,
  ];
  const edges = Array.from({ length: flags.edges }, (_, n): [string, string[]] => [
    `edge ${n + 1}`,
    [
      ...['edge', '--host', flags.host, '--port', String(flags.port + n), '--name', `edge-${n + 1}`],
      // There is no other machine to go to, and whoever ends a race on his own machine does not want to wait.
      ...['--workers', String(flags.workers), '--drain-seconds', '0', ...shared],
    ],
  ]);
  return [source === 'archive' ? ['replay', replay] : ['ingest', ingest], ...edges];
}

function announce(flags: StartFlags, source: string): void {
  const host = flags.host === '0.0.0.0' || flags.host === '::' ? 'localhost' : flags.host;
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${flags.port}/`;
  const what = source === 'simulator' ? 'a simulation' : `recording ${flags.replay.join(', ')}`;
  process.stdout.write(`\n  Race "${flags.race}" (${what}) is live:  ${address}\n  Ctrl-C ends everything.\n\n`);
}

export async function run(flags: StartFlags): Promise<number> {
  const log = createLog(flags.log, 'start');
  const source = sourceOfPaths(flags.replay);
  // Read here too: a wrong one is told before anything runs.
  if (source === 'archive')
    await withArchive(flags.replay[0]!, async ({ contents }) => findStretch(contents, {}, TICK_MS));
  else catalogueFor({ catalogue: flags.catalogue, sources: [source] });
  const asked = untilAskedToEnd();
  const nats = await startEmbeddedNats(flags['data-dir']);
  let services: Supervised[] = [];
  try {
    services = servicesOf(flags, source, nats.address).map(([name, args]) =>
      superviseService(name, args, (sentence) => log('warn', sentence)),
    );
    const failed = Promise.race([nats.failed, ...services.map((service) => service.failed)]);
    const ready = Promise.all(services.map((service) => service.ready)).then(() => {
      announce(flags, source);
      tellReady();
      return asked;
    });
    log('info', `Ending: ${await Promise.race([failed, asked, ready])}.`);
    return 0;
  } finally {
    await Promise.all(services.map((service) => service.stop()));
    await nats.stop();
  }
}
