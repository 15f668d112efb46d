import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionIdOf } from '../protocol/session.ts';
import type { SessionNews } from '../protocol/session-messages.ts';
import type { Edge } from './edge.ts';
import { Stage } from './testing/stage.ts';
import type { TestFan } from './testing/test-fan.ts';
import { until } from './testing/until.ts';

let stage: Stage;
let edges: Edge[];
beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
  const sessions = { limits: { savesPerSecond: 1000 } };
  edges = [await stage.edgeAtHead({ sessions }), await stage.edgeAtHead({ sessions })];
});
afterEach(() => stage.strike());

const newId = () => sessionIdOf(randomBytes(16));
const newsOf = (fan: Pick<TestFan, 'reader'>) =>
  fan.reader.said.filter((message): message is SessionNews => message.type === 'session');
const lastOf = (fan: Pick<TestFan, 'reader'>) => newsOf(fan).at(-1);
const revisionOf = (fan: Pick<TestFan, 'reader'>) => {
  const news = lastOf(fan);
  return news?.status === 'known' ? news.revision : undefined;
};
const textOf = (delayMs: number) => JSON.stringify({ version: 1, tvDelayMs: { value: delayMs, atMs: 1 }, races: {} });

async function put(edge: Edge, id: string, delayMs: number, revision = 0): Promise<number> {
  const before: Record<string, string> = revision === 0 ? { 'If-None-Match': '*' } : { 'If-Match': `"${revision}"` };
  const headers = { Authorization: `Bearer ${id}`, ...before };
  const reply = await fetch(`${edge.url}/session`, { method: 'PUT', headers, body: textOf(delayMs) });
  expect([200, 201]).toContain(reply.status);
  return (await reply.json()).revision;
}
const forget = (edge: Edge, id: string) =>
  fetch(`${edge.url}/session`, { method: 'DELETE', headers: { Authorization: `Bearer ${id}` } });

/** A fan that has heard of its session. */
async function device(edge: Edge, id: string): Promise<TestFan> {
  const fan = await stage.fanIn(edge);
  fan.say({ type: 'session', id });
  await until('news of the session', () => lastOf(fan));
  return fan;
}

