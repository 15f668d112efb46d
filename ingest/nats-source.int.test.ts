import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { createNatsSource } from './nats-source.ts';
import type { Source } from './source.ts';
import { KeepingSink } from './source-contract.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const CATALOGUE = readTestCatalogue('formula-1');

let server: TestNatsServer;
let connection: NatsConnection;
let gateway: NatsConnection;
let source: Source;
let sink: KeepingSink;

beforeEach(async () => {
  server = await startNatsServer();
  const options = { servers: server.url, reconnectTimeWait: 20, maxReconnectAttempts: -1 };
  [connection, gateway] = await Promise.all([connect(options), connect(options)]);
  source = createNatsSource(connection, 'bahrain', CATALOGUE);
  sink = new KeepingSink();
});
afterEach(async () => {
  await source.stop();
  await Promise.all([connection.close(), gateway.close()]);
  await server.stop();
});

const frame = (at: number) => JSON.stringify({ at, values: { rpm: at } });

it('hears the cars also over a connection that comes after its start, and nothing when it was stopped before', async () => {
  for (const isStopped of [false, true]) {
    const late = Promise.withResolvers<NatsConnection>();
    const waiting = createNatsSource(late.promise, 'monza', CATALOGUE);
    const heard = new KeepingSink();
    await waiting.start(heard);
    if (isStopped) await waiting.stop();
    late.resolve(connection);
    await late.promise;
    await connection.flush();
    gateway.publish('raw.monza.24', frame(1));
    await gateway.flush();
    await connection.flush();
    expect(heard.frames.length).toBe(isStopped ? 0 : 1);
    await waiting.stop();
  }
});

it('takes the frames and facts of its own race, the car from the subject', async () => {
  await source.start(sink);
  gateway.publish('raw.monza.1', frame(1));
  gateway.publish('raw.bahrain.1.more', frame(2));
  gateway.publish('raw.bahrain', '{"name":"Bahrain"}');
  gateway.publish('raw.bahrain', '{"nmae":"Bahrain"}');
  gateway.publish('raw.bahrain.no-such-car', frame(3));
  gateway.publish('raw.bahrain.44', frame(4));
  await vi.waitFor(() => expect(sink.frames.length).toBe(1));
  expect(sink.frames).toMatchObject([{ car: '44', atMs: 4 }]);
  // Facts come on a subscription of their own, but on one connection in the order in which they were sent.
  expect(sink.told).toEqual([{ name: 'Bahrain' }]);
  expect(sink.refused.map(([reason]) => reason)).toEqual(['malformed', 'bad_car']);
});

it('goes on after the server was away', async () => {
  await source.start(sink);
  await server.kill();
  await server.restart();
  await vi.waitFor(
    async () => {
      gateway.publish('raw.bahrain.44', frame(5));
      await gateway.flush();
      expect(sink.frames.length).toBeGreaterThan(0);
    },
    { timeout: 10_000 },
  );
});

it('says so when the connection is closed', async () => {
  await connection.close();
  await expect(source.start(sink)).rejects.toMatchObject({
    name: 'SourceError',
    code: 'cannot_subscribe',
    retryable: true,
  });
  await source.stop();
});
