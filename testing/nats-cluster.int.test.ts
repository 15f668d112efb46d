import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../broker/connection.ts';
import { Sandbox, until } from '../cli/testing/program.ts';
import { type Edge, startEdge } from '../fanout/edge.ts';
import { clusterProblem, findClusterServer } from './cluster-server.ts';
import { startMember } from './ingest-pair.ts';
import { type NatsCluster, startNatsCluster } from './nats-cluster.ts';
import { OracleFan } from './oracle-fan.ts';
import { type RawCars, startRawCars } from './raw-cars.ts';
import { StreamOracle } from './stream-oracle.ts';

const RACE = 'cluster';
const STREAM = `RACE_${RACE}`;
const LEASES = 'KV_slipstream_leases';
const FANS = 6;
/** A cluster may look for a new leader for ten seconds and more, and this machine may be slow. */
const WITHIN_MS = 90_000;
const CONFIG = join(import.meta.dirname, '..', 'deploy', 'nats-cluster.conf');

/** A leader that stands still for longer than the others wait for it: they elect another one, of which it learns when it goes on. */
const FROZEN_MS = 10_000;
const problem = clusterProblem();
const orWhyNot = problem ? `: ${problem}` : '';

it.skipIf(problem)(`the configuration in deploy/ can be read, and asks for a name${orWhyNot}`, () => {
  const test = (env: Record<string, string>) =>
    execFileSync(findClusterServer()!, ['-t', '-c', CONFIG], { env, stdio: 'pipe', encoding: 'utf8' });
  expect(() => test({ NATS_NAME: 'nats-1' })).not.toThrow();
  expect(() => test({})).toThrow('NATS_NAME');
});

describe.skipIf(problem)(`a cluster of three nats-servers${orWhyNot}`, () => {
  let cluster: NatsCluster;
  let box: Sandbox;
  let cars: RawCars;
  let connection: NatsConnection;
  const edges: Edge[] = [];
  const fans: OracleFan[] = [];
  beforeAll(async () => {
    cluster = await startNatsCluster();
    box = new Sandbox();
    cars = await startRawCars(cluster.servers, RACE);
    connection = await connectNats({ servers: cluster.servers, name: 'test' });
  }, WITHIN_MS);
  afterAll(async () => {
    for (const { race } of fans) race.close();
    await Promise.all(edges.map((edge) => edge.stop()));
    await connection?.close();
    await cars?.stop();
    await box?.remove();
    await cluster?.stop();
  }, WITHIN_MS);

  /** Every fan gets `count` more ticks. */
  const moreTicks = async (count: number) => {
    const from = Math.max(...fans.map(({ lastTick }) => lastTick));
    await until(
      `tick ${from + count} at every fan`,
      () => fans.every((fan) => fan.lastTick >= from + count),
      WITHIN_MS,
    );
  };
  const isWhole = (stream: string) => cluster.untilWhole(stream, WITHIN_MS);

  it(
    'loses the leader of a race, freezes the next one and loses one more, while fans lose no tick, get none twice and none wrong',
    async () => {
      const ingest = startMember(box, RACE, cluster.servers.join(','), ['--replicas', '3']);
      await until('ingest is on the air', () => ingest.takeOvers === 1, WITHIN_MS);
      for (let n = 0; n < 2; n++) edges.push(await startEdge({ servers: cluster.servers, races: [RACE] }));
      const isReady = async ({ url }: Edge) => (await fetch(`${url}/readyz`)).ok;
      for (const edge of edges) await until('the edge is ready', () => isReady(edge), WITHIN_MS);
      const oracle = new StreamOracle(connection, RACE);
      for (let n = 0; n < FANS; n++) {
        const url = [edges[n % 2]!.url];
        const watch = [{ car: String(n % 3), view: 'full' }];
        const how = { history: 'all', rate: 2, WebSocket, random: Math.random } as const;
        fans.push(new OracleFan(oracle, { url, race: RACE, watch, ...how }));
      }
      await moreTicks(2);
      // Ticks and leases are on all three.
      for (const stream of [STREAM, LEASES]) expect((await cluster.placeOf(stream))!.copies).toBe(3);

      const first = (await cluster.placeOf(STREAM))!.leader;
      await cluster.nodes[first]!.kill();
      await moreTicks(2);
      await cluster.nodes[first]!.restart();
      await isWhole(STREAM);
      await isWhole(LEASES);

      const frozen = (await cluster.placeOf(STREAM))!.leader;
      cluster.nodes[frozen]!.pause();
      await setTimeout(FROZEN_MS);
      cluster.nodes[frozen]!.resume();
      await moreTicks(2);
      await isWhole(STREAM);
      await until('all copies are alike', async () => new Set(await cluster.copiesOf(STREAM)).size === 1, WITHIN_MS);

      const second = (await cluster.placeOf(STREAM))!.leader;
      await cluster.nodes[second]!.kill();
      await moreTicks(2);

      ingest.run.child.kill('SIGTERM');
      expect(await ingest.run.end(WITHIN_MS)).toEqual({ code: 0, signal: null });
      await until(
        'the stream is read',
        () =>
          oracle.read().then(
            () => true,
            () => false,
          ),
        WITHIN_MS,
      );
      const last = oracle.head!.tick;
      await until('every fan has the last tick', () => fans.every(({ lastTick }) => lastTick === last), WITHIN_MS);
      oracle.finish();
      expect(oracle.fault).toBeUndefined();
      const sum = (pick: (report: OracleFan['report']) => number) =>
        fans.reduce((n, { report }) => n + pick(report), 0);
      expect(fans.flatMap(({ report }) => report.differences)).toEqual([]);
      expect({ lost: sum((r) => r.missed), doubled: sum((r) => r.doubled), cuts: sum((r) => r.cuts) }).toEqual({
        lost: 0,
        doubled: 0,
        cuts: 0,
      });
      expect(sum((r) => r.statesCompared)).toBe(sum((r) => r.ticks));
      // One snapshot each, to begin with.
      expect(sum((r) => r.snapshots)).toBe(FANS);
    },
    5 * WITHIN_MS,
  );
});
