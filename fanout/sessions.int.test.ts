import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatSession, MAX_SESSION_BYTES, type Session, sessionIdOf } from '../protocol/session.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { type Edge, type EdgeOptions, startEdge } from './edge.ts';
import { until } from './testing/until.ts';

let nats: TestNatsServer;
const edges: Edge[] = [];
const reports: unknown[][] = [];

const start = async (options: Partial<EdgeOptions> = {}) => {
  const report = (...what: unknown[]) => reports.push(what);
  const edge = await startEdge({ servers: [nats.url], report, ...options });
  edges.push(edge);
  return edge;
};

beforeAll(async () => {
  nats = await startNatsServer();
  await start();
  await start();
});
afterAll(async () => {
  await Promise.all(edges.map((edge) => edge.stop()));
  await nats.stop();
});

const newId = () => sessionIdOf(randomBytes(16));
const choice = (...cars: string[]): Session => ({
  races: new Map([['oval', { choice: { value: { watch: cars.map((car) => ({ car, view: 'full' })) }, atMs: 1 } }]]),
});

async function ask(
  edge: Edge,
  method: string,
  id: string | undefined,
  headers: Record<string, string> = {},
  body?: string,
) {
  const authorization: Record<string, string> = id === undefined ? {} : { Authorization: `Bearer ${id}` };
  const init = { method, headers: { ...authorization, ...headers }, ...(body === undefined ? {} : { body }) };
  const reply = await fetch(`${edge.url}/session`, init);
  const text = await reply.text();
  const { status } = reply;
  const header = (name: string) => reply.headers.get(name) ?? '';
  return { status, header, etag: header('etag'), body: text === '' ? undefined : JSON.parse(text) };
}
const read = (edge: Edge, id: string) => ask(edge, 'GET', id);
const make = (edge: Edge, id: string, session: Session) =>
  ask(edge, 'PUT', id, { 'If-None-Match': '*' }, formatSession(session));
const save = (edge: Edge, id: string, session: Session, etag: string) =>
  ask(edge, 'PUT', id, { 'If-Match': etag }, formatSession(session));

