import autocannon from 'autocannon';
import type { Usage, Values } from '../cli/flags.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { cpuSeconds } from './cpu.ts';
import { startEdgeAndIngest } from './live-race.ts';
import { round } from './machine.ts';

const FLAGS = {
  connections: { kind: 'integer', min: 1, max: 1000, default: 50, help: 'Connections at once.' },
  seconds: { kind: 'integer', min: 2, max: 120, default: 8, unit: 's', help: 'How long to ask each address.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- http [flags]',
  purpose:
    'Asks one edge of a live simulated race over HTTP, one address after another, as fast as it answers (autocannon).',
  flags: FLAGS,
};

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const nats = await startNatsServer();
  try {
    const live = await startEdgeAndIngest(`127.0.0.1:${nats.port}`, 'bench', { cars: 40, rate: 60 });
    const [{ catalogue }] = (await (await fetch(`${live.url}/races`)).json()) as [{ catalogue: string }];
    const paths = {
      snapshot: '/races/bench/snapshot?watch=24:essentials,9:essentials,11:essentials,48:essentials',
      race: '/races/bench',
      catalogue: `/catalogue/${catalogue}`,
      health: '/healthz',
    };
    const results: Record<string, unknown> = { connections: flags.connections };
    for (const [name, path] of Object.entries(paths)) {
      process.stderr.write(`asking ${path}\n`);
      const cpu = cpuSeconds(live.edge.pid);
      const seen = await autocannon({
        url: `${live.url}${path}`,
        connections: flags.connections,
        duration: flags.seconds,
      });
      results[`${name}_requests_per_s`] = Math.round(seen.requests.average);
      results[`${name}_p99_ms`] = seen.latency.p99;
      results[`${name}_edge_core_share`] = round((cpuSeconds(live.edge.pid) - cpu) / seen.duration);
      results[`${name}_errors`] = seen.errors + seen.timeouts + seen.non2xx;
    }
    await live.stop();
    return results;
  } finally {
    await nats.stop();
  }
}
