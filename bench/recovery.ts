import { connectNats } from '../broker/connection.ts';
import type { Usage, Values } from '../cli/flags.ts';
import type { History } from '../protocol/control.ts';
import { startNatsServer } from '../testing/nats-server.ts';
import { StreamOracle } from '../testing/stream-oracle.ts';
import { cpuSeconds } from './cpu.ts';
import { Crowd } from './crowd/crowd.ts';
import { planFor } from './crowd/measured-span.ts';
import type { CrowdPlan } from './crowd/plan.ts';
import { Shares } from './crowd/shares.ts';
import { pause, startEdge } from './live-race.ts';
import { round } from './machine.ts';
import { runPastRace } from './past-race.ts';
import { startService } from './processes.ts';
import { DecodedFans } from './recovery/decoded-fans.ts';

const FLAGS = {
  fans: { kind: 'integer', min: 1, max: 10_000, default: 1000, help: 'Fans that come back at once.' },
  decoded: {
    kind: 'integer',
    min: 0,
    max: 100,
    default: 20,
    help: 'Fans of the SDK beside them who decode everything and compare it with the stream.',
  },
  gaps: {
    kind: 'list',
    default: ['1', '30', '120', '1800'],
    allowed: { accepts: (text: string) => /^[1-9]\d{0,3}$/.test(text) && Number(text) <= 3600, rule: '1 to 3600 s' },
    help: 'How long fans were away, in seconds.',
  },
  rounds: { kind: 'integer', min: 1, max: 20, default: 1, help: 'How often each of them is measured.' },
  cars: { kind: 'integer', min: 1, max: 40, default: 4, help: 'Cars that each fan watches.' },
  view: { kind: 'text', default: 'essentials', help: 'View in which they are watched.' },
  choices: {
    kind: 'choice',
    of: ['random', 'shared'],
    default: 'random',
    help: 'Whether fans choose each their own cars, or share 40 choices.',
  },
  document: { kind: 'switch', help: 'Fans want the race document too.' },
} as const;

export const usage: Usage<typeof FLAGS> = {
  synopsis: 'npm run bench -- recovery [flags]',
  purpose:
    'Fans who were away come back to a live race with their position, all at once: how long it takes until they are whole, and what it costs.',
  flags: FLAGS,
};

const RACE = 'bench';
const TICK_MS = 500;
/** What an edge remembers; older ticks it reads from the stream. */
const RING_S = 120;
const HISTORIES: readonly History[] = ['all', 'latest'];
/** An edge forgets what it read of the stream when nobody has used it for 30 s: each turn begins without it. */
const FORGET_MS = 32_000;
const WHOLE_WITHIN_MS = 120_000;
/** Live ticks behind the repair, so that a frame too many or too few at the seam is seen. */
const SEAM_MS = 1500;

interface Turn {
  readonly gapS: number;
  readonly history: History;
}

async function takeTurn(
  { gapS, history }: Turn,
  plan: CrowdPlan,
  oracle: StreamOracle,
  flags: Values<typeof FLAGS>,
  edgePid: number,
): Promise<Record<string, unknown>> {
  // The fan who is live tells which tick is the newest.
  const crowd = await Crowd.start({ ...plan, history }, flags.fans + 1);
  await crowd.join(1);
  await oracle.read();
  const { epoch, tick: head } = oracle.head!;
  const tick = head - Math.round((gapS * 1000) / TICK_MS);
  const past = { ...oracle.at(epoch, tick)!, race: RACE, epoch, catalogue: oracle.catalogue! };
  const decoded = new DecodedFans(oracle, plan, history, past, flags.decoded);
  try {
    await decoded.hold();
    await crowd.measure(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const cpu = new Shares({ edge: () => cpuSeconds(edgePid), crowd: () => crowd.cpuSeconds() });
    cpu.begin();
    decoded.lose();
    await crowd.resume(flags.fans, { epoch, tick, seq: past.seq }, WHOLE_WITHIN_MS);
    const spent = cpu.end(1);
    await oracle.read();
    await decoded.reach(oracle.head!.tick);
    await pause(SEAM_MS);
    const { counts, spans } = await crowd.report();
    decoded.close();
    await oracle.read();
    const { differences, ...compared } = decoded.report();
    for (const difference of differences) process.stderr.write(`${difference}\n`);
    const resume = spans.resume!;
    const ms = (percentile: number) => round(resume.getValueAtPercentile(percentile) / 1000, 1);
    return {
      gap_s: gapS,
      history,
      resume_p50_ms: ms(50),
      resume_p99_ms: ms(99),
      resume_max_ms: round(resume.maxValue / 1000, 1),
      deltas: counts.deltas,
      composite: counts.composites,
      snapshot: counts.snapshots,
      ticks_per_repair: round(counts.repairTicks / flags.fans, 1),
      bytes_per_repair: Math.round(counts.repairBytes / flags.fans),
      lost_ticks: counts.lostTicks + compared.missed,
      doubled: counts.doubles + compared.doubled,
      // Whoever holds a tick that the stream does not have waits for it still.
      wrong: compared.wrong + counts.untrueReceipts + oracle.waiting,
      refused: counts.refused + counts.lost,
      edge_cpu_s: spent.edge,
      crowd_cpu_s: spent.crowd,
      states_compared: compared.statesCompared,
    };
  } finally {
    decoded.close();
    await crowd.stop();
  }
}

async function measure(nats: string, flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const gapsS = flags.gaps.map(Number);
  const connection = await connectNats({ servers: [nats], name: 'bench' });
  const ticks = (Math.max(...gapsS) * 1000) / TICK_MS + 100;
  process.stderr.write(`running a race of ${ticks} ticks beforehand\n`);
  await runPastRace(connection, RACE, ticks);
  const { edge, url, isReady } = await startEdge(nats);
  const sources = ['--sources', 'simulator', '--rate', '60'];
  const ingest = await startService(['ingest', '--nats', nats, '--race', RACE, ...sources]);
  await isReady();
  const wishes = { carsPerFan: flags.cars, view: flags.view, doc: flags.document, returns: false } as const;
  const plan = await planFor(url, { ...wishes, choices: flags.choices as CrowdPlan['choices'] });
  const oracle = new StreamOracle(connection, RACE);
  const turns: Record<string, unknown>[] = [];
  process.stderr.write('warming up\n');
  await takeTurn({ gapS: gapsS[0]!, history: 'all' }, plan, oracle, flags, edge.pid);
  for (let n = 0; n < flags.rounds; n++) {
    for (const gapS of gapsS) {
      for (const history of HISTORIES) {
        if (gapS >= RING_S) await pause(FORGET_MS);
        process.stderr.write(`${flags.fans} fans come back after ${gapS} s, history ${history}\n`);
        turns.push(await takeTurn({ gapS, history }, plan, oracle, flags, edge.pid));
      }
    }
  }
  await ingest.stop();
  await edge.stop();
  await connection.close();
  if (oracle.fault) throw new Error(`The stream is not whole: ${oracle.fault}`);
  const sum = (key: string) => turns.reduce((all, turn) => all + (turn[key] as number), 0);
  return {
    fans: flags.fans,
    decoded: flags.decoded,
    cars_per_fan: flags.cars,
    view: flags.view,
    choices: flags.choices,
    lost_ticks: sum('lost_ticks'),
    doubled: sum('doubled'),
    wrong: sum('wrong'),
    turns,
  };
}

export async function run(flags: Values<typeof FLAGS>): Promise<Record<string, unknown>> {
  const nats = await startNatsServer();
  try {
    return await measure(`127.0.0.1:${nats.port}`, flags);
  } finally {
    await nats.stop();
  }
}
