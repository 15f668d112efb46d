import type { Random } from '../../ingest/simulator/random.ts';
import type { ClusterNode } from '../../testing/nats-cluster.ts';
import { pause } from '../live-race.ts';
import type { ChaosFans } from './fans.ts';
import { attack } from './hostile.ts';
import type { StagedIngest } from './ingest-pair.ts';
import { RACE, type Stage } from './stage.ts';
import type { StagedNats } from './staged-nats.ts';

/** What is at hand to do harm with. */
export interface Scene {
  readonly stage: Stage;
  readonly fans: ChaosFans;
  /** The same for the same seed. */
  readonly random: Random;
}

export interface Fault {
  readonly name: string;
  readonly summary: string;
  /** How long it lasts, with the time to recover on a machine that has time. */
  readonly aboutS: number;
  /** Of which NATS it wants to be a fault. @defaultValue `single` */
  readonly nats?: StagedNats['kind'];
  /** Why it cannot be done here, if so. */
  problem?(stage: Stage): string | undefined;
  /** Does the harm and takes it away again. */
  run(scene: Scene): Promise<void>;
}

const CUT_OFF_MS = 10_000;
const STALLED_MS = 10_000;
const SLOW_MS = 20_000;
const HOSTILE_MS = 10_000;

function leaderOf({ ingests }: Stage): StagedIngest {
  const found = ingests.leader();
  if (!found) throw new Error('No ingest publishes, so that none can be harmed.');
  return found;
}

function singleOf({ nats }: Stage) {
  if (nats.kind !== 'single') throw new Error('This fault is one of a single nats-server.');
  return nats;
}

/** The server of the cluster that leads the stream of the race. */
async function streamLeaderOf({ nats }: Stage): Promise<ClusterNode> {
  if (nats.kind !== 'cluster') throw new Error('This fault is one of a cluster of nats-servers.');
  const { cluster } = nats;
  for (let tries = 0; tries < 100; tries++) {
    const place = await cluster.placeOf(`RACE_${RACE}`);
    if (place) return cluster.nodes[place.leader]!;
    await pause(200);
  }
  throw new Error('Nobody leads the stream of the race.');
}

const pick = <T>(list: readonly T[], random: Random): T => list[random.int(list.length)]!;

async function restartNats(stage: Stage, awayMs: number): Promise<void> {
  const { server } = singleOf(stage);
  await server.kill();
  await pause(awayMs);
  await server.restart();
}

/** All faults, in the order in which they are done. */
export const FAULTS: readonly Fault[] = [
  {
    name: 'ingest-kill',
    summary: 'SIGKILL of the ingest that leads; the other one stands by',
    aboutS: 8,
    run: ({ stage }) => leaderOf(stage).actor.end('SIGKILL'),
  },
  {
    name: 'edge-kill',
    summary: 'SIGKILL of an edge',
    aboutS: 6,
    run: ({ stage, random }) => pick(stage.edges, random).end('SIGKILL'),
  },
  {
    name: 'nats-restart',
    summary: 'SIGKILL of nats-server, started again after 10 s',
    aboutS: 20,
    run: ({ stage }) => restartNats(stage, 10_000),
  },
  {
    name: 'edge-drain',
    summary: 'SIGTERM of an edge, which sends its fans elsewhere',
    aboutS: 10,
    run: ({ stage, random }) => pick(stage.edges, random).end('SIGTERM'),
  },
  {
    name: 'fans-reset',
    summary: 'the connections of a fifth of the fans are reset',
    aboutS: 5,
    run: async ({ stage }) => stage.mobile.reset(),
  },
  {
    name: 'ingest-freeze',
    summary: 'SIGSTOP of the ingest that leads, SIGCONT after 10 s',
    aboutS: 18,
    run: async ({ stage }) => {
      const { actor } = leaderOf(stage);
      actor.signal('SIGSTOP');
      await pause(CUT_OFF_MS);
      actor.signal('SIGCONT');
    },
  },
  {
    name: 'storm',
    summary: 'all light fans lose their connection at once',
    aboutS: 6,
    run: ({ fans }) => fans.cut(),
  },
  {
    name: 'ingest-cut',
    summary: 'the network of the ingest that leads is dead for 10 s, without a word',
    aboutS: 20,
    run: async ({ stage }) => {
      const { network } = leaderOf(stage);
      network!.swallow();
      network!.cut();
      await pause(CUT_OFF_MS);
      network!.mend();
    },
  },
  {
    name: 'fans-stall',
    summary: 'a fifth of the fans gets no byte for 10 s, and then all of them',
    aboutS: 15,
    run: async ({ stage }) => {
      stage.mobile.stall();
      await pause(STALLED_MS);
      stage.mobile.mend();
    },
  },
  {
    name: 'slow-readers',
    summary: 'a tenth of the fans reads nothing for 20 s',
    aboutS: 25,
    run: async ({ fans }) => {
      await fans.freeze();
      await pause(SLOW_MS);
      await fans.thaw();
    },
  },
  {
    name: 'nats-freeze',
    summary: 'SIGSTOP of nats-server, SIGCONT after 10 s',
    aboutS: 20,
    run: async ({ stage }) => {
      const { server } = singleOf(stage);
      server.pause();
      await pause(CUT_OFF_MS);
      server.resume();
    },
  },
  {
    name: 'nats-full',
    summary: 'the disk of nats-server is full for 10 s; then there is room again, and it is started anew',
    aboutS: 25,
    problem: ({ nats }) => (nats.kind === 'single' && typeof nats.disk === 'string' ? nats.disk : undefined),
    run: async ({ stage }) => {
      const { disk, server } = singleOf(stage);
      if (typeof disk === 'string') throw new Error(disk);
      disk.fill();
      await pause(CUT_OFF_MS);
      disk.free();
      // A server of 2.9 whose disk was full hangs for good, deaf to SIGTERM.
      await server.kill();
      await server.restart();
    },
  },
  {
    name: 'fans-cut',
    summary: 'the connections of a fifth of the fans are dead, and nobody is told',
    aboutS: 35,
    run: async ({ stage }) => stage.mobile.cut(),
  },
  {
    name: 'rolling',
    summary: 'all edges are drained and started again, one after another',
    aboutS: 40,
    run: async ({ stage }) => {
      for (const edge of stage.edges) {
        await edge.end('SIGTERM');
        await stage.untilWhole();
      }
    },
  },
  {
    name: 'hostile',
    summary: 'for 10 s clients send garbage to the edges and to HAProxy, and hang up or read nothing',
    aboutS: 12,
    run: ({ stage, random }) =>
      attack([...stage.edgePorts, Number(new URL(stage.haproxy.url).port)], random, HOSTILE_MS),
  },
  {
    name: 'nats-outage',
    summary: 'SIGKILL of nats-server, started again after 60 s',
    aboutS: 75,
    run: ({ stage }) => restartNats(stage, 60_000),
  },
  {
    name: 'cluster-kill',
    summary: 'SIGKILL of the one of three nats-servers that leads the stream, started again after 10 s',
    aboutS: 25,
    nats: 'cluster',
    run: async ({ stage }) => {
      const node = await streamLeaderOf(stage);
      await node.kill();
      await pause(CUT_OFF_MS);
      await node.restart();
    },
  },
  {
    name: 'cluster-freeze',
    summary: 'SIGSTOP of the one of three nats-servers that leads the stream, SIGCONT after 10 s',
    aboutS: 25,
    nats: 'cluster',
    run: async ({ stage }) => {
      const node = await streamLeaderOf(stage);
      node.pause();
      await pause(CUT_OFF_MS);
      node.resume();
    },
  },
];
