import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLOSE } from '../protocol/codes.ts';
import { handshake } from './testing/handshake.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import type { TestFan } from './testing/test-fan.ts';
import { until } from './testing/until.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
});
afterEach(() => stage.strike());

const byesOf = (fan: TestFan) => fan.reader.said.filter((message) => message.type === 'bye');

/** Whether a promise is settled, for a look now. */
function watchEnd(promise: Promise<void>): () => boolean {
  let isOver = false;
  void promise.then(() => {
    isOver = true;
  });
  return () => isOver;
}

describe('an edge that drains', () => {
  it('L1 is not ready at once and takes no more fans, answers HTTP, and ends when the last fan has gone', async () => {
    const edge = await stage.edgeAtHead();
    const fans = [await stage.fanIn(edge), await stage.fanIn(edge), await stage.fanIn(edge)];
    const isOver = watchEnd(edge.drain({ leadMs: 0, maxWindowMs: 60_000 }));
    expect((await fetch(`${edge.url}/readyz`)).status).toBe(503);
    expect(await handshake(edge.port)).toMatch(
      /^HTTP\/1.1 503 [\s\S]*Retry-After: [12]\r\n[\s\S]*"error":"going_away"/,
    );
    expect((await fetch(`${edge.url}/races/oval/snapshot?watch=0`)).status).toBe(200);
    expect((await fetch(`${edge.url}/healthz`)).status).toBe(200);
    await stage.publisher.run(5);
    await stage.caughtUp(...fans);
    stage.expectTruth(...fans);
    for (const fan of fans) {
      expect(fan.reader.ticks.map(({ tick }) => tick)).toEqual(ticksFrom(0, 5));
      expect(byesOf(fan)).toMatchObject([{ reason: 'going_away' }]);
      expect(byesOf(fan)[0]!.reconnectInMs).toBeLessThanOrEqual(1000);
    }
    for (const fan of fans) {
      expect(isOver()).toBe(false);
      fan.socket.close();
    }
    await until('the edge has drained', isOver);
    expect(edge.stats().races.oval!.tally.closed).toEqual({});
  });

  it('L2 closes whoever stays longer than the window and a moment more, without another word', async () => {
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    await edge.drain({ leadMs: 0, maxWindowMs: 10 });
    expect(edge.stats().fans).toBe(1);
    await edge.stop();
    await until('the fan is closed', () => fan.closed);
    expect(fan.closed!.code).toBe(CLOSE.going_away);
    expect(byesOf(fan)).toHaveLength(1);
  });

  it('L3 lets nobody go before the lead is over, waits for it also without a fan, and ends at a word', async () => {
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    const hurry = new AbortController();
    const isOver = watchEnd(edge.drain({ leadMs: 60_000, maxWindowMs: 1, signal: hurry.signal }));
    await until('the fan is told', () => byesOf(fan).length > 0);
    expect(byesOf(fan)[0]!.reconnectInMs).toBeGreaterThan(50_000);
    fan.socket.close();
    await until('the fan is gone', () => edge.stats().fans === 0);
    expect(isOver()).toBe(false);
    hurry.abort();
    await until('it has ended', isOver);
  });

  it('L4 serves a fan who was connected before and says hello late, and tells it too', async () => {
    const edge = await stage.edgeAtHead();
    const late = stage.fan(edge, '');
    await until('it is connected', () => late.isOpen);
    void edge.drain({ leadMs: 0, maxWindowMs: 60_000 });
    late.say({ type: 'hello', version: 1, watch: [{ car: '0' }] });
    await until('it is told', () => byesOf(late).length > 0);
    expect(late.reader.said.map(({ type }) => type)).toEqual(['welcome', 'repair', 'bye']);
    expect(late.reader.state).toBeDefined();
  });
});
