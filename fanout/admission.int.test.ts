import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLOSE } from '../protocol/codes.ts';
import { MAX_CONTROL_BYTES } from '../protocol/control.ts';
import { connect } from '../web/client/mod.ts';
import { dial, handshake, shakeHands } from './testing/handshake.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import { until } from './testing/until.ts';

let stage: Stage;
const sockets: Socket[] = [];
beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await stage.strike();
});

/** A connection that the test keeps open. */
async function keep(port: number): Promise<Socket> {
  const socket = await dial(port);
  sockets.push(socket);
  return socket;
}

describe('an edge', () => {
  it('A1 refuses what is over its rate before it does anything for it, and sends a burst back spread out', async () => {
    const edge = await stage.edgeAtHead({ limits: { maxHandshakes: 5, windowMsPerFan: 200 } });
    const witness = await stage.fanIn(edge);
    const burst = await Promise.all(Array.from({ length: 100 }, async () => shakeHands(await keep(edge.port))));
    const refused = burst.filter((answer) => answer.startsWith('HTTP/1.1 503'));
    expect(refused.length).toBeGreaterThan(80);
    expect(edge.stats().refused).toEqual({ going_away: 0, full: 0, rate: refused.length, origin: 0 });
    for (const answer of refused) expect(answer).toMatch(/Connection: close\r\n[\s\S]*"error":"rate"/);
    const seconds = refused.map((answer) => Number(/Retry-After: (\d+)/i.exec(answer)![1]));
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(1);
    expect(new Set(seconds).size).toBeGreaterThan(4);
    await until('there is a turn again', async () => (await handshake(edge.port)).startsWith('HTTP/1.1 101'));
    await stage.publisher.run(5);
    await stage.caughtUp(witness);
    expect(witness.reader.ticks.map(({ tick }) => tick)).toEqual(ticksFrom(0, 5));
  });

  it('A2 counts every open WebSocket as a fan, also one that says nothing, and takes the next when one has left', async () => {
    const edge = await stage.edgeAtHead({ limits: { maxFans: 2 } });
    const silent = await keep(edge.port);
    expect(await shakeHands(silent)).toMatch(/^HTTP\/1.1 101/);
    const lost = await keep(edge.port);
    expect(await shakeHands(lost, '/races/nowhere/live')).toMatch(/^HTTP\/1.1 101/);
    // It is closed with unknown_race as soon as NATS has said so.
    await until('there is room', async () => (await handshake(edge.port)).startsWith('HTTP/1.1 101'));
    await until('it has left', async () => edge.stats().fans === 1);
    await stage.fanIn(edge);
    expect(await handshake(edge.port)).toMatch(/^HTTP\/1.1 503 [\s\S]*"error":"full"/);
    silent.destroy();
    await until('there is room', async () => (await handshake(edge.port)).startsWith('HTTP/1.1 101'));
    for (const socket of sockets) socket.destroy();
    await until('one connection is left', () => edge.stats().connections === 1);
  });

  it('A3 refuses handshakes on connections that were open before it began to stop', async () => {
    const edge = await stage.edgeAtHead();
    const early = await keep(edge.port);
    await until('it is accepted', () => edge.stats().connections === 1);
    const stopped = edge.stop();
    expect(await shakeHands(early)).toMatch(/^HTTP\/1.1 503 [\s\S]*Retry-After: [12]\r\n[\s\S]*"error":"going_away"/);
    await stopped;
    expect(edge.stats().refused.going_away).toBe(1);
  });

  it('A4 takes messages and choices up to their limits, and nothing above', async () => {
    const edge = await stage.edgeAtHead({ limits: { maxCars: 2 } });
    const fan = await stage.fanIn(edge, 'watch=0,1');
    fan.say({ type: 'watch', id: 1, watch: [{ car: '1' }, { car: '2' }] });
    fan.say({ type: 'watch', id: 2, watch: [{ car: '0' }, { car: '1' }, { car: '2' }] });
    fan.say(JSON.stringify({ type: 'ping', id: 3 }).padEnd(MAX_CONTROL_BYTES));
    await until('three answers', () => fan.reader.said.length === 5);
    expect(fan.reader.said.slice(2)).toMatchObject([
      { type: 'watching', id: 1 },
      { type: 'error', code: 'too_many_cars' },
      { type: 'pong', id: 3 },
    ]);
    fan.say(JSON.stringify({ type: 'ping', id: 4 }).padEnd(MAX_CONTROL_BYTES + 1));
    await until('it is closed', () => fan.closed);
    expect(fan.closed!.code).toBe(CLOSE.too_large);
    const greedy = stage.fan(edge, 'watch=0,1,2');
    await until('it is closed', () => greedy.closed);
    expect(greedy.closed!.code).toBe(CLOSE.bad_message);
    expect(greedy.reader.said).toMatchObject([{ type: 'error', code: 'too_many_cars' }]);
  });

  it('A5 lets in a crowd of the SDK that comes at once and far above the rate, each by itself and in its own time', async () => {
    const edge = await stage.edgeAtHead({ limits: { maxHandshakes: 15 } });
    const crowd = Array.from({ length: 40 }, () => connect({ url: edge.url, race: 'oval', watch: [{ car: '0' }] }));
    try {
      await until('all are in', () => crowd.every(({ status }) => status.phase === 'live'), 30_000);
      const { refused, fans } = edge.stats();
      expect(fans).toBe(40);
      expect(refused.rate).toBeGreaterThanOrEqual(20);
      // Full jitter with a doubling range: nobody hammers.
      expect(refused.rate).toBeLessThan(40 * 5);
    } finally {
      for (const race of crowd) race.close();
    }
  });
});
