import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { type CheckedFan, filterSockets, joinChecked, kindOf } from '../testing/checked-fan.ts';
import { type EdgeProcess, startEdgeProcess } from '../testing/edge-process.ts';
import { type RaceRig, startRace } from '../testing/race-rig.ts';
import type { ConnectOptions } from './mod.ts';

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 15_000, interval: 5 });

let rig: RaceRig;
const fans: CheckedFan[] = [];
beforeAll(async () => {
  rig = await startRace(11);
  await rig.publish(5);
  await rig.startEdge();
});
afterEach(() => {
  for (const { race } of fans) race.close();
  for (const { differences } of fans.splice(0)) expect(differences).toEqual([]);
});
afterAll(() => rig?.stop());

async function join(options: Partial<ConnectOptions>): Promise<CheckedFan> {
  const fan = joinChecked(rig, options);
  fans.push(fan);
  await until(() => fan.isCurrent);
  return fan;
}

/** Fans hold everything, by deltas alone. */
async function expectWhole(...whole: readonly CheckedFan[]): Promise<void> {
  await until(() => whole.every(({ isCurrent }) => isCurrent));
  for (const { race, missed } of whole) {
    expect(missed()).toEqual([]);
    expect(race.statistics()).toMatchObject({ gaps: 0, malformed: 0, digestMismatches: 0 });
  }
}

it('stays with an edge that leaves until its slot, then goes to another one, and misses nothing', async () => {
  const leaving = await rig.startEdge();
  const fan = await join({ url: [leaving.url, rig.edges[0]!.url], random: () => 0.1 });
  expect(leaving.stats().fans).toBe(1);
  const drained = leaving.drain({ leadMs: 1500, maxWindowMs: 100 });
  await until(() => fan.phases.includes('leaving'));
  await rig.publish(3);
  await until(() => fan.isCurrent);
  expect(fan.race.status.phase).toBe('leaving');
  const running = rig.run(20);
  await drained;
  await until(() => fan.race.status.phase === 'live');
  await running.stop();
  await expectWhole(fan);
  expect(fan.phases.slice(-4)).toEqual(['leaving', 'connecting', 'joining', 'live']);
  expect(fan.race.statistics()).toMatchObject({ reconnects: 1, receipts: { snapshot: { count: 1 } } });
  expect(leaving.stats().races.demo!.tally.closed).toEqual({});
});

it('keeps its slot when the edge goes before it, and misses nothing', async () => {
  const leaving = await rig.startEdge();
  const fan = await join({ url: [leaving.url, rig.edges[0]!.url], random: () => 0.1 });
  const hurry = new AbortController();
  const drained = leaving.drain({ leadMs: 1500, maxWindowMs: 10, signal: hurry.signal });
  await until(() => fan.race.status.phase === 'leaving');
  const slotAtMs = fan.race.status.deadlineAtMs;
  hurry.abort();
  await drained;
  await leaving.stop();
  await until(() => fan.race.status.phase === 'waiting');
  expect(fan.race.status.deadlineAtMs).toBe(slotAtMs);
  await rig.publish(4);
  await expectWhole(fan);
  expect(fan.race.statistics()).toMatchObject({ reconnects: 1, receipts: { snapshot: { count: 1 } } });
});

it('waits at an edge that is a moment behind the one that left, and misses nothing', async () => {
  const wire = await startFaultProxy(rig.natsUrl);
  try {
    const behind = await rig.startEdge({ servers: [`nats://127.0.0.1:${wire.port}`] });
    const leaving = await rig.startEdge();
    await until(() => behind.stats().races.demo?.tick === rig.tick);
    const fan = await join({ url: [leaving.url, behind.url], random: () => 0.1 });
    wire.stall('toClient');
    await rig.publish(6);
    await until(() => fan.isCurrent);
    void leaving.drain({ leadMs: 0, maxWindowMs: 10 });
    await until(() => behind.stats().races.demo!.stages.parked === 1);
    wire.mend();
    await until(() => fan.race.status.phase === 'live');
    await rig.publish(3);
    await expectWhole(fan);
    expect(fan.race.statistics()).toMatchObject({ reconnects: 1, receipts: { snapshot: { count: 1 } } });
    await behind.stop();
  } finally {
    await wire.stop();
  }
});

it('is repaired by an edge that leaves, without waiting for its slot', async () => {
  const leaving = await rig.startEdge();
  let isDeaf = false;
  const { Socket } = filterSockets((data) => !(isDeaf && kindOf(data) === 'tick'));
  const fan = await join({ url: leaving.url, WebSocket: Socket });
  const hurry = new AbortController();
  void leaving.drain({ leadMs: 60_000, maxWindowMs: 10, signal: hurry.signal });
  await until(() => fan.race.status.phase === 'leaving');
  isDeaf = true;
  await rig.publish(1);
  await until(() => leaving.stats().races.demo!.tick === rig.tick);
  await new Promise((resolve) => setTimeout(resolve, 50));
  isDeaf = false;
  await rig.publish(1);
  await until(() => fan.isCurrent);
  await rig.publish(5);
  await until(() => fan.isCurrent);
  expect(fan.race.status.phase).toBe('leaving');
  expect(fan.race.statistics()).toMatchObject({ gaps: 1, reconnects: 0, receipts: { snapshot: { count: 2 } } });
  hurry.abort();
});

it('comes back on another edge with every tick when its own is killed, with all the others', async () => {
  const edges: EdgeProcess[] = [await startEdgeProcess(rig.natsUrl), await startEdgeProcess(rig.natsUrl)];
  try {
    const urls = edges.map(({ url }) => url);
    const crowd = await Promise.all(Array.from({ length: 40 }, (_, n) => join({ url: urls, random: () => n / 40 })));
    const running = rig.run(25);
    edges[0]!.signal('SIGKILL');
    await until(() => crowd.some(({ race }) => race.status.phase === 'waiting'));
    const windows = crowd.map(({ race }) => race.status.windowMs);
    expect(new Set(windows)).toEqual(new Set([1000]));
    await until(() => crowd.every(({ race }) => race.status.phase === 'live'));
    await running.stop();
    await expectWhole(...crowd);
    const moved = crowd.map(({ race }) => race.statistics().reconnects);
    expect(moved.reduce((sum, n) => sum + n)).toBe(20);
    for (const { race } of crowd) expect(race.statistics().receipts.snapshot.count).toBe(1);
  } finally {
    for (const edge of edges) await edge.stop();
  }
});
