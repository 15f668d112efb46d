import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Stale } from '../protocol/control.ts';
import { connect, type Race } from '../web/client/mod.ts';
import type { Edge } from './edge.ts';
import { Stage } from './testing/stage.ts';
import type { TestFan } from './testing/test-fan.ts';
import { until } from './testing/until.ts';

/** Ticks of a test come when it likes; without one for half a second the race is stale. */
const QUICK = { tickMs: 50, limits: { staleAfterMs: 500 } };

let stage: Stage;
let race: Race | undefined;
beforeEach(async () => {
  stage = await Stage.set();
  await stage.publisher.begin();
  await stage.publisher.run(3);
});
afterEach(async () => {
  race?.close();
  race = undefined;
  await stage.strike();
});

const staleOf = ({ reader }: TestFan): Stale[] => reader.said.filter((message) => message.type === 'stale');
const json = async (edge: Edge, path: string) => (await fetch(`${edge.url}${path}`)).json();

describe('a race that gives no tick', () => {
  it('is stale for fans, for the SDK, over HTTP and in the metrics, until the next tick', async () => {
    const beganAtMs = Date.now();
    const edge = await stage.edgeAtHead(QUICK);
    const fan = await stage.fanIn(edge);
    race = connect({ url: edge.url, race: 'oval', watch: [{ car: '0' }] });
    const heard: (Stale | undefined)[] = [];
    race.on('stale', (stale) => heard.push(stale));
    await until('the fan is told', () => staleOf(fan).length > 0 && race!.stale);
    const [said] = staleOf(fan);
    expect(said).toMatchObject({ tick: 3, reason: 'no_ticks' });
    // The tick is older than the edge: what counts is when it came to the stream.
    expect(said!.sinceMs).toBeLessThanOrEqual(beganAtMs);
    expect(said!.sinceMs).toBeGreaterThan(beganAtMs - 60_000);
    expect(heard).toEqual([said]);
    const late = await stage.fanIn(edge);
    expect(late.reader.said.map(({ type }) => type)).toEqual(['welcome', 'stale', 'repair']);
    expect(staleOf(late)).toEqual([said]);
    stage.expectTruth(fan, late);
    const mark = { state: 'stale', staleSinceMs: said!.sinceMs, staleReason: 'no_ticks' };
    expect(await json(edge, '/races')).toMatchObject([mark]);
    expect(await json(edge, '/races/oval')).toMatchObject(mark);
    expect(await json(edge, '/races/oval/snapshot?watch=0')).toMatchObject({ ...mark, tick: 3 });
    const metrics = async () => (await fetch(`${edge.url}/metrics`)).text();
    expect(await metrics()).toMatch(/^slipstream_stale_seconds\{race="oval"\} 0*[1-9.]/m);
    expect(await metrics()).toContain('slipstream_race_status{race="oval",status="stale"} 1');

    await stage.publisher.run(1);
    await until('it is over', () => race!.stale === undefined);
    expect(heard).toEqual([said, undefined]);
    expect(edge.stats().races.oval).toMatchObject({ status: 'live', staleForMs: 0 });
    expect(await json(edge, '/races/oval')).toMatchObject({ state: 'live', staleSinceMs: null, staleReason: null });
    expect(staleOf(fan)).toHaveLength(1);
    await stage.caughtUp(fan, late);
    stage.expectTruth(fan, late);
  });

  it('because NATS is away says so, keeps its fans, serves whoever comes, and catches up', async () => {
    const edge = await stage.edgeAtHead(QUICK);
    const fan = await stage.fanIn(edge);
    await stage.publisher.run(2);
    await stage.caughtUp(fan);
    await stage.nats.kill();
    await until('the fan is told', () => staleOf(fan).some(({ tick }) => tick === 5));
    expect(staleOf(fan).at(-1)).toMatchObject({ tick: 5, reason: 'nats_away' });
    const late = await stage.fanIn(edge);
    expect(late.reader.said[1]).toMatchObject({ type: 'stale', tick: 5, reason: 'nats_away' });
    await stage.nats.restart();
    await stage.publisher.run(4);
    await stage.caughtUp(fan, late);
    stage.expectTruth(fan, late);
    expect(fan.reader.receipts).toHaveLength(1);
    expect(edge.stats().races.oval!.status).toBe('live');
  });

  it('after the checkered flag is finished, not stale', async () => {
    const edge = await stage.edgeAtHead(QUICK);
    const fan = await stage.fanIn(edge);
    await stage.publisher.put(
      stage.writer.nextTick(),
      stage.writer.docPatch([{ op: 'add', path: '/flag', value: 'checkered' }]),
    );
    await stage.caughtUp(fan);
    const told = staleOf(fan).length;
    await until('it is over', () => edge.stats().races.oval!.status === 'finished');
    expect(await json(edge, '/races/oval')).toMatchObject({ state: 'finished', staleSinceMs: null });
    expect(staleOf(fan)).toHaveLength(told);
  });
});
