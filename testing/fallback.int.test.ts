import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { findFreePort } from '../cli/testing/program.ts';
import type { ConnectOptions, Transport } from '../web/client/mod.ts';
import type { Page, PageEvent } from '../web/client/page.ts';
import { type CheckedFan, filterSockets, joinChecked } from '../web/testing/checked-fan.ts';
import { type RaceRig, startRace } from '../web/testing/race-rig.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { startHaproxy } from './haproxy.ts';
import { startNginx, type TestNginx } from './nginx.ts';
import { findProxy } from './proxy-binary.ts';

const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitUntil(condition, { timeout: 30_000, interval: 10 });

let rig: RaceRig;
const fans: CheckedFan[] = [];
const wires: FaultProxy[] = [];
beforeAll(async () => {
  rig = await startRace(7);
  await rig.publish(5);
  await rig.startEdge();
});
afterEach(async () => {
  await halt();
  for (const { race } of fans) race.close();
  for (const { differences } of fans.splice(0)) expect(differences).toEqual([]);
  for (const wire of wires.splice(0)) await wire.stop();
});
afterAll(() => rig?.stop());

/** A fan, and every transport that it was seen on, in order. */
function join(options: Partial<ConnectOptions>): CheckedFan & { readonly ways: Transport[] } {
  const fan = joinChecked(rig, { random: () => 0.1, ...options });
  const ways: Transport[] = [fan.race.transport];
  fan.race.on('status', () => {
    if (ways.at(-1) !== fan.race.transport) ways.push(fan.race.transport);
  });
  fans.push(fan);
  return Object.assign(fan, { ways });
}

async function wireTo(url: string): Promise<FaultProxy> {
  const wire = await startFaultProxy(url);
  wires.push(wire);
  return wire;
}

let running: { stop(): Promise<void> } | undefined;
/** Ticks come until {@link halt}. */
function run(): void {
  running = rig.run(20);
}
async function halt(): Promise<void> {
  await running?.stop();
  running = undefined;
}

/** It has every tick since its first one, each alone, and gets the next ones. */
async function expectWhole(fan: CheckedFan): Promise<void> {
  await rig.publish(2);
  await until(() => fan.isCurrent && fan.race.status.phase === 'live');
  expect(fan.missed()).toEqual([]);
  expect(fan.race.statistics()).toMatchObject({ gaps: 0, digestMismatches: 0, malformed: 0 });
}

/** A page that a test wakes. */
function fakePage(): Page & { wake(): void } {
  let tell: (event: PageEvent) => void = () => {};
  return {
    isHidden: false,
    listen: (hear) => {
      tell = hear;
      return () => {};
    },
    wake: () => tell('awake'),
  };
}

