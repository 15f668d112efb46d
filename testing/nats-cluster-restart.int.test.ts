import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterEach, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { until } from '../cli/testing/program.ts';
import { clusterProblem } from './cluster-server.ts';
import { type NatsCluster, startNatsCluster } from './nats-cluster.ts';

const STREAM = 'kept';
const WITHIN_MS = 60_000;
let cluster: NatsCluster;
let connection: NatsConnection;
afterEach(async () => {
  await connection?.close();
  await cluster?.stop();
}, WITHIN_MS);

const problem = clusterProblem();
it.skipIf(problem)(
  `each server of a cluster that dies and comes back is heard by the others again${problem ? `: ${problem}` : ''}`,
  async () => {
    cluster = await startNatsCluster();
    connection = await connectNats({ servers: cluster.servers, name: 'test' });
    const jsm = await jetstreamManager(connection, { timeout: 5000 });
    await jsm.streams.add({ name: STREAM, subjects: [STREAM], num_replicas: 3 });
    await cluster.untilWhole(STREAM, WITHIN_MS);
    await expect(cluster.untilWhole('none', 0)).rejects.toThrow('nats-0 counts 3 servers, led by nats-');
    const store = () =>
      jetstream(connection, { timeout: 2000 })
        .publish(STREAM)
        .then(
          () => true,
          () => false,
        );
    for (const [n, node] of cluster.nodes.entries()) {
      await node.kill();
      expect(await cluster.describe(STREAM)).toContain(`nats-${n} does not answer.`);
      // It has less than the others until it has answered them: nobody takes it for current out of habit.
      await until('a message is stored by the other two', store, WITHIN_MS);
      await node.restart();
      await cluster.untilWhole(STREAM, WITHIN_MS);
    }
  },
  5 * WITHIN_MS,
);
