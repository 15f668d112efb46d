import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stage } from './testing/stage.ts';
import { until } from './testing/until.ts';

const WATCH = 'watch=0:full,1:essentials,3:driver';
let stage: Stage;

beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
  await stage.publisher.run(30);
});

afterEach(() => stage.strike());

describe('a fan that comes back from before the ring', () => {
  it.each(['all', 'latest'] as const)(
    'and wants %s is whole, out of the stream, and live afterwards',
    async (history) => {
      const edge = await stage.edgeAtHead();
      const fan = await stage.fanIn(edge, WATCH);
      await stage.caughtUp(fan);
      fan.socket.close();
      const { position } = fan.reader;
      const left = stage.writer.tick;
      await stage.publisher.run(900);
      await stage.atHead(edge);
      const back = Array.from({ length: 10 }, () => {
        const one = stage.fan(edge, `${WATCH}&since=${position}&history=${history}`);
        one.reader.inherit(fan.reader);
        return one;
      });
      await stage.publisher.run(30);
      await stage.caughtUp(...back);
      stage.expectTruth(...back);
      const { stretchesRead, tally } = edge.stats().races.oval!;
      expect(stretchesRead).toBeLessThan(12);
      expect(tally.repairs[history === 'all' ? 'deltas' : 'composite'].ticks).toBeGreaterThanOrEqual(9000);
      for (const { reader } of back) {
        const ticks = reader.ticks.map(({ tick }) => tick);
        expect(reader.receipts.every(({ kind }) => kind === (history === 'all' ? 'deltas' : 'composite'))).toBe(true);
        const first = history === 'all' ? left + 1 : ticks[0]!;
        expect(ticks).toEqual(Array.from({ length: stage.writer.tick - first + 1 }, (_, n) => first + n));
      }
    },
  );

  it('while NATS is away gets a snapshot and is told; when NATS is back the next one gets what was missed', async () => {
    const edge = await stage.edgeAtHead({ limits: { readTimeoutMs: 500 } });
    const patient = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge, WATCH);
    await stage.caughtUp(fan);
    fan.socket.close();
    await stage.publisher.run(500);
    for (const one of [edge, patient]) await stage.atHead(one);
    await stage.nats.kill();
    const query = `${WATCH}&since=${fan.reader.position}&history=all`;
    const back = stage.fan(edge, query);
    await until('a receipt', () => back.reader.receipts.length > 0);
    expect(back.reader.receipts).toMatchObject([{ kind: 'snapshot', reason: 'unread', from: fan.reader.position }]);
    await stage.caughtUp(back);
    await stage.nats.restart();
    const next = stage.fan(patient, query);
    next.reader.inherit(fan.reader);
    await stage.caughtUp(next);
    stage.expectTruth(next);
    expect(next.reader.ticks).toHaveLength(500);
  });
});
