import { findLastingPort } from '../../cli/testing/program.ts';
import { type NatsCluster, startNatsCluster } from '../../testing/nats-cluster.ts';
import { startNatsServer, type TestNatsServer } from '../../testing/nats-server.ts';
import { openSmallDisk, type SmallDisk, smallDiskProblem } from '../../testing/small-disk.ts';

const MIN_DISK_BYTES = 32 * 2 ** 20;
const DISK_BYTES_PER_S = 50_000;

/** One server, whose disk can be filled up unless `disk` says why not. */
interface SingleNats {
  readonly kind: 'single';
  readonly servers: readonly string[];
  readonly server: TestNatsServer;
  readonly disk: Pick<SmallDisk, 'fill' | 'free'> | string;
  stop(): Promise<void>;
}

/** Three servers that keep everything threefold. */
interface ClusteredNats {
  readonly kind: 'cluster';
  readonly servers: readonly string[];
  readonly cluster: NatsCluster;
  stop(): Promise<void>;
}

export type StagedNats = SingleNats | ClusteredNats;

/** @param seconds How long a race will be kept. */
export async function startStagedNats(kind: StagedNats['kind'], seconds: number): Promise<StagedNats> {
  if (kind === 'cluster') {
    const cluster = await startNatsCluster();
    return { kind, servers: cluster.servers, cluster, stop: () => cluster.stop() };
  }
  const problem = smallDiskProblem();
  const disk = problem === undefined ? await openSmallDisk(MIN_DISK_BYTES + seconds * DISK_BYTES_PER_S) : undefined;
  const closeDisk = () => disk?.stop();
  process.once('exit', closeDisk);
  const release = () => {
    process.off('exit', closeDisk);
    closeDisk();
  };
  try {
    const server = await startNatsServer({ port: await findLastingPort(), ...(disk ? { disk } : {}) });
    const stop = async () => {
      await server.stop();
      release();
    };
    return { kind, servers: [`127.0.0.1:${server.port}`], server, disk: disk ?? problem!, stop };
  } catch (error) {
    release();
    throw error;
  }
}
