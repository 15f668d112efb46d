import { createServer } from 'node:net';
import { startNatsServer } from '../testing/nats-server.ts';
import type { CrowdPlan } from './crowd/plan.ts';
import { type Served, startFrameServer } from './crowd/turn.ts';

/** The floor that others are measured against. */
export const BARE = 'uWebSockets.js';

/** A server that sends recorded frames, and how fans speak with it. */
interface Rival {
  readonly name: string;
  readonly rival?: CrowdPlan['rival'];
  start(frames: string[][]): Promise<Served>;
}

/** @param choices Different messages per tick. */
export const rivalsOf = (choices: number): readonly Rival[] => [
  { name: BARE, start: (frames) => startFrameServer('crowd/raw-server.ts', frames) },
  { name: 'ws', start: (frames) => startFrameServer('crowd/ws-server.ts', frames) },
  {
    name: 'Socket.IO',
    rival: { speaks: 'socket.io' },
    start: (frames) => startFrameServer('crowd/socket-io-server.ts', frames, [String(choices)]),
  },
  { name: 'nats-server', rival: { speaks: 'nats', subjects: choices }, start: startNatsListener },
];

/** A port that was free a moment ago: nats-server does not tell which one its WebSocket listener took. */
function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** A nats-server of its own, fed by a process that does not count as the server. */
async function startNatsListener(frames: string[][]): Promise<Served> {
  const port = await findFreePort();
  const nats = await startNatsServer({ config: `websocket { host: "127.0.0.1", port: ${port}, no_tls: true }` });
  const publisher = await startFrameServer('crowd/nats-publisher.ts', frames, [nats.url, String(port)]);
  return {
    ...publisher,
    pid: nats.pid!,
    stop: async () => {
      await publisher.stop();
      await nats.stop();
    },
  };
}