describe('a session over HTTP', () => {
  it('is made, read and saved at any edge, and deleted for all of them', async () => {
    const [a, b] = [edges[0]!, edges[1]!];
    const id = newId();
    expect(await read(a, id)).toMatchObject({ status: 404, body: { error: 'unknown_session' } });
    const made = await make(a, id, choice('24'));
    expect(made).toMatchObject({ status: 201, etag: `"${made.body.revision}"` });
    const found = await read(b, id);
    expect(found).toMatchObject({ status: 200, etag: made.etag, body: { revision: made.body.revision } });
    expect(found.body.session).toEqual(JSON.parse(formatSession(choice('24'))));
    expect(found.header('cache-control')).toBe('no-store');
    expect((await ask(b, 'GET', id, { 'If-None-Match': made.etag })).status).toBe(304);
    const saved = await save(b, id, choice('9'), made.etag);
    expect(saved.status).toBe(200);
    expect((await read(a, id)).body.session).toEqual(JSON.parse(formatSession(choice('9'))));
    expect((await ask(a, 'DELETE', id)).status).toBe(204);
    for (const edge of [a, b]) expect(await read(edge, id)).toMatchObject({ status: 410, body: { error: 'deleted' } });
    expect((await ask(b, 'DELETE', id)).status).toBe(204);
    expect((await make(b, id, choice('1'))).status).toBe(410);
    expect((await save(b, id, choice('1'), saved.etag)).status).toBe(410);
  });

  it('is never overwritten blindly: one of two devices saves, the other one is given what it did not know', async () => {
    const id = newId();
    const { etag } = await make(edges[0]!, id, choice('24'));
    const results = await Promise.all(edges.slice(0, 2).map((edge, n) => save(edge, id, choice(`${n}`), etag)));
    expect(results.map(({ status }) => status).sort()).toEqual([200, 412]);
    const winner = results.findIndex(({ status }) => status === 200);
    const loser = results[1 - winner]!;
    expect(loser.body).toMatchObject({ error: 'conflict', revision: results[winner]!.body.revision });
    expect(loser.body.session).toEqual(JSON.parse(formatSession(choice(`${winner}`))));
    expect(loser.etag).toBe(results[winner]!.etag);
    expect((await make(edges[0]!, id, choice('1'))).status).toBe(412);
    expect((await save(edges[0]!, newId(), choice('1'), etag)).status).toBe(404);
    const blind: Record<string, string>[] = [
      {},
      { 'If-Match': '*' },
      { 'If-Match': '7' },
      { 'If-Match': '"0"' },
      { 'If-None-Match': '"1"' },
    ];
    for (const headers of blind)
      expect(await ask(edges[0]!, 'PUT', id, headers, formatSession(choice('1')))).toMatchObject({
        status: 428,
        body: { error: 'revision_missing' },
      });
  });

  it('goes on after an edge was started anew', async () => {
    const id = newId();
    const first = await start();
    const { etag } = await make(first, id, choice('24'));
    await first.stop();
    const second = await start();
    expect((await save(second, id, choice('24', '9'), etag)).status).toBe(200);
  });

  it.each(['', 'A'.repeat(21), 'A'.repeat(23), 'A'.repeat(500), '../../../../etc/passw', `${'A'.repeat(21)}*`])(
    'is refused without a question to NATS when its id is %j',
    async (id) => {
      const edge = edges[0]!;
      const { asked } = edge.stats().sessions;
      expect(await read(edge, id)).toMatchObject({ status: 401, body: { error: 'no_session' } });
      expect((await ask(edge, 'DELETE', id)).status).toBe(401);
      expect((await make(edge, id, choice('24'))).status).toBe(401);
      expect(edge.stats().sessions.asked).toBe(asked);
    },
  );

  it('wants a header, and takes no id from an address', async () => {
    const id = newId();
    await make(edges[0]!, id, choice('24'));
    expect(await ask(edges[0]!, 'GET', undefined)).toMatchObject({ status: 401, body: { error: 'no_session' } });
    expect((await fetch(`${edges[0]!.url}/session?id=${id}`)).status).toBe(401);
    expect((await fetch(`${edges[0]!.url}/session/${id}`)).status).toBe(404);
  });

  it.each([
    ['no JSON', '{', 400, 'bad_session'],
    ['no body', '', 400, 'bad_session'],
    ['another version', '{"version":9}', 400, 'bad_session'],
    ['a car that cannot be', '{"version":1,"favourites":{"value":["a b"],"atMs":1}}', 400, 'bad_session'],
    ['too many bytes', ' '.repeat(MAX_SESSION_BYTES + 1), 413, 'too_large'],
    ['very many bytes', ' '.repeat(2_000_000), 413, 'too_large'],
  ])('is refused with %s', async (_, body, status, error) => {
    const id = newId();
    const reply = await ask(edges[0]!, 'PUT', id, { 'If-None-Match': '*' }, body).catch((cause) => {
      // The edge does not read a large body to its end, and a client may not get to read the answer then.
      if (body.length > 100_000) return { status, body: { error } };
      throw cause;
    });
    expect(reply).toMatchObject({ status, body: { error } });
    expect((await read(edges[0]!, id)).status).toBe(404);
  });

  it('allows pages of other origins to use it, with its headers', async () => {
    const { headers, status } = await fetch(`${edges[0]!.url}/session`, {
      method: 'OPTIONS',
      headers: { Origin: 'http://page' },
    });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, PUT, DELETE, OPTIONS');
    expect(headers.get('access-control-allow-headers')).toContain('Authorization');
    expect((await ask(edges[0]!, 'POST', newId())).status).toBe(405);
  });

  it('cannot be guessed: of a thousand guesses NATS hears what the door lets through, and none has an answer', async () => {
    const edge = await start({ sessions: { limits: { requestsPerSecond: 20 } } });
    const [mine, begunAtMs] = [newId(), performance.now()];
    await make(edges[0]!, mine, choice('24'));
    const statuses = new Map<number, number>();
    const guess = async () => {
      const { status, header } = await read(edge, newId());
      if (status === 429) expect(Number(header('retry-after'))).toBeGreaterThan(0);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    };
    for (let n = 0; n < 1000; n += 50) await Promise.all(Array.from({ length: 50 }, guess));
    const tookS = (performance.now() - begunAtMs) / 1000;
    expect([...statuses.keys()].sort()).toEqual([404, 429]);
    expect(statuses.get(404)).toBeLessThanOrEqual(20 * (1 + tookS));
    expect(edge.stats().sessions).toMatchObject({ asked: statuses.get(404), refused: statuses.get(429) });
    await until('the door lets in again', async () => (await read(edge, mine)).status === 200);
  });

  it('says that NATS is away, at once, and goes on when it is back', async () => {
    const id = newId();
    const { etag } = await make(edges[0]!, id, choice('24'));
    await nats.kill();
    await until('it is noticed', async () => (await read(edges[0]!, id)).status === 503);
    const away = await save(edges[0]!, id, choice('9'), etag);
    expect(away).toMatchObject({ status: 503, body: { error: 'not_ready' } });
    await nats.restart();
    await until('NATS is back', async () => (await read(edges[0]!, id)).status === 200);
    expect((await save(edges[0]!, id, choice('9'), etag)).status).toBe(200);
  });

  it('is forgotten when nothing was saved in it for its time to live', async () => {
    const other = await startNatsServer();
    const edge = await startEdge({ servers: [other.url], sessions: { ttlMs: 2000 } });
    const id = newId();
    expect((await make(edge, id, choice('24'))).status).toBe(201);
    await until('it is forgotten', async () => (await read(edge, id)).status === 404);
    expect((await make(edge, id, choice('24'))).status).toBe(201);
    await edge.stop();
    await other.stop();
  });
});
