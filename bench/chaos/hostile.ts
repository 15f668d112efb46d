import type { Socket } from 'node:net';
import { dial, shakeHands } from '../../fanout/testing/handshake.ts';
import type { Random } from '../../ingest/simulator/random.ts';
import { pause } from '../live-race.ts';
import { RACE } from './stage.ts';

const LIVE = `/races/${RACE}/live`;
/** Hostile clients at once. */
const LINES = 20;
/** How long one of them stays, at most. */
const MAX_STAY_MS = 500;
const FROZEN = 10;

const pick = <T>(random: Random, list: readonly T[]): T => list[random.int(list.length)]!;

type Attack = (socket: Socket, random: Random, path: string) => Promise<void> | void;

const bytes = (random: Random, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => random.int(256)));

/** A WebSocket frame as it should not be: what it says of itself need not be so. */
function frame(opcode: number, payload: Buffer, { isMasked = true, said = payload.length } = {}): Buffer {
  const head = [0x80 | opcode, (isMasked ? 0x80 : 0) | (said < 126 ? said : 127)];
  const length = Buffer.alloc(said < 126 ? 0 : 8);
  if (said >= 126) length.writeBigUInt64BE(BigInt(said));
  return Buffer.concat([Buffer.from(head), length, Buffer.alloc(isMasked ? 4 : 0), payload]);
}

const text = (value: unknown): Buffer =>
  frame(1, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const times = (count: number, make: (n: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, n) => make(n)));

/** Said on a connection that has not been upgraded. */
const RUDE: readonly Attack[] = [
  (socket, random) => void socket.write(bytes(random, 1 + random.int(4000))),
  (socket) => void socket.write(`GET ${LIVE} HTTP/1.1\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`),
  (socket) => void socket.write(`GET ${LIVE}?watch=${'1,'.repeat(30_000)} HTTP/1.1\r\nHost: x\r\n\r\n`),
  (socket) => void socket.write('GET /../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'),
  (socket) => void socket.write('POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{'),
  (socket) => void socket.write(`GET ${LIVE} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Key: `),
  (socket, random) =>
    void socket.write(
      `GET /races/${RACE}/poll?since=${bytes(random, 8).toString('hex')}:${random.int(1e9)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ),
];

/** Asked for in the address. */
const QUERIES: readonly ((random: Random) => string)[] = [
  () => '',
  () => '?watch=',
  () => '?watch=1:full&since=garbled',
  (random) => `?watch=1:full&since=${bytes(random, 8).toString('hex')}:${1 + random.int(1e9)}&history=all`,
  () => '?watch=1:full&since=5eed5eed5eed5eed:281474976710655&history=all',
  () => '?watch=1:own&channels=__proto__',
  () => `?watch=${Array.from({ length: 40 }, (_, n) => `${n + 1}:full`).join(',')}&rate=0.2`,
];

/** Said on an open WebSocket. */
const OPEN: readonly Attack[] = [
  (socket, random) => void socket.write(bytes(random, 1 + random.int(2000))),
  (socket, random) => void socket.write(frame(random.int(16), bytes(random, random.int(200)))),
  (socket) => void socket.write(frame(1, Buffer.from('{"type":"ping"}'), { isMasked: false })),
  (socket) => void socket.write(frame(1, Buffer.alloc(10), { said: 2 ** 40 })),
  (socket) => void socket.write(frame(1, Buffer.alloc(100_000, 32))),
  (socket) => void socket.write(times(100, (n) => text({ type: 'ping', id: n }))),
  (socket) => void socket.write(times(100, () => frame(9, Buffer.alloc(125)))),
  (socket) => void socket.write(text('['.repeat(16_000))),
  (socket) =>
    void socket.write(
      text({ type: 'watch', watch: Array.from({ length: 1000 }, (_, n) => ({ car: `${n}`, view: 'full' })) }),
    ),
  (socket) =>
    void socket.write(text({ type: 'watch', id: -1, watch: [{ car: {}, view: [] }], channels: [null, '__proto__'] })),
  (socket) => void socket.write(times(10, () => text({ type: 'resync' }))),
  (socket) =>
    void socket.write(text({ type: 'hello', version: 1, watch: [], since: '\u0000', history: 'none', rate: 1e9 })),
  (socket) => void socket.write(text('{"type":"watch","watch":[{"car":"1"').subarray(0, 12)),
  (socket) => void socket.resetAndDestroy(),
];

async function visit(port: number, random: Random): Promise<void> {
  const socket = await dial(port);
  try {
    if (random.next() < 0.4) await pick(random, RUDE)(socket, random, LIVE);
    else {
      await Promise.race([shakeHands(socket, `${LIVE}${pick(random, QUERIES)(random)}`), pause(MAX_STAY_MS)]);
      for (let n = 0; n < 3 && !socket.destroyed; n++) await pick(random, OPEN)(socket, random, LIVE);
    }
    await pause(random.next() * MAX_STAY_MS);
  } finally {
    socket.destroy();
  }
}

/** Clients who send garbage and hang up, one after another on several lines, and some who ask for much and read nothing. */
export async function attack(ports: readonly number[], random: Random, ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  const frozen = await Promise.all(
    Array.from({ length: FROZEN }, async (_, n) => {
      const socket = await dial(ports[n % ports.length]!);
      const watch = Array.from({ length: 40 }, (__, car) => `${String(car + 1).padStart(2, '0')}:full`).join(',');
      await Promise.race([shakeHands(socket, `${LIVE}?watch=${watch}`), pause(MAX_STAY_MS)]);
      socket.pause();
      return socket;
    }),
  );
  const line = async () => {
    while (performance.now() < endMs) await visit(pick(random, ports), random);
  };
  await Promise.all(Array.from({ length: LINES }, line));
  for (const socket of frozen) socket.destroy();
}
