import { connect as dial } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { startNatsServer, type TestNatsServer } from './nats-server.ts';

let server: TestNatsServer | undefined;
afterEach(() => server?.stop());

/** The INFO line with which a server greets every client. */
function greet(port: number): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket = dial(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(JSON.parse(data.toString().slice('INFO '.length)));
    });
  });
}

it('starts with JetStream on a port of its own and leaves nothing behind', async () => {
  server = await startNatsServer();
  expect(await greet(server.port)).toMatchObject({ jetstream: true });
  const other = await startNatsServer();
  expect(other.port).not.toBe(server.port);
  await other.stop();
  await other.stop();
  expect(other.pid).toBeUndefined();
  await expect(greet(other.port)).rejects.toThrow('ECONNREFUSED');
});

it('comes back on the same port after a crash', async () => {
  server = await startNatsServer({ config: 'max_payload: 2MB' });
  const { pid } = server;
  await server.kill();
  expect(server.pid).toBeUndefined();
  await server.restart();
  expect(server.pid).not.toBe(pid);
  expect(await greet(server.port)).toMatchObject({ max_payload: 2 * 1024 * 1024 });
  await server.restart({ wipe: true });
  expect(await greet(server.port)).toMatchObject({ jetstream: true });
});

it('says what the server said when it does not come up', async () => {
  await expect(startNatsServer({ config: 'no_such_option: 1' })).rejects.toThrow(
    /ended with code 1[\s\S]*no_such_option/,
  );
});
