import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../../broker/connection.ts';
import { StreamOracle } from '../../testing/stream-oracle.ts';
import { type RaceRig, startRace } from '../../web/testing/race-rig.ts';
import { CrowdPart } from '../crowd/crowd-part.ts';
import type { CrowdPlan } from '../crowd/plan.ts';
import { DecodedFans } from './decoded-fans.ts';

const FANS = 30;
const HELD = 100;
const TICKS = 600;

let rig: RaceRig;
let connection: NatsConnection;
let oracle: StreamOracle;
let plan: CrowdPlan;
beforeAll(async () => {
  rig = await startRace(11);
  await rig.publish(TICKS);
  const { url } = await rig.startEdge();
  connection = await connectNats({ servers: [rig.natsUrl], name: 'test' });
  oracle = new StreamOracle(connection, 'demo');
  await oracle.read();
  const cars = ['9', '24', '48', '07'];
  const rest = { carsPerFan: 2, view: 'full', choices: 'random', doc: false, returns: false } as const;
  plan = { url, race: 'demo', cars, ...rest };
});
afterAll(async () => {
  await connection?.close();
  await rig?.stop();
});

const past = () => {
  const { epoch } = oracle.head!;
  return { ...oracle.at(epoch, HELD)!, race: 'demo', epoch, catalogue: oracle.catalogue! };
};

/** Fans come back with a position, and go on. @param said Position that they name for the tick that they hold. */
async function comeBack(history: 'all' | 'latest', said: number) {
  const part = new CrowdPart({ ...plan, history }, '');
  try {
    await part.join(0, 1, 1);
    part.measure(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const { epoch, tick } = past();
    await part.resume(1, FANS, 10, { epoch, tick, seq: oracle.at(epoch, said)!.seq });
    // A frame without the flag of a repair: by it, what receipts told has come.
    const last = rig.tick + 1;
    await rig.publish(1);
    await expect.poll(() => part.report().oldestTick).toBe(last);
    return part.report().counts;
  } finally {
    part.leave();
  }
}

describe('fans who come back with a position from before', () => {
  it.each([
    ['all', { deltas: FANS, composites: 0 }],
    ['latest', { deltas: 0, composites: FANS }],
  ] as const)('are whole and lose nothing, history %s', async (history, kinds) => {
    const missed = rig.tick - HELD;
    const counts = await comeBack(history, HELD);
    const clean = { lostTicks: 0, gaps: 0, doubles: 0, snapshots: 0, untrueReceipts: 0 };
    expect(counts).toMatchObject({ ...kinds, ...clean, live: FANS + 1, repairTicks: FANS * missed });
  });

  it('are found out when they did not get all', async () => {
    expect(await comeBack('all', HELD + 2)).toMatchObject({ lostTicks: 2 * FANS, doubles: 0 });
    expect(await comeBack('all', HELD - 2)).toMatchObject({ lostTicks: 0, doubles: 2 * FANS });
  });

  it('decode what the stream holds, and say where it differs', async () => {
    const fans = new DecodedFans(oracle, plan, 'all', past(), 4);
    const { field } = past();
    const states = field.states.map((state) => state?.map((steps, index) => (index === 0 ? steps + 1 : steps)));
    const misled = new DecodedFans(oracle, plan, 'all', { ...past(), field: { ...field, states } }, 4);
    await Promise.all([fans.hold(), misled.hold()]);
    fans.lose();
    misled.lose();
    await Promise.all([fans.reach(rig.tick), misled.reach(rig.tick)]);
    fans.close();
    misled.close();
    await oracle.read();
    expect(oracle.waiting).toBe(0);
    expect(fans.report()).toMatchObject({ missed: 0, doubled: 0, differences: [] });
    expect(fans.report().statesCompared).toBe(4 * plan.carsPerFan * (rig.tick - HELD + 1));
    expect(misled.report().differences.length).toBeGreaterThan(0);
  });
});
