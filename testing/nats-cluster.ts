import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connectNats } from '../broker/connection.ts';
import { findLastingPort, until } from '../cli/testing/program.ts';
import { copyIn, describeServer, type ServerStreams } from './cluster-report.ts';
import { clusterEnvOf, clusterProblem, findClusterServer } from './cluster-server.ts';
import { NatsProcess } from './nats-process.ts';

const CONFIG = join(import.meta.dirname, '..', 'deploy', 'nats-cluster.conf');
const READY_WITHIN_MS = 60_000;
/** A server that stands still is asked no longer. */
const ANSWER_WITHIN_MS = 2000;

/** How one stream of a cluster is kept, as its leader says. */
export interface StreamPlace {
  /** Place of the leader in {@link NatsCluster.nodes}. */
  readonly leader: number;
  readonly copies: number;
  /** Every copy is there and has all that the leader has. */
  readonly isWhole: boolean;
}

/** One server of a cluster. */
export interface ClusterNode {
  readonly url: string;
  /** Ends it at once, as a crash would; its ports and its data are kept. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Lets it stand still (SIGSTOP): its sockets stay open, and nobody answers. */
  pause(): void;
  resume(): void;
}

/** Three real nats-servers in one cluster, with the configuration of `deploy/` but for its addresses. */
export interface NatsCluster {
  readonly nodes: readonly ClusterNode[];
  /** All addresses, as `--nats` takes them. */
  readonly servers: readonly string[];
  /** `undefined` when there is no such stream, or nobody who leads it. */
  placeOf(stream: string): Promise<StreamPlace | undefined>;
  /** What each server says that its own copy holds, as `<messages> up to <sequence>`. */
  copiesOf(stream: string): Promise<string[]>;
  /** One line for each server: whom it counts and who leads, of the cluster and of the stream, and who is how far behind. */
  describe(stream?: string): Promise<string>;
  /** Resolves when every copy of the stream is there and current. @throws {Error} after `withinMs`, with {@link describe}. */
  untilWhole(stream: string, withinMs: number): Promise<void>;
  stop(): Promise<void>;
}

interface Ports {
  readonly client: number;
  readonly route: number;
  readonly health: number;
}

/** Starts them, and resolves when JetStream takes streams. @throws {Error} when that takes too long, or where {@link clusterProblem} says why. */
export async function startNatsCluster(): Promise<NatsCluster> {
  const binary = findClusterServer();
  if (!binary) throw new Error(`There is no cluster: ${clusterProblem()}.`);
  const dir = mkdtempSync(join(tmpdir(), 'slipstream-cluster-'));
  const forget = () => rmSync(dir, { recursive: true, force: true });
  process.once('exit', forget);
  const free = await findLastingPorts(9);
  const ports = [0, 3, 6].map((at): Ports => ({ client: free[at]!, route: free[at + 1]!, health: free[at + 2]! }));
  const servers = ports.map(({ client }) => `127.0.0.1:${client}`);
  const processes = ports.map(() => new NatsProcess({ binary }));
  const launch = async (n: number) => {
    const file = join(dir, `${n}.conf`);
    writeFileSync(file, withAddresses(readFileSync(CONFIG, 'utf8'), join(dir, `store-${n}`), ports, n));
    await processes[n]!.launch(file, { NATS_NAME: `nats-${n}`, ...clusterEnvOf(binary) });
  };
  const stop = async () => {
    await Promise.all(processes.map((one) => one.stop()));
    process.removeListener('exit', forget);
    forget();
  };
  const describe = (stream?: string) => describeAll(ports, stream);
  try {
    await Promise.all(ports.map((_, n) => launch(n)));
    await until('The start of a cluster', () => takesStreams(servers), READY_WITHIN_MS).catch(explainBy(describe));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    servers,
    nodes: processes.map((one, n) => ({
      url: `nats://${servers[n]}`,
      kill: () => one.end('SIGKILL'),
      restart: async () => {
        await one.end('SIGTERM');
        await launch(n);
      },
      pause: () => one.pause(),
      resume: () => one.resume(),
    })),
    placeOf: (stream) => askFor(servers, stream),
    copiesOf: (stream) => Promise.all(ports.map(async ({ health }) => copyIn(await streamsOn(health), stream))),
    describe,
    untilWhole: async (stream, withinMs) => {
      const isWhole = async () => (await askFor(servers, stream))?.isWhole;
      await until(`All copies of ${stream}`, isWhole, withinMs).catch(explainBy(() => describe(stream)));
    },
    stop,
  };
}

