import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { type CheckedFan, filterSockets, joinChecked, kindOf } from '../testing/checked-fan.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import type { Fetch } from './fetch.ts';
import type { ConnectOptions } from './mod.ts';
import type { Page, PageEvent } from './page.ts';

// Each waiting state of docs/waiting.md with what ends it. The deadlines are those of the table, only shorter.

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 15_000, interval: 5 });

let rig: RaceRig;
let wire: FaultProxy;
const fans: CheckedFan[] = [];
beforeAll(async () => {
  rig = await startRace(5);
  await rig.publish(5);
  await rig.startEdge();
  wire = await startFaultProxy(rig.edges[0]!.url);
});
afterEach(() => {
  for (const { race } of fans) race.close();
  for (const { differences } of fans.splice(0)) expect(differences).toEqual([]);
  wire.mend();
});
afterAll(async () => {
  await wire?.stop();
  await rig?.stop();
});

function join(options: Partial<ConnectOptions> = {}, connectBy?: Parameters<typeof joinChecked>[2]): CheckedFan {
  const fan = joinChecked(rig, { url: wire.url, random: () => 0.1, ...options }, connectBy);
  fans.push(fan);
  return fan;
}

async function joined(options?: Partial<ConnectOptions>): Promise<CheckedFan> {
  const fan = join(options);
  await until(() => fan.isCurrent);
  return fan;
}

/** It gets ticks again, and has missed none since it first had one. */
async function expectWhole(fan: CheckedFan): Promise<void> {
  await rig.publish(2);
  await until(() => fan.isCurrent && fan.race.status.phase === 'live');
  expect(fan.missed()).toEqual([]);
}

/** Another copy of the SDK, which has no catalogue yet. */
async function freshConnect(): Promise<Parameters<typeof joinChecked>[2]> {
  vi.resetModules();
  return (await import('./mod.ts')).connect;
}

/** A request that is answered after so many ms, if nobody gives it up. */
const slowly = (ms: (nth: number) => number): Fetch =>
  (() => {
    let asked = 0;
    return async (url, init) => {
      const waitMs = ms(asked++);
      await new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, waitMs);
        init.signal.addEventListener('abort', () => {
          clearTimeout(timer);
          reject(init.signal.reason);
        });
      });
      return fetch(url, init);
    };
  })();

/** A page that a test puts to sleep and wakes. */
function fakePage() {
  const page = { isHidden: false, hear: (_: PageEvent) => {} };
  const listen: Page['listen'] = (hear) => {
    page.hear = hear;
    return () => {};
  };
  return Object.assign(page, { listen });
}

it('connecting: an edge that takes the connection and never says anything is given up', async () => {
  wire.swallow();
  wire.reset();
  const fan = join({ deadlines: { connectMs: 400 } });
  await until(() => fan.phases.filter((phase) => phase === 'waiting').length >= 2);
  expect(fan.phases.slice(0, 3)).toEqual(['waiting', 'connecting', 'waiting']);
  wire.mend();
  await until(() => fan.isCurrent);
});

it('connecting: refused at once, it comes back after a wait that grows', async () => {
  wire.refuse();
  // Also those that were kept for a next request.
  wire.reset();
  const fan = join();
  await until(() => fan.race.status.failures >= 2);
  wire.mend();
  await until(() => fan.isCurrent);
});

it('joining: a request for the catalogue that hangs is given up with the connection', async () => {
  const fan = join(
    { deadlines: { joinMs: 400 }, fetch: slowly((nth) => (nth === 0 ? 3_600_000 : 0)) },
    await freshConnect(),
  );
  await until(() => fan.isCurrent);
  expect(fan.phases).toEqual(['joining', 'waiting', 'connecting', 'joining', 'live']);
  expect(fan.errors).toEqual([]);
});

it('joining: a network too slow for the deadline gets more time, until the catalogue is here', async () => {
  const fan = join({ deadlines: { joinMs: 150 }, fetch: slowly(() => 350) }, await freshConnect());
  await until(() => fan.isCurrent);
  expect(fan.phases.filter((phase) => phase === 'joining').length).toBeGreaterThan(1);
});

it('joining: what comes while the catalogue is loaded is kept in order', async () => {
  const fan = join({ fetch: slowly(() => 200) }, await freshConnect());
  await until(() => fan.phases.includes('joining'));
  await rig.publish(5);
  await expectWhole(fan);
  expect(fan.race.statistics().reconnects).toBe(0);
});

