import { startNatsServer } from '../testing/nats-server.ts';
import { type BenchProcess, startService } from './processes.ts';

/** A simulated race that is live on one edge, each in a process of its own. */
export interface LiveRace {
  readonly url: string;
  readonly edge: BenchProcess;
  readonly ingest: BenchProcess;
  stop(): Promise<void>;
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await look();
    if (found) return found;
    await pause(50);
  }
  throw new Error(`${what} did not happen within 15 s`);
}

/**
 * An edge of its own process, which need not have a race yet.
 * @param nats Address of a nats-server with JetStream. @param workers Edge processes on the one port.
 * @param web Folder of a page, when it is not the built one.
 */
export async function startEdge(
  nats: string,
  workers = 1,
  web?: string,
): Promise<{ edge: BenchProcess; url: string; isReady(): Promise<unknown> }> {
  // A bench brings all of its fans at once.
  const edge = await startService([
    ...['edge', '--nats', nats, '--port', '0', '--workers', String(workers), '--max-handshakes', '1000000'],
    ...(web === undefined ? [] : ['--web', web]),
  ]);
  const url = await until(
    'that the edge says where it serves',
    () => /http:\/\/127\.0\.0\.1:\d+/.exec(edge.said())?.[0],
  );
  const isReady = () => until(`that ${url} is ready`, async () => (await fetch(`${url}/readyz`)).ok || undefined);
  return { edge, url, isReady };
}

/**
 * @param nats Address of a nats-server with JetStream.
 * @param field Cars of the simulator, their samples per race second, and race seconds per second.
 * @param workers Edge processes on the one port. @param web Folder of a page, when it is not the built one.
 */
export async function startEdgeAndIngest(
  nats: string,
  race: string,
  field: { cars: number; rate: number; speed?: number },
  { workers, web }: { workers?: number; web?: string } = {},
): Promise<LiveRace> {
  const { edge, url, isReady } = await startEdge(nats, workers, web);
  const ingest = await startService([
    ...['ingest', '--nats', nats, '--race', race, '--sources', 'simulator'],
    ...['--cars', String(field.cars), '--rate', String(field.rate), '--speed', String(field.speed ?? 1)],
  ]);
  await isReady();
  return {
    url,
    edge,
    ingest,
    stop: async () => {
      await ingest.stop();
      await edge.stop();
    },
  };
}

/** Runs a simulated race of 40 cars on a nats-server and an edge of its own, and ends all of it afterwards. */
export async function withLiveRace<T>(
  field: { rate: number; speed?: number },
  use: (live: LiveRace) => Promise<T>,
  options: { web?: string } = {},
): Promise<T> {
  const nats = await startNatsServer();
  try {
    const live = await startEdgeAndIngest(`127.0.0.1:${nats.port}`, 'bench', { cars: 40, ...field }, options);
    try {
      return await use(live);
    } finally {
      await live.stop();
    }
  } finally {
    await nats.stop();
  }
}