describe.skipIf(!findProxy('nginx'))('behind a proxy that lets no WebSocket through', () => {
  let nginx: TestNginx;
  beforeAll(async () => {
    const { port } = rig.edges[0]!;
    nginx = await startNginx(await findFreePort(), [port, port, port]);
  });
  afterAll(() => nginx?.stop());

  const passes = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${nginx.url.replace('http', 'ws')}/races/demo/live`);
      socket.onopen = () => {
        resolve(true);
        socket.close();
      };
      socket.onerror = () => resolve(false);
    });
  /** While it takes over, the worker with the old configuration may still take a connection. */
  async function untilSure(look: () => Promise<boolean>): Promise<void> {
    let inARow = 0;
    await until(async () => {
      inARow = (await look()) ? inARow + 1 : 0;
      return inARow === 10;
    });
  }
  async function letThrough(through: boolean): Promise<void> {
    nginx.letWebSockets(through);
    await untilSure(async () => (await passes()) === through);
  }
  async function letEventsThrough(through: boolean): Promise<void> {
    nginx.letEvents(through);
    // An address that an edge itself refuses: nothing stays open.
    const ask = () => fetch(`${nginx.url}/races/demo/events?rate=9`, { headers: { Connection: 'close' } });
    // A connection that is kept may belong to the worker that goes.
    await untilSure(async () => (await ask().catch(() => undefined))?.status === (through ? 400 : 403));
  }

  it('a fan gets every tick by events, and goes back to a WebSocket without missing one when the network changes', async () => {
    await letThrough(false);
    const page = fakePage();
    const fan = join({ url: nginx.url, page });
    run();
    await until(() => fan.ticks.length > 10);
    expect(fan.ways).toEqual(['websocket', 'sse']);
    // Still none: what works is kept.
    page.wake();
    await until(() => fan.race.status.phase === 'live');
    await letThrough(true);
    page.wake();
    await until(() => fan.race.transport === 'websocket' && fan.race.status.phase === 'live');
    const { length } = fan.ticks;
    await until(() => fan.ticks.length > length + 10);
    await halt();
    await expectWhole(fan);
    expect(fan.ways).toEqual(['websocket', 'sse', 'websocket']);
    expect(fan.race.statistics().transport).toBe('websocket');
  });

  it('nor events, a fan polls, loses no tick, and goes back to a WebSocket when there is one again', async () => {
    await letThrough(true);
    const wire = await wireTo(nginx.url);
    const page = fakePage();
    const fan = join({ url: wire.url, page });
    run();
    await until(() => fan.ticks.length > 10);
    await letEventsThrough(false);
    await letThrough(false);
    wire.reset();
    await until(() => fan.race.transport === 'poll' && fan.race.status.phase === 'live');
    const { length } = fan.ticks;
    await until(() => fan.ticks.length > length + 20);
    expect(fan.ways).toEqual(['websocket', 'sse', 'poll']);
    fan.race.watch([{ car: '24' }, { car: '9', view: 'essentials' }]);
    await until(() => fan.race.cars().length === 2);
    await letThrough(true);
    page.wake();
    await until(() => fan.race.transport === 'websocket' && fan.race.status.phase === 'live');
    await halt();
    await expectWhole(fan);
    await letEventsThrough(true);
  });

  it('a fan who had a WebSocket goes on by events from where it was', async () => {
    await letThrough(true);
    const wire = await wireTo(nginx.url);
    const fan = join({ url: wire.url });
    run();
    await until(() => fan.ticks.length > 10);
    await letThrough(false);
    wire.reset();
    await until(() => fan.race.transport === 'sse' && fan.race.status.phase === 'live');
    await halt();
    await expectWhole(fan);
    expect(fan.ways).toEqual(['websocket', 'sse']);
  });
});

describe('a fan whose WebSockets', () => {
  it('open and bring nothing goes over to events', async () => {
    const { Socket } = filterSockets(() => false);
    const fan = join({ url: rig.edges[0]!.url, WebSocket: Socket, deadlines: { connectMs: 1000 } });
    await until(() => fan.isCurrent);
    await expectWhole(fan);
    expect(fan.ways).toEqual(['websocket', 'sse']);
  });

  it('die early again and again goes over to events, and has missed nothing', async () => {
    let sockets = 0;
    class Dying extends WebSocket {
      constructor(url: string) {
        super(url);
        sockets++;
        this.addEventListener('message', ({ data }) => {
          if (typeof data !== 'string') setTimeout(() => this.close(), 20);
        });
      }
    }
    const fan = join({ url: rig.edges[0]!.url, WebSocket: Dying as typeof WebSocket });
    run();
    await until(() => fan.race.transport === 'sse' && fan.race.status.phase === 'live');
    await halt();
    await expectWhole(fan);
    expect([sockets, fan.ways]).toEqual([2, ['websocket', 'sse']]);
  });

  it('are refused because the edge is full asks for one again, and uses no other way', async () => {
    const full = await rig.startEdge({ limits: { maxFans: 1, minWindowMs: 250 } });
    const first = join({ url: full.url });
    await until(() => first.isCurrent);
    const second = join({ url: full.url });
    await until(() => second.race.status.failures >= 3);
    expect(full.stats().refused.full).toBeGreaterThanOrEqual(3);
    first.race.close();
    await until(() => second.isCurrent);
    expect(second.ways).toEqual(['websocket']);
    await full.stop();
  });

  it('fail because nobody is there asks for one again, and uses no other way', async () => {
    const wire = await wireTo(rig.edges[0]!.url);
    const fan = join({ url: wire.url });
    await until(() => fan.isCurrent);
    wire.refuse();
    wire.reset();
    await until(() => fan.race.status.failures >= 2);
    wire.mend();
    await until(() => fan.race.status.phase === 'live');
    await expectWhole(fan);
    expect(fan.ways).toEqual(['websocket']);
  });

  it('do not get through, and whose events and polls do not either, goes round until one does', async () => {
    let isBlocked = true;
    const { Socket } = filterSockets(() => !isBlocked);
    const blocked: string[] = [];
    const fan = join({
      url: rig.edges[0]!.url,
      WebSocket: Socket,
      deadlines: { connectMs: 300 },
      fetch: (url, init) => {
        if (!isBlocked || !/\/(events|poll)/.test(url)) return fetch(url, init);
        blocked.push(url);
        return Promise.reject(new TypeError('blocked'));
      },
    });
    await until(() => fan.ways.length >= 4);
    expect(fan.ways).toEqual(['websocket', 'sse', 'poll', 'websocket']);
    expect(blocked).toHaveLength(2);
    isBlocked = false;
    await until(() => fan.isCurrent);
    await expectWhole(fan);
  });
});

describe.skipIf(!findProxy('haproxy'))('behind HAProxy', () => {
  it('events come as they are sent, and a fan who changes its mind goes on where it was', async () => {
    const { port } = rig.edges[0]!;
    const haproxy = await startHaproxy(await findFreePort(), [port, port, port]);
    try {
      const fan = join({ url: haproxy.url, transports: ['sse'] });
      await until(() => fan.isCurrent);
      for (let n = 0; n < 5; n++) {
        await rig.publish(1);
        await until(() => fan.isCurrent);
      }
      fan.race.watch([{ car: '24' }, { car: '9', view: 'essentials' }]);
      run();
      await until(() => fan.race.cars().length === 2);
      await halt();
      await expectWhole(fan);
      expect(fan.ways).toEqual(['sse']);
    } finally {
      await haproxy.stop();
    }
  });
});
