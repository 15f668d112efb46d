import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocketLink } from './web-socket-link.ts';

/** The end of a try at an address, and how often it was told. */
async function tryAt(base: URL): Promise<{ code: number; times: number }> {
  let times = 0;
  const hello = { version: 1, watch: [], history: 'latest', doc: true, rate: 2 } as const;
  const code = await new Promise<number>((resolve) => {
    new WebSocketLink(
      WebSocket,
      { base, race: 'demo', hello },
      {
        onMessage: () => {},
        onLost: (code) => {
          times++;
          resolve(code);
        },
      },
    );
  });
  await new Promise((resolve) => setImmediate(resolve));
  return { code, times };
}

describe('a link over a WebSocket', () => {
  it('is lost at once when nobody listens or the handshake is refused, and says so once', async () => {
    const server = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const base = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect(await tryAt(base)).toEqual({ code: 1006, times: 1 });
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
    expect(await tryAt(base)).toEqual({ code: 1006, times: 1 });
  }, 3000);
});
