import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort, type Run, Sandbox, until } from '../cli/testing/program.ts';
import { TestPublisher } from '../fanout/testing/publisher.ts';
import { connect } from '../web/client/mod.ts';
import { startHaproxy, type TestHaproxy } from './haproxy.ts';
import { startNatsServer, type TestNatsServer } from './nats-server.ts';
import { findProxy } from './proxy-binary.ts';

const RACE = 'oval';
const FANS = 200;
const TICK_EVERY_MS = 100;

let nats: TestNatsServer;
let publisher: TestPublisher;
let box: Sandbox;
beforeAll(async () => {
  nats = await startNatsServer();
  publisher = await TestPublisher.open(nats.url, RACE);
  await publisher.begin();
  box = new Sandbox();
});
afterAll(async () => {
  await box?.remove();
  await publisher?.close();
  await nats?.stop();
});

/** Publishes a tick now and then until it is told to stop. */
function publishOn(): { stop(): Promise<void> } {
  let isRunning = true;
  const done = (async () => {
    while (isRunning) {
      await publisher.run(1);
      await new Promise((resolve) => setTimeout(resolve, TICK_EVERY_MS));
    }
  })();
  return {
    stop: () => {
      isRunning = false;
      return done;
    },
  };
}

function joinFan(url: string, n: number) {
  const watch = [{ car: String(n % 5), view: 'essentials' }];
  const race = connect({ url, race: RACE, watch, history: 'all', document: false });
  const ticks: number[] = [];
  race.on('tick', ({ tick, span }) => ticks.push(span === 1 || ticks.length === 0 ? tick : Number.NaN));
  return { race, ticks };
}

describe.skipIf(!findProxy('haproxy'))('three edges behind HAProxy', () => {
  it('are restarted one after another, and no fan loses a tick or gets one twice', async () => {
    const ports = [await findFreePort(), await findFreePort(), await findFreePort()] as const;
    const startEdge = (port: number) => box.start(['edge', '--port', `${port}`, '--nats', nats.url]);
    const edges: Run[] = ports.map(startEdge);
    let proxy: TestHaproxy | undefined;
    const fans: ReturnType<typeof joinFan>[] = [];
    try {
      proxy = await startHaproxy(await findFreePort(), ports);
      const { url, states } = proxy;
      const untilUp = () => until('All edges are up', async () => (await states()).every(({ isUp }) => isUp));
      await untilUp();
      for (let n = 0; n < FANS; n++) fans.push(joinFan(url, n));
      await until('All fans are in', () => fans.every(({ ticks }) => ticks.length > 0));
      const publishing = publishOn();
      for (const [n, port] of ports.entries()) {
        edges[n]!.child.kill('SIGTERM');
        expect(await edges[n]!.end()).toEqual({ code: 0, signal: null });
        expect(edges[n]!.stderr()).toMatch(/have gone\. .*\bleft\W+0\b/);
        expect((await states())[n]!.isUp).toBe(false);
        edges[n] = startEdge(port);
        await untilUp();
      }
      await until('All fans are live', () => fans.every(({ race }) => race.status.phase === 'live'));
      await publishing.stop();
      await until('All are current', () => fans.every(({ ticks }) => ticks.at(-1) === publisher.writer.tick));
      for (const { ticks } of fans)
        expect(ticks).toEqual(Array.from({ length: ticks.length }, (_, n) => ticks[0]! + n));
      for (const { race } of fans) {
        const { receipts, ...counts } = race.statistics();
        expect(counts).toMatchObject({ gaps: 0, digestMismatches: 0, malformed: 0, ignored: 0 });
        expect(receipts.snapshot.count).toBe(1);
      }
      // Whoever was on the last edge has moved at least once, and the first one has fans again.
      const moves = fans.reduce((sum, { race }) => sum + race.statistics().reconnects, 0);
      expect(moves).toBeGreaterThanOrEqual(FANS);
      expect((await states()).slice(0, 2).every(({ fans: now }) => now > 0)).toBe(true);
    } finally {
      for (const { race } of fans) race.close();
      await proxy?.stop();
    }
  }, 60_000);
});
