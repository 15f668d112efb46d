import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { connectNats, type NatsConnection } from './connection.ts';
import { canKeepCopies } from './copies.ts';
import { RaceStream } from './race-stream.ts';

let server: TestNatsServer;
let connection: NatsConnection;
let stream: RaceStream;

beforeEach(async () => {
  server = await startNatsServer();
  connection = await connectNats({ servers: [server.url], name: 'test' });
  stream = await RaceStream.open(connection, 'daytona-500');
});

afterEach(async () => {
  await connection.close();
  await server.stop();
});

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

it.each(['', 'a b', 'a.b', '*', 'x'.repeat(33), 'ü'])('a race cannot be called %j', async (race) => {
  await expect(RaceStream.open(connection, race)).rejects.toMatchObject({ code: 'bad_race', name: 'ConfigError' });
});

it('a server without JetStream is named as such', async () => {
  const plain = await startNatsServer({ config: 'jetstream: false' });
  try {
    const other = await connectNats({ servers: [plain.url], name: 'test' });
    await expect(RaceStream.open(other, 'race')).rejects.toMatchObject({ code: 'no_jetstream' });
    await other.close();
  } finally {
    await plain.stop();
  }
});

it('before it is made, a stream has nothing, and says so', async () => {
  expect(await stream.range()).toBeUndefined();
  expect(await stream.last(stream.subjects.tick)).toBeUndefined();
  expect(await stream.at(1)).toBeUndefined();
  await expect(stream.publish(stream.subjects.tick, bytes('a'), '1', 0)).rejects.toMatchObject({
    code: 'no_stream',
    retryable: true,
  });
});

it('making a stream twice, or with other settings, changes nothing', async () => {
  await stream.ensure();
  await stream.publish(stream.subjects.tick, bytes('a'), '1', 0);
  await stream.ensure();
  await stream.ensure({ maxAgeMs: 3_600_000 });
  expect(await stream.range()).toEqual({ firstSeq: 1, lastSeq: 1 });
  expect(await RaceStream.list(connection)).toEqual(['daytona-500']);
});

it('a stream that NATS refuses is named with the reason', async () => {
  // Shorter than the window in which it knows ids again.
  await expect(stream.ensure({ maxAgeMs: 1000 })).rejects.toMatchObject({ code: 'stream_refused', retryable: false });
});

it('a server that is alone, or whose copies may come to differ, is not asked for copies, whether there is a stream or not', async () => {
  const code = canKeepCopies(connection.info!.version) ? 'nats_alone' : 'nats_too_old';
  await expect(stream.ensure({ replicas: 3 })).rejects.toMatchObject({ code, retryable: false });
  await stream.ensure();
  await expect(stream.ensure({ replicas: 3 })).rejects.toMatchObject({ code });
});

describe('a publish', () => {
  beforeEach(() => stream.ensure());

  it('is stored when the newest message of its subject is the expected one, whatever other subjects do', async () => {
    const { tick, doc } = stream.subjects;
    expect(await stream.publish(tick, bytes('a'), '1', 0)).toEqual({ seq: 1, duplicate: false });
    expect(await stream.publish(doc, bytes('b'), '2', 0)).toEqual({ seq: 2, duplicate: false });
    expect(await stream.publish(tick, bytes('c'), '3', 1)).toEqual({ seq: 3, duplicate: false });
    expect(await stream.publish(tick, bytes('d'), '4', 1)).toBe('conflict');
    expect(await stream.publish(tick, bytes('d'), '5', 99)).toBe('conflict');
    expect(text((await stream.last(tick))!.data)).toBe('c');
    expect(await stream.at(2)).toMatchObject({ subject: doc, seq: 2 });
    expect(await stream.at(4)).toBeUndefined();
  });

  it('with an id that is there is a duplicate, whatever it expects and holds', async () => {
    await stream.publish(stream.subjects.tick, bytes('a'), '1', 0);
    expect(await stream.publish(stream.subjects.tick, bytes('b'), '1', 77)).toEqual({ seq: 1, duplicate: true });
    expect(await stream.range()).toEqual({ firstSeq: 1, lastSeq: 1 });
  });
});

describe('a follower', () => {
  beforeEach(() => stream.ensure());

  const fill = async (from: number, to: number) => {
    for (let n = from; n <= to; n++) await stream.publish(stream.subjects.tick, bytes(String(n)), `${n}`, n - 1);
  };

  it('gets every message from where it asked, in order, also those after NATS was restarted', async () => {
    await fill(1, 1200);
    const seqs: number[] = [];
    const follower = await stream.follow(3, ({ seq }) => seqs.push(seq));
    await vi.waitUntil(() => seqs.length >= 1000);
    await server.kill();
    await server.restart();
    await vi.waitUntil(async () => (await stream.range().catch(() => undefined)) !== undefined, { timeout: 15_000 });
    await fill(1201, 1230);
    await vi.waitUntil(() => seqs.length >= 1228, { timeout: 20_000 });
    await follower.stop();
    expect(seqs).toEqual(Array.from({ length: 1228 }, (_, n) => n + 3));
  });

  it('keeps bytes that stay as they are', async () => {
    await fill(1, 300);
    const kept: Uint8Array[] = [];
    const follower = await stream.follow(1, ({ data }) => kept.push(data));
    await vi.waitUntil(() => kept.length === 300);
    await follower.stop();
    expect(kept.map(text)).toEqual(Array.from({ length: 300 }, (_, n) => String(n + 1)));
  });

  it('goes on when NATS comes back, for as long as messages come', async () => {
    await fill(1, 3);
    const seqs: number[] = [];
    const follower = await stream.follow(1, ({ seq }) => seqs.push(seq));
    await vi.waitUntil(() => seqs.length === 3);
    await server.kill();
    await server.restart();
    await vi.waitUntil(async () => (await stream.range().catch(() => undefined)) !== undefined, { timeout: 15_000 });
    for (let n = 4; n <= 40; n++) {
      await fill(n, n);
      await vi.waitUntil(() => seqs.length === n, { timeout: 10_000 });
    }
    await follower.stop();
    expect(seqs).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
  }, 30_000);

  it('that throws gets nothing more, and that is told', async () => {
    await fill(1, 3);
    const problems: string[] = [];
    const seqs: number[] = [];
    await stream.follow(
      1,
      ({ seq }) => {
        seqs.push(seq);
        throw new Error('cannot take it');
      },
      (type) => problems.push(type),
    );
    await vi.waitUntil(() => problems.includes('ended'));
    expect(seqs).toEqual([1]);
  });

  it('that was stopped gets nothing more, and nobody is told', async () => {
    await fill(1, 3);
    const problems: string[] = [];
    const seqs: number[] = [];
    const follower = await stream.follow(
      1,
      ({ seq }) => seqs.push(seq),
      (type) => problems.push(type),
    );
    await vi.waitUntil(() => seqs.length === 3);
    await follower.stop();
    await fill(4, 5);
    expect(seqs).toEqual([1, 2, 3]);
    expect(problems).toEqual([]);
  });
});
