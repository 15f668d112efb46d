import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { connectNats, type NatsConnection } from './connection.ts';
import { acquireLease, type Lease, type LeaseOptions } from './lease.ts';

let server: TestNatsServer;
let connection: NatsConnection;
const leases: Lease[] = [];
let child: ChildProcess | undefined;

beforeEach(async () => {
  server = await startNatsServer();
  connection = await connectNats({ servers: [server.url], name: 'test' });
});

afterEach(async () => {
  child?.kill('SIGKILL');
  for (const lease of leases.splice(0)) await lease.release();
  await connection.close();
  await server.stop();
});

async function acquire(holder: string, more: Partial<LeaseOptions> = {}) {
  const lease = await acquireLease(connection, { name: 'race', holder, ...more });
  leases.push(lease);
  let isLost = false;
  void lease.lost.then(() => {
    isLost = true;
  });
  return { lease, isLost: () => isLost };
}

/** Waits for the lease; resolves to who holds it once it has to wait. */
function contend(holder: string, signal?: AbortSignal) {
  const waits = Promise.withResolvers<string>();
  const acquired = acquire(holder, { onWaiting: waits.resolve, ...(signal ? { signal } : {}) });
  return { waits: waits.promise, acquired };
}

describe('a lease', () => {
  it('is held by one at a time; the next one has it when it is released', async () => {
    const first = await acquire('first with a name of words');
    const second = contend('second');
    expect(await second.waits).toBe('first with a name of words');
    await first.lease.release();
    await second.acquired;
    expect(await first.lease.confirm()).toBe(false);
    expect(first.isLost()).toBe(false);
  });

  it('of another race is another lease', async () => {
    await acquire('first');
    const other = await acquire('second', { name: 'other' });
    expect(await other.lease.confirm()).toBe(true);
  });

  it('goes to exactly one of many', async () => {
    const all = Array.from({ length: 5 }, (_, n) => contend(`holder ${n}`).acquired);
    for (let n = 0; n < 5; n++) {
      const { index, lease } = await Promise.race(all.map(async (one, i) => ({ index: i, ...(await one) })));
      expect(await lease.confirm()).toBe(true);
      all[index] = new Promise(() => {});
      await lease.release();
    }
  });

  it('is not waited for any longer when the signal says so', async () => {
    await acquire('first');
    const abort = new AbortController();
    const second = contend('second', abort.signal);
    await second.waits;
    abort.abort(new Error('enough'));
    await expect(second.acquired).rejects.toThrow('enough');
  });

  it('of a holder that is killed goes to the next one', async () => {
    const code = `
      import { connectNats } from './broker/connection.ts';
      import { acquireLease } from './broker/lease.ts';
      await acquireLease(await connectNats({ servers: ['${server.url}'], name: 'child' }), { name: 'race', holder: 'child' });
      console.log('held');`;
    child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
      cwd: `${import.meta.dirname}/..`,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout!, 'data');
    const second = contend('second');
    expect(await second.waits).toBe('child');
    child.kill('SIGKILL');
    expect(await (await second.acquired).lease.confirm()).toBe(true);
  });
});

describe('while NATS is away, a lease', () => {
  it('stays with its holder, however long it takes', async () => {
    const problems: string[] = [];
    const { lease, isLost } = await acquire('first', { onProblem: (message) => problems.push(message) });
    await server.kill();
    await vi.waitUntil(() => problems.length > 0, { timeout: 10_000 });
    const confirmed = lease.confirm();
    await server.restart();
    expect(await confirmed).toBe(true);
    expect(isLost()).toBe(false);
    const second = contend('second');
    expect(await second.waits).toBe('first');
    await lease.release();
    await second.acquired;
  });

  it('stays with its holder when NATS comes back without its data', async () => {
    const { lease, isLost } = await acquire('first');
    await server.restart({ wipe: true });
    expect(await lease.confirm()).toBe(true);
    expect(isLost()).toBe(false);
    expect(await contend('second').waits).toBe('first');
    await lease.release();
  });

  it('can be waited for; when NATS is back, the one who held it has it again, and then the next one', async () => {
    const first = await acquire('first');
    const problems: string[] = [];
    const second = acquire('second', { onProblem: (message) => problems.push(message) });
    await server.kill();
    await vi.waitUntil(() => problems.length > 0, { timeout: 15_000 });
    await server.restart();
    expect(await first.lease.confirm()).toBe(true);
    await first.lease.release();
    expect(await (await second).lease.confirm()).toBe(true);
  });
});

it('a holder that was overtaken learns that the lease is lost', async () => {
  const { lease } = await acquire('first');
  const { Kvm } = await import('@nats-io/kv');
  const bucket = await new Kvm(connection).open('slipstream_leases');
  await bucket.put('race', 'token of-another');
  await lease.lost;
  expect(await lease.confirm()).toBe(false);
  await lease.release();
  expect((await bucket.get('race'))?.string()).toBe('token of-another');
});