it('joining: an edge that welcomes and then sends nothing is given up', async () => {
  const { Socket, sockets } = filterSockets((data, nth) => nth > 1 || kindOf(data) === 'welcome');
  const fan = join({ deadlines: { joinMs: 400 }, WebSocket: Socket });
  await until(() => fan.isCurrent);
  expect(sockets).toHaveLength(2);
  expect(fan.phases).toEqual(['joining', 'waiting', 'connecting', 'joining', 'live']);
});

it('live: a network that stalls and comes back costs neither the connection nor a tick', async () => {
  const fan = await joined();
  wire.stall();
  await rig.publish(40);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(fan.isCurrent).toBe(false);
  wire.mend();
  await expectWhole(fan);
  expect(fan.race.statistics()).toMatchObject({ reconnects: 0, gaps: 0 });
});

it('live: a connection that is dead without a word is given up, and no tick is lost', async () => {
  const fan = await joined({ deadlines: { silenceMs: 300, connectMs: 400 } });
  wire.cut();
  wire.swallow();
  await rig.publish(5);
  await until(() => fan.phases.filter((phase) => phase === 'connecting').length >= 2);
  wire.mend();
  await expectWhole(fan);
  expect(fan.race.statistics()).toMatchObject({ reconnects: 1, receipts: { snapshot: { count: 1 } } });
});

it.each(['shown', 'awake'] as const)(
  'probing: a page that is %s asks, and leaves a dead connection at once',
  async (event) => {
    const page = fakePage();
    const fan = await joined({ page, deadlines: { probeMs: 500 } });
    page.hear(event);
    await until(() => fan.phases.length === 4);
    expect(fan.phases).toEqual(['joining', 'live', 'probing', 'live']);
    wire.cut();
    await rig.publish(3);
    page.hear(event);
    await until(() => fan.phases.at(-1) === 'live' && fan.phases.length > 4);
    expect(fan.phases.slice(-4)).toEqual(['probing', 'connecting', 'joining', 'live']);
    await expectWhole(fan);
  },
);

it('repairing: a snapshot that was asked for and does not come costs the connection', async () => {
  let isDeaf = false;
  const { Socket, sockets } = filterSockets((data, nth) => !(isDeaf && nth === 1 && kindOf(data) === 'tick'));
  const fan = await joined({ WebSocket: Socket, deadlines: { repairMs: 200 } });
  isDeaf = true;
  fan.race.resync();
  await rig.publish(3);
  await until(() => sockets.length === 2 && fan.isCurrent);
  expect(fan.phases.slice(-5)).toEqual(['repairing', 'waiting', 'connecting', 'joining', 'live']);
});

it.each([
  ['choice', 'watching', (fan: CheckedFan) => fan.race.watch([{ car: '24' }, { car: '48' }])],
  ['rate', 'rate', (fan: CheckedFan) => fan.race.setRate(1)],
] as const)('live: a %s that is never answered costs the connection, and is asked for again', async (_, kind, ask) => {
  const { Socket, sockets } = filterSockets((data, nth) => !(nth === 1 && kindOf(data) === kind));
  const fan = await joined({ WebSocket: Socket, deadlines: { answerMs: 500 } });
  ask(fan);
  await until(() => sockets.length === 2 && fan.race.status.phase === 'live');
  await rig.publish(2);
  await until(() => fan.isCurrent && fan.race.cars().length === fan.race.choice.length);
  expect(fan.race.statistics()).toMatchObject({ gaps: 0, malformed: 0 });
});

it('waiting: a page that wakes after failed tries comes back at once', async () => {
  wire.refuse();
  // Also those that were kept for a next request.
  wire.reset();
  const page = fakePage();
  const fan = join({ page, random: () => 0.99 });
  await until(() => fan.race.status.failures >= 1 && fan.race.status.phase === 'waiting');
  wire.mend();
  page.hear('awake');
  expect(fan.race.status.phase).toBe('connecting');
  await until(() => fan.isCurrent);
});

it('any state: on a network that delays, jitters and is slow, every tick comes once', async () => {
  wire.delay(30, 40);
  wire.throttle(60_000);
  const fan = await joined({ watch: [{ car: '24', view: 'essentials' }] });
  const running = rig.run(20);
  await new Promise((resolve) => setTimeout(resolve, 500));
  wire.reset();
  await until(() => fan.race.statistics().reconnects === 1 && fan.race.status.phase === 'live');
  await running.stop();
  await expectWhole(fan);
});
