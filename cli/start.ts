import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Supervised, superviseService } from './child.ts';
import { startEmbeddedNats } from './embedded-nats.ts';
import type { Usage, Values } from './flags.ts';
import { EMBEDDED_NATS_PID, untilAskedToEnd } from './lifetime.ts';
import { createLog } from './log.ts';
import { LOG_FLAG, RACE_FLAG, SOURCE_FLAGS } from './race-flags.ts';
import { sourceOfPath } from './sources.ts';

const FLAGS = {
  ...RACE_FLAG,
  replay: { kind: 'list', help: 'Play recordings instead of the simulator: .ibt files, or the folder of an f1-test.' },
  ...SOURCE_FLAGS,
  host: { kind: 'text', default: '127.0.0.1', help: 'Address on which the edges listen; 0.0.0.0 lets others in.' },
  port: {
    kind: 'integer',
    min: 1,
    max: 65000,
    default: 8080,
    help: 'Port of the first edge and of the dashboard; further edges take the ports behind it.',
  },
  edges: { kind: 'integer', min: 1, max: 16, default: 1, help: 'Edge processes.' },
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

export async function run(flags: Values<typeof FLAGS>): Promise<number> {
  const log = createLog(flags.log, 'start');
  const sources = flags.replay.length > 0 ? sourceOfPath(flags.replay[0]!) : 'simulator';
  const asked = untilAskedToEnd();
  const dataDir = flags['data-dir'] ?? mkdtempSync(join(tmpdir(), 'slipstream-'));
  const nats = await startEmbeddedNats(dataDir);
  // Children must hear of the end of this process even when it is killed: they watch the channel to it.
  process.env[EMBEDDED_NATS_PID] = String(nats.pid);
  const services: Supervised[] = [];
  const run = (name: string, args: readonly string[]) => {
    const service = superviseService(name, [...args, '--log', flags.log, '--nats', nats.address], (sentence) =>
      log('warn', sentence),
    );
    services.push(service);
    return service;
  };
  try {
    const feed = ['cars', 'rate', 'seed', 'laps', 'skip', 'speed', 'race'] as const;
    run('ingest', [
      'ingest',
      ...feed.flatMap((name) => [`--${name}`, String(flags[name])]),
      ...['--sources', sources, '--max-age-hours', '24'],
      ...(flags.catalogue === undefined ? [] : ['--catalogue', flags.catalogue]),
      ...(flags.replay.length > 0 ? ['--files', flags.replay.join(',')] : []),
    ]);
    for (let n = 0; n < flags.edges; n++) {
      run(`edge ${n + 1}`, ['edge', '--host', flags.host, '--port', String(flags.port + n), '--name', `edge-${n + 1}`]);
    }
    const failed = Promise.race([
      ...services.map((service) => service.failed),
      nats.ended.then((sentence) => Promise.reject(new Error(sentence))),
    ]);
    failed.catch(() => {});
    await Promise.race([Promise.all(services.map((service) => service.ready)), failed, asked]);
    const shown = flags.host === '0.0.0.0' || flags.host === '::' ? 'localhost' : flags.host;
    const what = sources === 'simulator' ? 'a simulation' : `recording ${flags.replay.join(', ')}`;
    process.stdout.write(
      `\n  Race "${flags.race}" (${what}) is live:  http://${shown}:${flags.port}/\n  Ctrl-C ends everything.\n\n`,
    );
    process.send?.('ready');
    const reason = await Promise.race([asked, failed]);
    log('info', `Ending: ${reason}.`);
    return 0;
  } finally {
    await Promise.all(services.map((service) => service.stop()));
    await nats.stop();
    if (flags['data-dir'] === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}
