import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FRAME, FRAME_HEAD_BYTES } from '../../protocol/frames.ts';
import { rivalsOf } from '../rivals.ts';
import { Crowd } from './crowd.ts';
import { CrowdPart } from './crowd-part.ts';
import type { CrowdPlan } from './plan.ts';

const PLAN: CrowdPlan = {
  url: '',
  race: 'test',
  cars: ['1', '2'],
  carsPerFan: 1,
  view: 'essentials',
  choices: 'random',
  doc: false,
  returns: false,
};
const CHOICES = 3;
/** As recorded of an edge: a head whose numbers are written anew, then a span of one tick. */
const FRAMES = Array.from({ length: CHOICES }, (_, choice) => {
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + 1 + choice, choice);
  frame[0] = FRAME.tick;
  frame[1] = 0;
  frame[FRAME_HEAD_BYTES] = 1;
  return [frame.toString('base64')];
});

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

describe('fans of the crowd', () => {
  it.each(rivalsOf(CHOICES))('get every tick of $name once', async ({ rival, start }) => {
    const served = await start(FRAMES);
    ends.push(served.stop);
    const part = new CrowdPart({ ...PLAN, url: served.url, rival }, '127.0.1.1');
    ends.push(() => part.leave());
    const fans = 2 * CHOICES;
    await part.join(0, fans, fans);
    const tick = await served.tickNow();
    part.measure(tick, tick + 3);
    // A tick later than the span, so that all of the span is there.
    await expect.poll(served.tickNow, { timeout: 10_000 }).toBeGreaterThan(tick + 4);
    expect(part.report().counts).toMatchObject({ live: fans, frames: 3 * fans, ticks: 3 * fans, gaps: 0, doubles: 0 });
    expect(part.report().counts).toMatchObject({ lost: 0, refused: 0 });
  });

  it('are told apart from those that a server refuses', async () => {
    const server = createServer((_request, response) => response.writeHead(503).end());
    server.on('upgrade', (_request, socket) => {
      // Whoever is refused is gone at once.
      socket.on('error', () => {});
      socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => server.close());
    const crowd = await Crowd.start({ ...PLAN, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, 4);
    ends.push(() => crowd.stop());
    await expect(crowd.join(4, 300)).rejects.toThrow(
      /^Only 0 of 4 fans were live within 0\.3 s: \d+ handshakes were refused, 0 connections were lost\.$/,
    );
  });
});
