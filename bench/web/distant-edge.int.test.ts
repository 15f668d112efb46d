import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type DistantEdge, startDistantEdge } from './distant-edge.ts';

const LARGE = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, n) => n % 251));
let server: ReturnType<typeof createServer>;
let edge: DistantEdge;

beforeAll(async () => {
  server = createServer((_request, response) => response.end(LARGE));
  new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  edge = await startDistantEdge(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(async () => {
  await edge.stop();
  server.closeAllConnections();
  server.close();
});

describe.each([0, 20])('an edge that is %d ms away', (rttMs) => {
  it('answers requests with what the edge answers, also several on one connection', async () => {
    edge.setRtt(rttMs);
    for (let n = 0; n < 3; n++) {
      const body = Buffer.from(await (await fetch(`${edge.url}/file`)).arrayBuffer());
      expect(body.equals(LARGE)).toBe(true);
    }
  });

  it('carries what a WebSocket carries, in order, and no faster than the way there and back', async () => {
    edge.setRtt(rttMs);
    const socket = new WebSocket(edge.url);
    await once(socket, 'open');
    const beganAtMs = performance.now();
    const got: string[] = [];
    socket.on('message', (data) => got.push(data.toString()));
    for (let n = 0; n < 10; n++) socket.send(`${n}`);
    while (got.length < 10) await once(socket, 'message');
    expect(got).toEqual(Array.from({ length: 10 }, (_, n) => `${n}`));
    // A lower bound: a busy machine only makes it longer.
    expect(performance.now() - beganAtMs).toBeGreaterThanOrEqual(rttMs - 2);
    socket.terminate();
  });
});

describe('an edge that is gone', () => {
  it('ends the connection of who asks', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    other.close();
    await once(other, 'close');
    const nowhere = await startDistantEdge(`http://127.0.0.1:${port}`);
    await expect(fetch(nowhere.url)).rejects.toThrow();
    await nowhere.stop();
  });
});
