import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectNats } from '../broker/connection.ts';
import { jetStreamOf } from '../broker/race-stream.ts';
import { formatSession, sessionIdOf } from '../protocol/session.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { findFreePort, Sandbox, until } from './testing/program.ts';

let nats: TestNatsServer;
let sandbox: Sandbox;
beforeEach(async () => {
  nats = await startNatsServer();
  sandbox = new Sandbox();
});
afterEach(async () => {
  await sandbox.remove();
  await nats.stop();
});

/** Everything that the bucket of sessions holds: keys, headers and values. */
async function dump(): Promise<string> {
  const connection = await connectNats({ servers: [nats.url], name: 'test' });
  const { streams } = await jetStreamOf(connection, 2000).jetstreamManager();
  const { state } = await streams.info('KV_slipstream_sessions');
  const texts: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await streams.getMessage('KV_slipstream_sessions', { seq });
    if (message) texts.push(`${message.subject} ${message.header} ${message.string()}`);
  }
  await connection.close();
  return texts.join('\n');
}

it('the id of a session is in nothing that an edge says, shows or stores, whatever is done with it', async () => {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const edge = sandbox.start(['edge', '--nats', nats.url, '--port', String(port), '--log', 'json']);
  await until('an answer of the edge', async () => (await fetch(`${url}/healthz`).catch(() => undefined))?.ok);
  const ids = Array.from({ length: 4 }, () => sessionIdOf(randomBytes(16)));
  const [kept, deleted, guessed, late] = ids as [string, string, string, string];
  const ask = async (method: string, id: string, more: Record<string, string> = {}, body?: string) => {
    const headers = { Authorization: `Bearer ${id}`, ...more };
    const reply = await fetch(`${url}/session`, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: reply.status, text: JSON.stringify([...reply.headers]) + (await reply.text()) };
  };
  const make = (id: string, body = formatSession({ tvDelayMs: { value: 5, atMs: 1 }, races: new Map() })) =>
    ask('PUT', id, { 'If-None-Match': '*' }, body);
  const answers = [
    ...[await make(kept), await make(kept), await make(guessed, '{'), await make(deleted)],
    ...[
      await ask('DELETE', deleted),
      await ask('GET', deleted),
      await ask('GET', guessed),
      await ask('GET', `${guessed}x`),
    ],
  ];
  expect(answers.map(({ status }) => status)).toEqual([201, 412, 400, 201, 204, 410, 404, 401]);
  const stored = await dump();
  expect(stored).toContain('"tvDelayMs":{"value":5');
  await nats.kill();
  await until('it is noticed', async () => (await ask('GET', late)).status === 503);
  const pages = ['/metrics', '/races', '/healthz', '/session', '/sessions', '/'];
  const shown = await Promise.all(pages.map(async (path) => (await fetch(url + path)).text()));
  edge.child.kill('SIGTERM');
  await edge.end();
  expect(edge.stderr()).toContain('Serving fans');
  const all = [stored, ...shown, edge.stdout(), edge.stderr(), ...answers.map(({ text }) => text)].join('\n');
  for (const id of ids) expect(all).not.toContain(id);
});
