import { once } from 'node:events';
import type { Usage, Values } from '../cli/flags.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { cpuSeconds, workersOf } from './cpu.ts';
import { pause, startEdgeAndIngest } from './live-race.ts';
import { round } from './machine.ts';
import { canOwn, ownNetwork, runInOwn, wordsOf } from './own-network.ts';
import { startWorker } from './processes.ts';

const FLAGS = {
  fans: { kind: 'integer', min: 1, max: 15_000, default: 1000, help: 'Fans on one edge.' },
  probes: {
    kind: 'integer',
    min: 1,
    max: 15_000,
    default: 100,
    help: 'How many of the fans are whole SDK fans that measure; the others check their ticks, but read later.',
  },
  network: {
    kind: 'choice',
    of: ['steered', 'plain'],
    default: 'plain',
    help: 'steered: a network namespace of its own in which the receiving half of loopback runs on the other core, as with a network card (Linux, root; elsewhere plain). plain: the loopback of the machine.',
  },
  workers: { kind: 'integer', min: 1, max: 16, default: 1, help: 'Edge processes on the one port.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'essentials', help: 'View in which they are watched.' },
  field: { kind: 'integer', min: 4, max: 40, default: 40, help: 'Simulated cars in the race.' },
  rate: { kind: 'integer', min: 1, max: 120, default: 60, unit: 'Hz', help: 'Samples per second and car.' },
  seconds: { kind: 'integer', min: 5, max: 600, default: 20, unit: 's', help: 'How long to measure.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- latency [flags]',
  purpose:
    'Runs nats-server, ingest with a simulated field, one edge and a swarm of fans as four processes and measures, for every tick of every probe, the time from the close of the tick to the callback of the SDK.',
  flags: FLAGS,
};

const WARM_UP_MS = 10_000;

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  if (flags.network === 'steered' && !ownNetwork() && canOwn('steered'))
    return runInOwn('steered', 'latency', wordsOf(FLAGS, flags));
  const probes = Math.min(flags.probes, flags.fans);
  const nats = await startNatsServer();
  const address = `127.0.0.1:${nats.port}`;
  try {
    const live = await startEdgeAndIngest(address, 'bench', { cars: flags.field, rate: flags.rate }, flags);
    const { url, edge, ingest } = live;
    process.stderr.write(`connecting ${flags.fans} fans\n`);
    const swarm = await startWorker('fan-swarm.ts', [
      url,
      'bench',
      String(flags.fans),
      String(probes),
      String(flags.cars),
      flags.view,
    ]);
    await pause(WARM_UP_MS);
    process.stderr.write(`measuring for ${flags.seconds} s\n`);
    const edges = workersOf(edge.pid);
    const edgeSeconds = () => edges.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
    const before = { edge: edgeSeconds(), ingest: cpuSeconds(ingest.pid), swarm: cpuSeconds(swarm.pid) };
    swarm.child.send('begin');
    await pause(flags.seconds * 1000);
    const share = (pid: number, begin: number) => round((cpuSeconds(pid) - begin) / flags.seconds, 3);
    const shares = {
      edge: round((edgeSeconds() - before.edge) / flags.seconds, 3),
      ingest: share(ingest.pid, before.ingest),
      swarm: share(swarm.pid, before.swarm),
    };
    const answer = once(swarm.child, 'message');
    swarm.child.send('end');
    const [seen] = (await answer) as [Record<string, number>];
    await live.stop();
    const { p50_ms, p99_ms, p999_ms, max_ms } = seen as {
      p50_ms: number;
      p99_ms: number;
      p999_ms: number;
      max_ms: number;
    };
    return {
      fans: flags.fans,
      probes,
      workers: flags.workers,
      network: ownNetwork() ?? 'plain',
      cars_per_fan: flags.cars,
      view: flags.view,
      probe_ticks: seen.ticks,
      delivered_ratio: round(seen.ticks! / (probes * flags.seconds * 2), 3),
      least_load_ticks: seen.leastLoadTicks,
      gaps: seen.gaps,
      p50_ms: round(p50_ms),
      p99_ms: round(p99_ms),
      p999_ms: round(p999_ms),
      max_ms: round(max_ms),
      edge_core_share: shares.edge,
      edge_us_per_fan_tick: round((shares.edge * 1e6) / (flags.fans * 2), 1),
      ingest_core_share: shares.ingest,
      swarm_core_share: shares.swarm,
    };
  } finally {
    await nats.stop();
  }
}
