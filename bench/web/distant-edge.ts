import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { startFaultProxy } from '../../testing/fault-proxy.ts';

/** An edge as it is seen from far away. */
export interface DistantEdge {
  readonly url: string;
  /** How long a round trip takes from now on. */
  setRtt(rttMs: number): void;
  stop(): Promise<void>;
}

/**
 * Adds the round trips that DevTools leaves out: those of TCP for each new connection, and those of what a WebSocket
 * carries. The answer to a request is delayed by DevTools itself, from the moment when the request was sent: so its first
 * round trip runs beside what is added here, and stands in it.
 */
export async function startDistantEdge(edgeUrl: string): Promise<DistantEdge> {
  const edgePort = Number(new URL(edgeUrl).port);
  const far = await startFaultProxy(edgePort);
  const open = new Set<Socket>();
  let rttMs = 0;
  const server = createServer({ noDelay: true }, (client) => {
    open.add(client);
    client.on('error', () => client.destroy());
    client.once('close', () => open.delete(client));
    client.once('data', (head) => {
      client.pause();
      const isSocket = /^upgrade: *websocket/im.test(head.toString('latin1'));
      const waitMs = isSocket ? rttMs : 2 * rttMs;
      setTimeout(() => passOn(client, head, isSocket ? far.port : edgePort), waitMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setRtt: (ms) => {
      rttMs = ms;
      far.delay(ms / 2);
    },
    stop: async () => {
      for (const client of open) client.destroy();
      server.close();
      await far.stop();
    },
  };
}

function passOn(client: Socket, head: Buffer, port: number): void {
  if (client.destroyed) return;
  const behind = connect({ port, host: '127.0.0.1', noDelay: true });
  behind.on('error', () => client.destroy());
  behind.once('close', () => client.destroy());
  client.once('close', () => behind.destroy());
  behind.write(head);
  client.pipe(behind);
  behind.pipe(client);
}
