import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { type Run, Sandbox, until } from './testing/program.ts';

const WITHIN_MS = 60_000;

let nats: TestNatsServer;
let box: Sandbox;
beforeAll(async () => {
  nats = await startNatsServer();
  box = new Sandbox();
});
afterAll(async () => {
  await box?.remove();
  await nats?.stop();
});

const startIngest = () =>
  box.start(['ingest', '--sources', 'simulator', '--cars', '4', '--rate', '10', '--speed', '5', '--nats', nats.url]);
const untilSaid = (run: Run, words: string) => until(words, () => run.stderr().includes(words), WITHIN_MS);
// In the state folder of the user, which is one of the sandbox.
const spool = () => box.path('slipstream/spool/demo');
const spooled = () => (existsSync(spool()) ? readdirSync(spool()).filter((name) => name.endsWith('.spool')) : []);

it('ingest that is restarted while NATS is away goes on from its spool, and the stream is whole afterwards', {
  timeout: 240_000,
}, async () => {
  const first = startIngest();
  await untilSaid(first, 'begins in epoch');
  await nats.kill();
  await untilSaid(first, `s in ${spool()}`);
  expect(first.stderr()).toMatch(
    /NATS takes nothing of race demo .*: \S.*; \d+ messages \(0\.\d+ MB\) have waited for \d+ s in /,
  );
  first.child.kill('SIGKILL');
  await first.end();
  const second = startIngest();
  await untilSaid(second, 'NATS cannot be reached');
  await untilSaid(second, `Messages wait in ${spool()}.`);
  await untilSaid(second, 'goes on after tick');
  second.child.kill('SIGTERM');
  expect(await second.end(WITHIN_MS)).toEqual({ code: 0, signal: null });
  expect(second.stderr()).toMatch(
    /NATS did not take the last \d+ messages of race demo; they wait in \S+ for the next/,
  );
  await nats.restart();
  const third = startIngest();
  await untilSaid(third, 'are published first');
  await until('The spool is empty', () => spooled().length === 0, WITHIN_MS);
  await untilSaid(third, 'goes on after tick');
  third.child.kill('SIGTERM');
  expect(await third.end(WITHIN_MS)).toEqual({ code: 0, signal: null });
  const { code, stdout } = await box.run(['inspect', 'demo', '--nats', nats.url, '--json']);
  expect([code, JSON.parse(stdout).epochs.length]).toEqual([0, 1]);
});
