import { expect, it, vi } from 'vitest';
import { startNatsServer } from '../testing/nats-server.ts';
import { type ConnectionEvent, connectNats } from './connection.ts';

it('a NATS that is not there is named, with what to do', async () => {
  const server = await startNatsServer();
  await server.stop();
  await expect(connectNats({ servers: [server.url], name: 'test' })).rejects.toMatchObject({
    code: 'nats_unreachable',
    retryable: true,
    message: expect.stringContaining(server.url),
  });
});

it('a connection outlives its server, and tells', async () => {
  const server = await startNatsServer();
  const events: ConnectionEvent[] = [];
  const connection = await connectNats({ servers: [server.url], name: 'test', onEvent: (event) => events.push(event) });
  await server.kill();
  await vi.waitUntil(() => events.includes('disconnected'));
  await server.restart();
  await vi.waitUntil(() => events.length === 3, { timeout: 10_000 });
  await connection.flush();
  await connection.close();
  await vi.waitUntil(() => events.length === 4);
  expect(events).toEqual(['connected', 'disconnected', 'connected', 'closed']);
  await server.stop();
});

it('closing while NATS dies ends no process', async () => {
  const server = await startNatsServer();
  for (let i = 0; i < 12; i++) {
    const connection = await connectNats({ servers: [server.url], name: 'test' });
    await server.kill();
    connection.publish('a', 'b');
    await connection.close();
    await server.restart();
  }
  await server.stop();
});
