import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { connectNats, type NatsConnection } from './connection.ts';
import { Presence } from './presence.ts';

let server: TestNatsServer;
let connection: NatsConnection;
let presence: Presence;
beforeEach(async () => {
  server = await startNatsServer();
  connection = await connectNats({ servers: [server.url], name: 'test' });
  presence = new Presence(connection);
});
afterEach(async () => {
  await connection.close();
  await server.stop();
});

const gone = () => new Error('gone');

describe('a connection', () => {
  it('that goes down takes its answers with it, and is waited for until it is up again', async () => {
    expect(await presence.untilUp(0)).toBe(true);
    // Expected before: the news may come sooner than the end of the process.
    const unanswered = expect(presence.answered(new Promise(() => {}), gone)).rejects.toThrow('gone');
    await server.kill();
    await unanswered;
    expect(await presence.untilUp(10)).toBe(false);
    const back = presence.untilUp(60_000);
    await server.restart();
    expect(await back).toBe(true);
    expect(await presence.answered(connection.rtt(), gone)).toBeGreaterThanOrEqual(0);
  });

  it('that stays gives what was asked, also a refusal', async () => {
    expect(await presence.answered(Promise.resolve(7), gone)).toBe(7);
    await expect(presence.answered(Promise.reject(new Error('no')), gone)).rejects.toThrow('no');
  });
});