function withAddresses(config: string, store: string, ports: readonly Ports[], n: number): string {
  const { client, route, health } = ports[n]!;
  const replaced = [
    ['listen: "0.0.0.0:4222"', `listen: "127.0.0.1:${client}"`],
    ['http: "127.0.0.1:8222"', `http: "127.0.0.1:${health}"`],
    ['listen: "0.0.0.0:6222"', `listen: "127.0.0.1:${route}"`],
    ['/var/lib/nats', store],
    // It would be reserved, and the disk of a test has less.
    ['max_file_store: 100GB', 'max_file_store: 1GB'],
    ...ports.map((other, i) => [`nats://nats-${i + 1}:6222`, `nats://127.0.0.1:${other.route}`]),
  ] as [string, string][];
  return replaced.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`${CONFIG} does not say ${from} once any more.`);
    return text.replace(from, to);
  }, config);
}

/** A fresh connection each time: the server of an old one may be the one that was killed. */
async function ask<T>(servers: readonly string[], question: (url: string) => Promise<T>): Promise<T | undefined> {
  for (const url of servers) {
    try {
      return await question(url);
    } catch {
      // It is down, or does not know who leads: the next one may.
    }
  }
  return undefined;
}

const askFor = (servers: readonly string[], stream: string): Promise<StreamPlace | undefined> =>
  ask(servers, async (url) => {
    const connection = await connectNats({ servers: [url], name: 'cluster test' });
    try {
      const jsm = await jetstreamManager(connection, { timeout: 1000 });
      const { cluster, config } = await jsm.streams.info(stream);
      const leader = Number(cluster?.leader?.replace('nats-', '') ?? Number.NaN);
      if (Number.isNaN(leader)) throw new Error(`Nobody leads ${stream}.`);
      const others = cluster?.replicas ?? [];
      const isWhole = others.every(({ current, offline }) => current && !offline);
      return { leader, copies: config.num_replicas, isWhole: isWhole && others.length === config.num_replicas - 1 };
    } finally {
      await connection.close();
    }
  });

async function streamsOn(healthPort: number): Promise<ServerStreams> {
  const answer = await fetch(`http://127.0.0.1:${healthPort}/jsz?streams=true&accounts=true`, {
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  return (await answer.json()) as ServerStreams;
}

async function describeAll(ports: readonly Ports[], stream?: string): Promise<string> {
  const lines = ports.map(async ({ health }, n) =>
    describeServer(`nats-${n}`, await streamsOn(health).catch(() => undefined), stream),
  );
  return (await Promise.all(lines)).join('\n');
}

/** For `catch`: says what the servers say, too. */
const explainBy = (describe: () => Promise<string>) => async (cause: Error) => {
  throw new Error(`${cause.message}. The servers say:\n${await describe()}`, { cause });
};

/** Free ones, none of them twice. */
async function findLastingPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await findLastingPort());
  return [...ports];
}

const takesStreams = (servers: readonly string[]): Promise<boolean | undefined> =>
  ask(servers, async (url) => {
    const connection = await connectNats({ servers: [url], name: 'cluster test' });
    try {
      const jsm = await jetstreamManager(connection, { timeout: 1000 });
      await jsm.streams.add({ name: 'ready', subjects: ['ready'], num_replicas: 3 });
      await jsm.streams.delete('ready');
      return true;
    } finally {
      await connection.close();
    }
  });
