import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { connectNats, type NatsConnection } from './connection.ts';
import { jetStreamOf } from './race-stream.ts';
import { SessionsBucket, type StoredSession, sessionKeyOf } from './sessions-bucket.ts';

const OPTIONS = { ttlMs: 3_600_000, maxBytes: 1_000_000, replicas: 1 };
const ID = 'AAAAAAAAAAAAAAAAAAAAAA';
let server: TestNatsServer;
let connection: NatsConnection;
let bucket: SessionsBucket;

beforeEach(async () => {
  server = await startNatsServer();
  connection = await connectNats({ servers: [server.url], name: 'test' });
  bucket = await SessionsBucket.open(connection, OPTIONS);
});
afterEach(async () => {
  await connection.close();
  await server.stop();
});

const follow = async (from: number) => {
  const seen: StoredSession[] = [];
  const following = await bucket.follow(
    from,
    (stored) => seen.push(stored),
    () => {},
  );
  return { seen, following };
};

describe('the bucket of sessions', () => {
  it('stores only over the revision that was expected, and says a deleted one apart from one that never was', async () => {
    expect(await bucket.get('a')).toBeUndefined();
    const first = await bucket.put('a', 'one', 0);
    expect(await bucket.put('a', 'two', 0)).toBe('conflict');
    expect(await bucket.put('b', 'two', 1)).toBe('conflict');
    const second = await bucket.put('a', 'two', first as number);
    expect(await bucket.get('a')).toEqual({ key: 'a', revision: second, text: 'two' });
    expect(await bucket.delete('a', first as number)).toBe('conflict');
    expect(await bucket.delete('a', second as number)).toBe('deleted');
    expect(await bucket.get('a')).toMatchObject({ text: undefined });
    expect(await bucket.put('a', 'three', 0)).toBe('conflict');
  });

  it('does not hold the id', () => {
    expect(sessionKeyOf(ID)).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(sessionKeyOf(ID)).not.toContain(ID);
    expect(sessionKeyOf(ID)).not.toBe(sessionKeyOf(ID.replace(/.$/, 'Q')));
  });

  it('tells every change behind a revision, also after NATS was away', async () => {
    const first = (await bucket.put('a', 'one', 0)) as number;
    await bucket.put('b', 'two', 0);
    const { seen, following } = await follow(first);
    await vi.waitUntil(() => seen.length === 1, { timeout: 10_000 });
    await server.kill();
    await server.restart();
    await vi.waitUntil(async () => (await bucket.get('a').catch(() => undefined)) !== undefined, { timeout: 15_000 });
    await bucket.put('c', 'three', 0);
    await bucket.delete('a', first);
    await vi.waitUntil(() => seen.length === 3, { timeout: 20_000 });
    following.stop();
    await bucket.put('d', 'four', 0);
    await bucket.get('d');
    expect(seen.map(({ key, text }) => [key, text])).toEqual([
      ['b', 'two'],
      ['c', 'three'],
      ['a', undefined],
    ]);
  });

  it('forgets what was saved longest ago when its room is used up, and takes what is new', async () => {
    const text = 'x'.repeat(10_000);
    for (let n = 0; n < 150; n++) expect(await bucket.put(`key${n}`, text, 0)).toBeGreaterThan(0);
    expect(await bucket.get('key0')).toBeUndefined();
    expect(await bucket.get('key149')).toMatchObject({ text });
  });

  it('is kept as the last one who opened it wanted, and is another one when NATS has lost its data', async () => {
    const again = await SessionsBucket.open(connection, { ...OPTIONS, ttlMs: 7_200_000 });
    expect(again.life).toBe(bucket.life);
    const { streams } = await jetStreamOf(connection, 1000).jetstreamManager();
    expect((await streams.info('KV_slipstream_sessions')).config).toMatchObject({
      ...{ max_age: 7200e9, max_bytes: 1_000_000, max_msgs_per_subject: 1, discard: 'old' },
    });
    await server.restart({ wipe: true });
    const reopen = () => SessionsBucket.open(connection, OPTIONS).catch(() => undefined);
    const other = await vi.waitUntil(reopen, { timeout: 15_000 });
    expect(other.life).not.toBe(bucket.life);
    expect(other.revision).toBe(0);
  });
});
