import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatPosition } from '../protocol/position.ts';
import type { Edge } from './edge.ts';
import type { EventFan } from './testing/event-fan.ts';
import { readExposition } from './testing/exposition.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import { until } from './testing/until.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
});
afterEach(() => stage.strike());

async function streamIn(edge: Edge, query?: string, more?: Parameters<Stage['stream']>[2]): Promise<EventFan> {
  const fan = stage.stream(edge, query, more);
  await until('the first tick', () => fan.reader.state);
  return fan;
}

const ticksOf = ({ reader }: EventFan) => reader.ticks.map(({ tick }) => tick);
const typesOf = ({ reader }: EventFan) => reader.said.map(({ type }) => type);

/** Waits for an answer that is no stream. */
async function refusal(fan: EventFan): Promise<{ status: number | undefined; error: string }> {
  await until('the answer has ended', () => fan.isEnded);
  return { status: fan.status, error: JSON.parse(fan.text).error };
}

describe('a stream of events', () => {
  it('V1 brings every tick once, alone, and says with each how far it has come', async () => {
    const edge = await stage.edgeAtHead();
    const fan = await streamIn(edge);
    const other = await stage.fanIn(edge);
    await stage.publisher.run(25);
    await stage.caughtUp(fan, other);
    stage.expectTruth(fan, other);
    expect(ticksOf(fan)).toEqual(ticksFrom(0, 25));
    expect(fan.reader.said).toEqual(other.reader.said);
    const { epoch } = fan.reader.welcome!;
    expect(fan.lastEventId).toBe(formatPosition({ epoch, seq: fan.reader.seq }));
    expect(fan.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'access-control-allow-origin': '*',
    });
    expect(fan.retries).toHaveLength(1);
  });

  it('V2 goes on from the last event, whatever the address says, as a WebSocket does from its position', async () => {
    const edge = await stage.edgeAtHead();
    const gone = await streamIn(edge, 'watch=0:full&history=all');
    const early = gone.lastEventId;
    await stage.publisher.run(5);
    await stage.caughtUp(gone);
    gone.leave();
    await stage.publisher.run(7);
    await stage.atHead(edge);
    const query = `watch=0:full&history=all&since=${early}`;
    const back = stage.stream(edge, query, { headers: { 'last-event-id': gone.lastEventId } });
    Object.assign(back.reader, {
      state: gone.reader.state,
      document: gone.reader.document,
      catalogue: gone.reader.catalogue,
    });
    await stage.caughtUp(back);
    stage.expectTruth(back);
    expect(ticksOf(back)).toEqual(ticksFrom(6, 12));
    const socket = stage.fan(edge, `watch=0:full&history=all&since=${gone.lastEventId}`);
    Object.assign(socket.reader, {
      state: gone.reader.state,
      document: gone.reader.document,
      catalogue: gone.reader.catalogue,
    });
    await stage.caughtUp(socket);
    const plain = ({ tookMs, ...receipt }: { tookMs: number }) => receipt;
    expect(back.reader.receipts.map(plain)).toEqual(socket.reader.receipts.map(plain));
    expect(back.reader.receipts).toMatchObject([{ kind: 'deltas', ticks: 7, from: gone.lastEventId }]);
  });

  it('V3 gives a snapshot to a browser that names no position, and says why', async () => {
    const edge = await stage.edgeAtHead();
    const fan = await streamIn(edge, 'watch=0', { headers: { 'last-event-id': 'void' } });
    expect(fan.reader.receipts).toMatchObject([{ kind: 'snapshot', reason: 'garbled' }]);
  });

  it('V3 takes back a browser whose old address names what the catalogue has no place for, and tells it', async () => {
    const edge = await stage.edgeAtHead();
    const query = 'watch=0:own,1:wings&channels=c1,c99';
    const back = stage.stream(edge, query, { headers: { 'last-event-id': 'void' } });
    await until('all is said', () => back.reader.said.length === 4);
    expect(back.reader.said).toMatchObject([
      { type: 'error', code: 'bad_watch', message: expect.stringContaining('2 of the views and channels') },
      { type: 'watching', id: 0, watch: [{ car: '0', view: 'own' }], channels: ['c1'] },
      { type: 'welcome' },
      { type: 'repair', kind: 'snapshot' },
    ]);
    await stage.publisher.run(2);
    await stage.caughtUp(back);
    stage.expectTruth(back);
  });

  it('V4 takes what is wanted next in the same turn: kept cars go on, others come with the next tick', async () => {
    const edge = await stage.edgeAtHead();
    const gone = await streamIn(edge, 'watch=0:full&history=all');
    gone.leave();
    await stage.publisher.run(3);
    await stage.atHead(edge);
    const query = `watch=0:full&history=all&since=${gone.lastEventId}&next=0:full,1:own&nextChannels=c1,c2&nextRate=1`;
    const back = stage.stream(edge, query);
    Object.assign(back.reader, {
      state: gone.reader.state,
      document: gone.reader.document,
      catalogue: gone.reader.catalogue,
    });
    await until('all is said', () => back.reader.said.length === 4);
    expect(typesOf(back)).toEqual(['welcome', 'repair', 'watching', 'rate']);
    expect(back.reader.said.slice(2)).toMatchObject([{ id: 1 }, { id: 1, rate: 1 }]);
    await stage.publisher.run(6);
    await stage.caughtUp(back);
    stage.expectTruth(back);
    // What was newly chosen does not wait for its turn at the lower rate.
    expect(ticksOf(back).slice(0, 4)).toEqual(ticksFrom(1, 4));
    expect(Math.max(...back.reader.ticks.slice(4).map(({ span }) => span))).toBe(2);
  });

  it('V5 goes on with what is held when what is wanted next cannot be had', async () => {
    const edge = await stage.edgeAtHead();
    const fan = await streamIn(edge, 'watch=0:full&next=1:wings');
    await stage.publisher.run(2);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
    expect(fan.reader.said.slice(2)).toMatchObject([{ type: 'error', code: 'bad_watch' }]);
    expect(edge.stats().races.oval!.tally.refused).toBe(1);
  });

  it('V6 takes a hello that is too long for an address as the body of a POST', async () => {
    const edge = await stage.edgeAtHead();
    const watch = [{ car: '0', view: 'full' }, ...ticksFrom(100, 320).map((n) => ({ car: `car-${n}`, view: 'full' }))];
    const body = JSON.stringify({ type: 'hello', version: 1, watch });
    expect(body.length).toBeGreaterThan(4096);
    const fan = stage.stream(edge, '', { method: 'POST', body });
    fan.reader.wish = { watch };
    await until('the first tick', () => fan.reader.state);
    await stage.publisher.run(2);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
    expect(ticksOf(fan)).toEqual([0, 1, 2]);
  });

  it.each<[string, string, Parameters<Stage['stream']>[2], string, number, string]>([
    ['a view that there is not', 'watch=0:wings', {}, 'oval', 400, 'bad_watch'],
    ['another version', 'watch=0&version=9', {}, 'oval', 400, 'bad_version'],
    ['another race', 'watch=0', {}, 'nowhere', 404, 'unknown_race'],
    ['another message', '', { method: 'POST', body: '{"type":"ping"}' }, 'oval', 400, 'bad_message'],
    ['an empty body', '', { method: 'POST', body: '' }, 'oval', 400, 'bad_message'],
    ['a body that is too long', '', { method: 'POST', body: ' '.repeat(20_000) }, 'oval', 413, 'too_large'],
    ['another method', '', { method: 'PUT', body: '{}' }, 'oval', 405, 'method_not_allowed'],
    ['only the head', '', { method: 'DELETE' }, 'oval', 405, 'method_not_allowed'],
  ])('V7 refuses %s with a status that browsers take for the end', async (_, query, more, race, status, error) => {
    const edge = await stage.edgeAtHead();
    expect(await refusal(stage.stream(edge, query, more, `/races/${race}/events`))).toEqual({ status, error });
    expect(edge.stats().fans).toBe(0);
    await until('nobody is counted', () => edge.stats().connections === 0);
    expect(stage.problems).toEqual([]);
  });

  it('V8 counts as a fan from the request to its end, and is refused where a WebSocket would be', async () => {
    const edge = await stage.edgeAtHead({ limits: { maxFans: 2 }, origins: ['http://good.example'] });
    const foreign = stage.stream(edge, 'watch=0', { headers: { origin: 'http://bad.example' } });
    expect(await refusal(foreign)).toEqual({ status: 403, error: 'origin' });
    const fans = [await streamIn(edge), await stage.fanIn(edge)];
    expect(edge.stats().races.oval!.transports).toEqual({ websocket: 1, sse: 1, json: 0, poll: 0 });
    const samples = readExposition(await (await fetch(`${edge.url}/metrics`)).text()).get(
      'slipstream_fans_by_transport',
    )!;
    expect([...samples.samples]).toEqual([
      ['slipstream_fans_by_transport{race="oval",transport="websocket"}', 1],
      ['slipstream_fans_by_transport{race="oval",transport="sse"}', 1],
      ['slipstream_fans_by_transport{race="oval",transport="json"}', 0],
      ['slipstream_fans_by_transport{race="oval",transport="poll"}', 0],
    ]);
    const third = stage.stream(edge, 'watch=0', { headers: { origin: 'http://good.example' } });
    expect(await refusal(third)).toEqual({ status: 503, error: 'full' });
    expect(third.headers).toMatchObject({
      'retry-after': expect.stringMatching(/^[12]$/),
      'access-control-allow-origin': 'http://good.example',
    });
    (fans[0] as EventFan).leave();
    await until('there is room', () => edge.stats().fans === 1);
    await streamIn(edge);
    expect(edge.stats().refused).toMatchObject({ full: 1, origin: 1 });
  });

  it('V9 is told when to leave, gets every tick until then, and ends with a code', async () => {
    const edge = await stage.edgeAtHead();
    const fan = await streamIn(edge);
    void edge.drain({ leadMs: 0, maxWindowMs: 60_000 });
    await stage.publisher.run(5);
    await stage.caughtUp(fan);
    expect(await refusal(stage.stream(edge))).toEqual({ status: 503, error: 'going_away' });
    expect(ticksOf(fan)).toEqual(ticksFrom(0, 5));
    expect(typesOf(fan)).toEqual(['welcome', 'repair', 'bye']);
    await edge.stop();
    await until('it has ended', () => fan.isEnded);
    expect(fan.closed).toEqual({ code: 4000, reason: 'going_away' });
  });

  it('V10 is heard of within the heartbeat while the race stands still', async () => {
    const edge = await stage.edgeAtHead({ limits: { quietMs: 300 } });
    const fan = await streamIn(edge);
    await until('a heartbeat', () => typesOf(fan).includes('pong'));
    expect(fan.closed).toBeUndefined();
  });
});