describe('news of a session', () => {
  it('reach every device at every edge with each change, and nobody else', async () => {
    const id = newId();
    const a = await device(edges[0]!, id);
    const other = await device(edges[1]!, newId());
    expect(newsOf(a)).toEqual([{ type: 'session', status: 'unknown' }]);
    let revision = await put(edges[0]!, id, 1);
    await until('it is known', () => revisionOf(a) === revision);
    const b = await device(edges[1]!, id);
    expect(lastOf(b)).toEqual({ type: 'session', status: 'known', revision, session: JSON.parse(textOf(1)) });
    for (let n = 2; n <= 6; n++) {
      revision = await put(edges[n % 2]!, id, n, revision);
      for (const fan of [a, b]) await until(`change ${n}`, () => revisionOf(fan) === revision);
    }
    expect(newsOf(a).length).toBe(7);
    expect((await forget(edges[1]!, id)).status).toBe(204);
    for (const fan of [a, b]) await until('the end', () => lastOf(fan)?.status === 'deleted');
    expect(newsOf(other)).toEqual([{ type: 'session', status: 'unknown' }]);
    expect(edges.map((edge) => edge.stats().sessions.devices)).toEqual([1, 2]);
    for (const fan of [a, b, other]) fan.socket.close();
    await until('they are gone', () => edges.every((edge) => edge.stats().sessions.devices === 0));
    stage.expectTruth(a, b, other);
  });

  it('are of one session at a time, of none when that is asked, and of none before hello', async () => {
    const [one, two] = [newId(), newId()];
    const fan = stage.fan(edges[0]!, '');
    await until('open', () => fan.isOpen);
    fan.say({ type: 'session', id: one });
    await until('the error', () => fan.reader.said.some(({ type }) => type === 'error'));
    expect(fan.reader.said).toMatchObject([{ type: 'error', code: 'not_greeted' }]);
    fan.say({ type: 'hello', version: 1, watch: [] });
    fan.say({ type: 'session', id: one });
    await until('news', () => newsOf(fan).length === 1);
    fan.say({ type: 'session', id: two });
    await until('news', () => newsOf(fan).length === 2);
    await put(edges[1]!, one, 1);
    const revision = await put(edges[1]!, two, 2);
    await until('the change', () => revisionOf(fan) === revision);
    fan.say({ type: 'session', id: null });
    await until('it is let go', () => edges[0]!.stats().sessions.devices === 0);
    await put(edges[1]!, two, 3, revision);
    const witness = await device(edges[0]!, two);
    expect(revisionOf(witness)).toBeGreaterThan(revision);
    expect(revisionOf(fan)).toBe(revision);
  });

  it('come to so many devices; one more, and an id that is none, get an error', async () => {
    const edge = await stage.edgeAtHead({ sessions: { limits: { devices: 2 } } });
    const id = newId();
    await device(edge, id);
    await device(edge, id);
    const third = await stage.fanIn(edge);
    third.say({ type: 'session', id });
    for (const bad of ['', 'A'.repeat(23), 7, undefined]) third.say({ type: 'session', id: bad });
    const errors = () => third.reader.said.filter((message) => message.type === 'error');
    await until('the errors', () => errors().length === 5);
    expect(new Set(errors().map(({ code }) => code))).toEqual(new Set(['bad_session']));
    expect(JSON.stringify(errors())).not.toContain('AAA');
    await stage.publisher.run(2);
    await stage.caughtUp(third);
  });

  it('go on when NATS was away: what changed at an edge meanwhile, and what changes afterwards', async () => {
    const id = newId();
    let revision = await put(edges[0]!, id, 1);
    const fans = [await device(edges[0]!, id), await device(edges[1]!, id)];
    await stage.nats.kill();
    const late = await stage.fanIn(edges[0]!);
    late.say({ type: 'session', id });
    await until('the excuse', () => lastOf(late)?.status === 'unavailable');
    await stage.nats.restart();
    await until('it is known', () => revisionOf(late) === revision);
    for (let n = 2; n < 5; n++) {
      revision = await put(edges[n % 2]!, id, n, revision);
      for (const fan of [...fans, late]) await until(`change ${n}`, () => revisionOf(fan) === revision);
    }
  });

  it('say that the session is unknown when NATS has lost its data, and go on when it is made again', async () => {
    const id = newId();
    let revision = 0;
    for (let n = 1; n < 5; n++) revision = await put(edges[0]!, id, n, revision);
    const fans = [await device(edges[0]!, id), await device(edges[1]!, id)];
    await stage.nats.restart({ wipe: true });
    for (const fan of fans) await until('it is unknown', () => lastOf(fan)?.status === 'unknown');
    const again = await put(edges[1]!, id, 9);
    expect(again).toBeLessThan(revision);
    for (const fan of fans) await until('it is there again', () => revisionOf(fan) === again);
  });

  it('bring a device that reads nothing the newest state alone, when it reads again', async () => {
    const id = newId();
    let revision = await put(edges[0]!, id, 1);
    const frozen = stage.raw(edges[0]!, 'watch=0:full');
    await until('it is in', () => frozen.reader.state);
    frozen.say({ type: 'session', id });
    await until('news', () => revisionOf(frozen) === revision);
    frozen.freeze();
    await stage.publisher.put(stage.writer.docPatch([{ op: 'add', path: '/blob', value: '' }]));
    for (let n = 0; edges[0]!.stats().races.oval!.pendingBytes < 80_000; n++) {
      await stage.publisher.put(stage.writer.nextTick());
      const value = randomBytes(200_000).toString('base64');
      await stage.publisher.put(stage.writer.docPatch([{ op: 'replace', path: '/blob', value }]));
      await stage.atHead(edges[0]!);
      expect(n).toBeLessThan(500);
    }
    const { length } = newsOf(frozen);
    for (let n = 2; n < 12; n++) {
      const held = await fetch(`${edges[1]!.url}/session`, { headers: { Authorization: `Bearer ${id}` } });
      expect((await held.json()).revision).toBe(revision);
      revision = await put(edges[1]!, id, n, revision);
    }
    frozen.thaw();
    await until('the newest', () => revisionOf(frozen) === revision);
    expect(newsOf(frozen).length - length).toBeLessThan(10);
  });

  it('answer a request that waits, as soon as there are any', async () => {
    const id = newId();
    const revision = await put(edges[0]!, id, 1);
    const wait = (seconds: number | string, etag: string) =>
      fetch(`${edges[1]!.url}/session?wait=${seconds}`, {
        headers: { Authorization: `Bearer ${id}`, 'If-None-Match': etag },
      });
    expect((await wait(0, `"${revision}"`)).status).toBe(304);
    expect((await wait(20, `"${revision + 7}"`)).status).toBe(200);
    for (const bad of ['21', '-1', 'x', '1.5']) expect((await wait(bad, `"${revision}"`)).status).toBe(400);
    const waiting = wait(20, `"${revision}"`);
    await until('it waits', () => edges[1]!.stats().sessions.devices === 1);
    const next = await put(edges[0]!, id, 2, revision);
    const reply = await waiting;
    expect([reply.status, reply.headers.get('etag')]).toEqual([200, `"${next}"`]);
    const last = wait(20, `"${next}"`);
    await until('it waits', () => edges[1]!.stats().sessions.devices === 1);
    await forget(edges[0]!, id);
    expect((await last).status).toBe(410);
    const abort = new AbortController();
    const other = newId();
    const first = await put(edges[0]!, other, 1);
    const headers = { Authorization: `Bearer ${other}`, 'If-None-Match': `"${first}"` };
    const given = fetch(`${edges[1]!.url}/session?wait=20`, { headers, signal: abort.signal }).catch(() => 'hung up');
    await until('it waits', () => edges[1]!.stats().sessions.devices === 1);
    abort.abort();
    expect(await given).toBe('hung up');
    await until('nobody waits', () => edges[1]!.stats().sessions.devices === 0);
  });
});
