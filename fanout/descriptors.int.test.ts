import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dial, shakeHands } from './testing/handshake.ts';
import type { RawFan } from './testing/raw-fan.ts';
import { Stage } from './testing/stage.ts';
import { until } from './testing/until.ts';

const PROGRAM = join(import.meta.dirname, '..', 'slipstream.ts');
/** Node raises the soft limit to the hard one, so the shell lowers both. */
const LIMIT = 120;

let stage: Stage;
let child: ChildProcess;
let port: number;
let said: string;
let maxFans: number;
const sockets: Socket[] = [];

beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
  said = '';
  const args = ['edge', '--nats', stage.nats.url, '--port', '0', '--max-fans', '500'];
  child = spawn('sh', ['-c', `ulimit -n ${LIMIT} && exec "$@"`, 'sh', process.execPath, PROGRAM, ...args], {
    env: { PATH: process.env.PATH, NO_COLOR: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until('the edge serves', () => /Serving fans at/.test(said));
  port = Number(/Serving fans at http:\/\/127\.0\.0\.1:(\d+)/.exec(said)![1]);
  maxFans = Number(
    /may hold 120 descriptors, so the edge takes (\d+) fans and not the 500 of --max-fans; .*ulimit -n/.exec(said)?.[1],
  );
  await until('the edge knows the race', async () => (await fansOf()) !== undefined);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  if (child.exitCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await stage.strike();
});

const askRace = (headers: Record<string, string> = {}) => fetch(`http://127.0.0.1:${port}/races/oval`, { headers });

/** Fans of the edge by its own count; `undefined` while it has nothing to show. */
async function fansOf(): Promise<number | undefined> {
  const response = await askRace({ connection: 'close' });
  return response.ok ? ((await response.json()) as { fans: number }).fans : undefined;
}

async function keep(): Promise<Socket> {
  const socket = await dial(port);
  sockets.push(socket);
  return socket;
}

function isOpenAtEdge(socket: Socket): boolean {
  return !socket.readableEnded && !socket.destroyed;
}

async function fill(): Promise<RawFan[]> {
  const fans = Array.from({ length: maxFans }, () => stage.raw({ port }, 'watch=0:full'));
  await until('all are in', () => fans.every(({ reader }) => reader.state));
  return fans;
}

/** Nobody was cut, and everybody has every tick. */
async function expectWhole(fans: readonly RawFan[]): Promise<void> {
  await stage.publisher.run(3);
  await stage.caughtUp(...fans);
  stage.expectTruth(...fans);
  for (const { reader, isEnded } of fans) {
    expect(isEnded).toBe(false);
    expect(reader.ticks.slice(1).every(({ span }) => span === 1)).toBe(true);
  }
  const folder = `/proc/${child.pid}/fd`;
  if (existsSync(folder)) expect(readdirSync(folder).length).toBeLessThan(LIMIT);
}

it('D1 takes as many fans as its descriptors allow, refuses the rest in words, and lets in who comes after one has left', async () => {
  expect(maxFans).toBeGreaterThan(20);
  expect(maxFans).toBeLessThan(LIMIT - 50);
  expect((await askRace()).headers.get('connection')).toBeNull();
  const fans = await fill();
  const refused = await Promise.all(Array.from({ length: 20 }, async () => shakeHands(await keep())));
  for (const answer of refused) expect(answer).toMatch(/^HTTP\/1.1 503 [\s\S]*Retry-After: \d+\r\n[\s\S]*"full"/);
  await expectWhole(fans);
  const full = await askRace();
  // Fans alone crowd nobody out: what is left for plain HTTP is left.
  expect(full.headers.get('connection')).toBe(null);
  expect(await full.json()).toMatchObject({ fans: maxFans });
  for (const { socket } of fans.splice(0, 3)) socket.destroy();
  await until('three have left', async () => (await fansOf()) === maxFans - 3);
  const late = [1, 2, 3].map(() => stage.raw({ port }, 'watch=0:full'));
  await until('three more are in', () => late.every(({ reader }) => reader.state));
  await expectWhole([...fans, ...late]);
});

it('D2 closes idle connections beyond what it may hold, and goes on', async () => {
  const fans = await fill();
  const idle: Socket[] = [];
  for (let n = 0; n < LIMIT; n++) idle.push((await keep()).resume());
  await until('those beyond are closed', () => idle.filter(isOpenAtEdge).length < LIMIT - maxFans);
  expect(await shakeHands(await keep())).toBe('');
  await expectWhole(fans);
  expect(idle.filter(isOpenAtEdge).length).toBeGreaterThan(10);
  for (const socket of idle) socket.destroy();
  await until('it answers again', async () => (await shakeHands(await keep())).startsWith('HTTP/1.1 503'));
  fans.pop()!.socket.destroy();
  await until('one has left', async () => (await fansOf()) === maxFans - 1);
  const late = stage.raw({ port }, 'watch=0:full');
  await until('one more is in', () => late.reader.state);
  await expectWhole([...fans, late]);
});

it('D3 sees fans whom it has dismissed and who do not hang up', async () => {
  const witness = stage.raw({ port }, 'watch=0:full');
  await until('it is in', () => witness.reader.state);
  const answers: string[] = [];
  for (let n = 0; n < LIMIT; n++) {
    const socket = await keep();
    answers.push(await shakeHands(socket));
    // A binary message, which ends the connection for good.
    socket.write(Buffer.from([0x82, 0x81, 0, 0, 0, 0, 65]));
  }
  expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 101')).length).toBeGreaterThan(maxFans);
  expect(answers.at(-1)).toBe('');
  await expectWhole([witness]);
  for (const socket of sockets) socket.destroy();
  await until('there is room', async () => (await shakeHands(await keep())).startsWith('HTTP/1.1 101'));
  await expectWhole([witness]);
});
