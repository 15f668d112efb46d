import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { sessionIdOf } from '../protocol/session.ts';
import { clusterProblem } from '../testing/cluster-server.ts';
import { type NatsCluster, startNatsCluster } from '../testing/nats-cluster.ts';
import { type Edge, startEdge } from './edge.ts';
import { until } from './testing/until.ts';

const BUCKET = 'KV_slipstream_sessions';
const PATIENCE_MS = 60_000;
let cluster: NatsCluster;
const edges: Edge[] = [];
afterEach(async () => {
  await Promise.all(edges.splice(0).map((edge) => edge.stop()));
  await cluster.stop();
});

const problem = clusterProblem();
const TITLE =
  'a session in three copies outlives the server that leads it: no save that was acknowledged is lost, and news go on';
it.skipIf(problem)(
  `${TITLE}${problem ? `: ${problem}` : ''}`,
  async () => {
    cluster = await startNatsCluster();
    const sessions = { replicas: 3, limits: { savesPerSecond: 1000 } };
    for (let n = 0; n < 2; n++) edges.push(await startEdge({ servers: cluster.servers, sessions }));
    const headers = { Authorization: `Bearer ${sessionIdOf(randomBytes(16))}` };
    const read = (edge: Edge) => fetch(`${edge.url}/session`, { headers });
    /** As a device does: until it is stored, over whatever is there. */
    let revision = 0;
    const save = (edge: Edge, delayMs: number) =>
      until(
        `${delayMs} is saved`,
        async () => {
          const before: Record<string, string> =
            revision === 0 ? { 'If-None-Match': '*' } : { 'If-Match': `"${revision}"` };
          const body = JSON.stringify({ version: 1, tvDelayMs: { value: delayMs, atMs: delayMs } });
          const reply = await fetch(`${edge.url}/session`, { method: 'PUT', headers: { ...headers, ...before }, body });
          const answer = await reply.json();
          // A save whose answer was lost is found stored by the next one; nobody else saves here.
          if (reply.status === 412) expect([delayMs - 1, delayMs]).toContain(answer.session.tvDelayMs.value);
          if (reply.ok || reply.status === 412) revision = answer.revision;
          return reply.ok;
        },
        PATIENCE_MS,
      );
    await save(edges[0]!, 1);
    await cluster.untilWhole(BUCKET, PATIENCE_MS);
    const { leader, copies } = (await cluster.placeOf(BUCKET))!;
    expect(copies).toBe(3);
    const heard = new Set<number>();
    let isOver = false;
    const listening = (async () => {
      for (let known = revision; !isOver; ) {
        const more = { ...headers, 'If-None-Match': `"${known}"` };
        const reply = await fetch(`${edges[1]!.url}/session?wait=1`, { headers: more });
        if (reply.status !== 200) continue;
        const answer = await reply.json();
        known = answer.revision;
        heard.add(answer.session.tvDelayMs.value);
      }
    })();
    for (let n = 2; n <= 20; n++) {
      if (n === 8) await cluster.nodes[leader]!.kill();
      await save(edges[n % 2]!, n);
    }
    await until('the last one is heard', () => heard.has(20), PATIENCE_MS);
    isOver = true;
    await listening;
    for (const edge of edges) expect((await (await read(edge)).json()).session.tvDelayMs.value).toBe(20);
    expect((await cluster.placeOf(BUCKET))?.leader).not.toBe(leader);
  },
  180_000,
);
