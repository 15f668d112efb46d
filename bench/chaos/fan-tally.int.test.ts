import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../../broker/connection.ts';
import { FRAME_HEAD_BYTES } from '../../protocol/frames.ts';
import { startFrameRelay, type Tampering } from '../../testing/frame-relay.ts';
import { OracleFan } from '../../testing/oracle-fan.ts';
import { StreamOracle } from '../../testing/stream-oracle.ts';
import { type RaceRig, startRace } from '../../web/testing/race-rig.ts';
import { isGood } from '../chaos.ts';
import { CrowdPart } from '../crowd/crowd-part.ts';
import { tallyFans } from './fan-tally.ts';

const LIGHT = 5;

let rig: RaceRig;
let connection: NatsConnection;
beforeAll(async () => {
  rig = await startRace(12);
  await rig.publish(5);
  await rig.startEdge();
  connection = await connectNats({ servers: [rig.natsUrl], name: 'test' });
});
afterAll(async () => {
  await connection?.close();
  await rig?.stop();
});
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What light fans and one that decodes count of 12 ticks, of which the third from now was tampered with. */
async function count(tamper: Tampering) {
  const victim = rig.tick + 3;
  const relay = await startFrameRelay(rig.edges[0]!.url, (frame, tick) =>
    tick === victim ? tamper(frame, tick) : [frame],
  );
  ends.push(relay.stop);
  const oracle = new StreamOracle(connection, 'demo');
  await oracle.read();
  const plan = {
    url: relay.url,
    race: 'demo',
    cars: ['9', '24'],
    carsPerFan: 1,
    view: 'full',
    choices: 'random',
  } as const;
  const part = new CrowdPart({ ...plan, doc: false, returns: true, history: 'all' }, '');
  ends.push(() => part.leave());
  await part.join(0, LIGHT, LIGHT);
  part.measure(-1, Number.MAX_SAFE_INTEGER);
  const watch = [{ car: '24', view: 'full' }];
  const sdk = new OracleFan(oracle, {
    ...{ url: [relay.url], race: 'demo', history: 'all', watch, rate: 2, WebSocket, random: Math.random },
  });
  ends.push(() => sdk.race.close());
  await expect.poll(() => sdk.lastTick).toBe(rig.tick);
  for (let n = 0; n < 12; n++) {
    await rig.publish(1);
    await expect.poll(() => part.report().oldestTick).toBeGreaterThanOrEqual(rig.tick - 1);
  }
  const isThere = () => sdk.lastTick === rig.tick && part.report().oldestTick >= rig.tick;
  await expect.poll(isThere, { timeout: 10_000 }).toBe(true);
  await oracle.read();
  oracle.finish();
  const light = tallyFans([{ wantsEveryTick: true, counts: part.report().counts }], []);
  return { light, decoding: tallyFans([], [sdk]) };
}

describe('fans of a chaos run', () => {
  it('count nothing where nothing is wrong', async () => {
    const { light, decoding } = await count((frame) => [frame]);
    const nothing = { lost: 0, doubled: 0, wrong: 0, joined: 0, snapshots: 0, refused: 0 };
    expect([light, decoding]).toEqual([nothing, nothing]);
    expect(isGood({ ...light })).toBe(true);
  });

  it('count a tick that is lost', async () => {
    const { light, decoding } = await count(() => []);
    expect([light.lost, light.doubled]).toEqual([LIGHT, 0]);
    expect(decoding.wrong).toBeGreaterThan(0);
    expect(isGood({ ...light })).toBe(false);
  });

  it('count a tick that comes twice', async () => {
    const { light, decoding } = await count((frame) => [frame, frame]);
    expect([light.lost, light.doubled]).toEqual([0, LIGHT]);
    expect(decoding.wrong).toBeGreaterThan(0);
  });

  it('count states that are not those of the stream', async () => {
    // The head and the span of one tick: nothing has changed.
    const { decoding } = await count((frame) => [frame.subarray(0, FRAME_HEAD_BYTES + 1)]);
    expect(decoding.wrong).toBeGreaterThan(0);
    expect(isGood({ ...decoding })).toBe(false);
  });

  it('count a tick that the stream does not have', async () => {
    const later = (frame: Buffer) => {
      const changed = Buffer.from(frame);
      changed.writeUInt32LE(frame.readUInt32LE(2) + 1000, 2);
      changed[FRAME_HEAD_BYTES] = 1;
      return [frame, changed];
    };
    const { light, decoding } = await count(later);
    expect(light.lost).toBe(LIGHT * 999);
    expect(decoding.wrong).toBeGreaterThan(0);
  });
});
