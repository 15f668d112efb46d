import type { Usage, Values } from '../cli/flags.ts';
import { findFreePort } from '../cli/testing/program.ts';
import { startHaproxy, type TestHaproxy } from '../testing/haproxy.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { Crowd } from './crowd/crowd.ts';
import { planFor, tickOf } from './crowd/measured-span.ts';
import { pause } from './live-race.ts';
import { round } from './machine.ts';
import { type BenchProcess, startService, withAll } from './processes.ts';

const FLAGS = {
  fans: { kind: 'integer', min: 1, max: 8000, default: 5000, help: 'Fans behind the proxy.' },
  rounds: { kind: 'integer', min: 1, max: 20, default: 1, help: 'How often all three edges are restarted.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'essentials', help: 'View in which they are watched.' },
  document: { kind: 'switch', help: 'Fans want the race document too.' },
  'drain-seconds': {
    kind: 'integer',
    min: 0,
    max: 60,
    default: 30,
    unit: 's',
    help: 'As --drain-seconds of an edge; 0 closes all fans of an edge at once.',
  },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- rolling [flags]',
  purpose:
    'Restarts three edges behind HAProxy (deploy/haproxy.cfg) one after another under a crowd that wants every tick, and counts what any fan lost or got twice.',
  flags: FLAGS,
};

const WARM_UP_MS = 4000;
/** Time for the last fans to find an edge, also those who were refused and wait twice their window. */
const SETTLE_MS = 8000;
const UP_WITHIN_MS = 15_000;

async function untilUp(proxy: TestHaproxy): Promise<void> {
  const deadlineMs = performance.now() + UP_WITHIN_MS;
  while (!(await proxy.states()).every(({ isUp }) => isUp)) {
    if (performance.now() > deadlineMs) throw new Error(`HAProxy did not find all edges within ${UP_WITHIN_MS} ms.`);
    await pause(50);
  }
}

export const run = (flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> =>
  withAll(async (keep) => {
    const nats = keep(await startNatsServer());
    const address = ['--nats', `127.0.0.1:${nats.port}`];
    keep(await startService(['ingest', ...address, '--race', 'bench', '--sources', 'simulator', '--rate', '60']));
    const drain = ['--drain-seconds', String(flags['drain-seconds'])];
    const startEdge = (port: number) =>
      startService(['edge', ...address, '--port', String(port), '--max-handshakes', '1000000', ...drain]);
    const ports = [await findFreePort(), await findFreePort(), await findFreePort()] as const;
    const edges: BenchProcess[] = [];
    keep({ stop: async () => void (await Promise.all(edges.map((edge) => edge.stop()))) });
    for (const port of ports) edges.push(await startEdge(port));
    const proxy = keep(await startHaproxy(await findFreePort(), ports));
    await untilUp(proxy);
    const wishes = { carsPerFan: flags.cars, view: flags.view, choices: 'random', doc: flags.document } as const;
    const plan = await planFor(proxy.url, { ...wishes, returns: true, history: 'all' });
    const crowd = keep(await Crowd.start(plan, flags.fans));
    process.stderr.write(`connecting ${flags.fans} fans\n`);
    await crowd.join(flags.fans);
    await pause(WARM_UP_MS);

    const tickNow = tickOf(proxy.url);
    const firstTick = (await tickNow()) + 1;
    await crowd.measure(firstTick, Number.MAX_SAFE_INTEGER);
    const left: { edge: number; fans: number; left_within_s: number }[] = [];
    for (let turn = 0; turn < flags.rounds; turn++) {
      for (const [n, port] of ports.entries()) {
        const { fans } = (await proxy.states())[n]!;
        process.stderr.write(`restarting edge ${n + 1} with ${fans} fans\n`);
        const beganAtMs = performance.now();
        await edges[n]!.stop();
        left.push({ edge: n + 1, fans, left_within_s: round((performance.now() - beganAtMs) / 1000) });
        edges[n] = await startEdge(port);
        await untilUp(proxy);
      }
    }
    await pause(SETTLE_MS);
    const lastTick = await tickNow();
    await pause(1000);
    const { counts, spans, oldestTick } = await crowd.report();
    const gapMs = (percentile: number) => round(spans.gap!.getValueAtPercentile(percentile) / 1000);
    return {
      fans: flags.fans,
      restarts: left.length,
      ticks: lastTick - firstTick,
      lost: counts.lostTicks,
      gaps: counts.gaps,
      doubled: counts.doubles,
      snapshots: counts.snapshots,
      joined: counts.conflated,
      furthest_behind_ticks: Math.max(0, lastTick - oldestTick),
      moved: counts.moved,
      closed_on: counts.lost,
      refused: counts.refused,
      late_ticks: counts.late,
      gap_p50_ms: gapMs(50),
      gap_p99_ms: gapMs(99),
      worst_gap_ms: round(spans.gap!.maxValue / 1000),
      edges: left,
    };
  });
