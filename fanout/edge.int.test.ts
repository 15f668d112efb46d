import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLOSE } from '../protocol/codes.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { testCatalogue } from './testing/publisher.ts';
import { Stage, ticksFrom } from './testing/stage.ts';
import type { TestFan } from './testing/test-fan.ts';
import { until } from './testing/until.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.set();
});
afterEach(() => stage.strike());

const ticksOf = (fan: TestFan) => fan.reader.ticks.map(({ tick }) => tick);

describe('an edge', () => {
  it('E1 gives a welcome, a receipt, the document, a snapshot and then every tick once', async () => {
    await stage.publisher.begin();
    await stage.publisher.run(30);
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    await stage.publisher.run(45);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
    expect(ticksOf(fan)).toEqual(ticksFrom(30, 75));
    expect(fan.reader.said.map(({ type }) => type)).toEqual(['welcome', 'repair']);
    expect(fan.reader.receipts[0]).toMatchObject({ kind: 'snapshot', reason: 'first', ticks: 0 });
    expect(fan.reader.welcome).toMatchObject({ race: 'oval', tickMs: 500, reconnectWindowMs: 1000 });
  });

  it('E2 attaches before it cuts the snapshot: fans who join while ticks pour in miss none', async () => {
    await stage.publisher.begin();
    const edge = await stage.edgeAtHead();
    const fans: TestFan[] = [];
    const publishing = stage.publisher.run(300);
    for (let n = 0; n < 40; n++) {
      fans.push(stage.fan(edge, `watch=${n % 6}:full,${(n + 1) % 6}:driver`));
      await until('it is in', () => fans[n]!.reader.state);
    }
    await publishing;
    await stage.caughtUp(...fans);
    stage.expectTruth(...fans);
    for (const fan of fans) expect(ticksOf(fan)).toEqual(ticksFrom(ticksOf(fan)[0]!, 300));
    expect(new Set(fans.map((fan) => ticksOf(fan)[0])).size).toBeGreaterThan(1);
  });

  it('E3 takes a hello as a message just as well', async () => {
    await stage.publisher.begin();
    const edge = await stage.edgeAtHead();
    const fan = stage.fan(edge, '');
    await until('open', () => fan.isOpen);
    fan.say({ type: 'watch', id: 1, watch: [] });
    fan.say({ type: 'hello', version: 1, watch: [{ car: '0' }], doc: false });
    await until('a state', () => fan.reader.state);
    expect(fan.reader.said.map(({ type }) => type)).toEqual(['error', 'welcome', 'repair']);
    expect(fan.reader.document).toBeUndefined();
  });

  it('E4 changes the choice in place: kept cars go on, added ones come whole in the next frame', async () => {
    await stage.publisher.begin();
    await stage.publisher.run(20);
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge, 'watch=0:full,1:essentials');
    await stage.publisher.run(3);
    await stage.caughtUp(fan);
    fan.say({ type: 'watch', id: 5, watch: [{ car: '0' }, { car: '1', view: 'driver' }, { car: '2' }, { car: 'no' }] });
    await until('the answer', () => fan.reader.said.at(-1)?.type === 'watching');
    expect(fan.reader.said.at(-1)).toMatchObject({ id: 5, unknown: ['no'] });
    await stage.publisher.run(5);
    await stage.caughtUp(fan);
    fan.say({ type: 'watch', id: 6, watch: [{ car: '2' }] });
    await until('the answer', () => fan.reader.wish.watch.length === 1);
    await stage.publisher.run(15);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
    expect(ticksOf(fan)).toEqual(ticksFrom(20, 43));
    expect(fan.reader.ticks.slice(1).every(({ span }) => span === 1)).toBe(true);
  });

  it('E5 resumes a fan of another edge: every tick, or one composite, as asked', async () => {
    await stage.publisher.begin();
    await stage.publisher.run(50);
    const [first, second] = [await stage.edgeAtHead(), await stage.edgeAtHead()];
    const watch = 'watch=0:full,1:essentials,3:driver,2:own&channels=c7,c2,c0';
    for (const history of ['all', 'latest'] as const) {
      const fan = await stage.fanIn(first, watch);
      await stage.publisher.run(4);
      await stage.caughtUp(fan);
      fan.socket.close();
      const { position } = fan.reader;
      await stage.publisher.run(30);
      const back = stage.fan(second, `${watch}&since=${position}&history=${history}`);
      back.reader.inherit(fan.reader);
      await stage.caughtUp(back);
      stage.expectTruth(back);
      const kind = history === 'all' ? 'deltas' : 'composite';
      expect(back.reader.receipts).toMatchObject([{ kind, from: position, to: back.reader.position, ticks: 30 }]);
      const { tick } = stage.writer;
      expect(ticksOf(back)).toEqual(history === 'all' ? ticksFrom(tick - 29, tick) : [tick]);
      expect(back.reader.ticks.every(({ flags }) => flags === FRAME_FLAG.repair)).toBe(true);
      await stage.publisher.run(3);
      await stage.caughtUp(back);
      stage.expectTruth(back);
    }
  });

  it('E15 resumes fans who left before it started: it reads back what an older edge would know', async () => {
    await stage.publisher.begin();
    await stage.publisher.run(30);
    const first = await stage.edgeAtHead();
    const fan = await stage.fanIn(first);
    await stage.publisher.run(3);
    await stage.caughtUp(fan);
    await first.stop();
    await stage.publisher.run(100);
    const second = await stage.edgeAtHead();
    const back = stage.fan(second, `watch=0:full,1:essentials&history=all&since=${fan.reader.position}`);
    back.reader.inherit(fan.reader);
    await stage.caughtUp(back);
    stage.expectTruth(back);
    expect(ticksOf(back)).toEqual(ticksFrom(34, 133));
  });

  it('E6 says snapshot when it cannot resume: too old, another epoch, never was', async () => {
    await stage.publisher.begin();
    const old = `${stage.writer.epoch}:2`;
    await stage.publisher.run(500);
    const edge = await stage.edgeAtHead({ limits: { aheadTimeoutMs: 0 } });
    const reasonFor = async (since: string) => {
      const fan = await stage.fanIn(edge, `watch=0&history=all&since=${since}`);
      stage.expectTruth(fan);
      return fan.reader.receipts[0]?.reason;
    };
    expect(await reasonFor(old)).toBe('too_old');
    expect(await reasonFor('00000000000000ff:500')).toBe('other_epoch');
    // Where no tick comes, whoever is ahead is sent elsewhere.
    const ticking = setInterval(() => void stage.publisher.run(1), 200);
    expect(await reasonFor(`${stage.writer.epoch}:99999999`)).toBe('ahead');
    clearInterval(ticking);
  });

  it('E7 resumes at the newest position with nothing, and gives everything anew on resync', async () => {
    await stage.publisher.begin();
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    await stage.caughtUp(fan);
    const back = stage.fan(edge, `watch=0:full,1:essentials&since=${fan.reader.position}`);
    back.reader.inherit(fan.reader);
    await until('the receipt', () => back.reader.receipts.length === 1);
    expect(back.reader.receipts[0]).toMatchObject({ kind: 'deltas', ticks: 0, bytes: 0 });
    back.say({ type: 'resync' });
    await until('the snapshot', () => back.reader.ticks.length === 1);
    expect(back.reader.receipts[1]).toMatchObject({ kind: 'snapshot', reason: 'resync' });
    await stage.publisher.run(2);
    await stage.caughtUp(back);
    stage.expectTruth(back);
  });

  it('E8 waits for a stream that does not exist yet, and finds it', async () => {
    const edge = await stage.edge();
    const early = stage.fan(edge);
    await until('the refusal', () => early.closed);
    expect(early.closed).toEqual({ code: CLOSE.unknown_race, reason: 'unknown_race' });
    expect((await fetch(`${edge.url}/readyz`)).status).toBe(503);
    await stage.publisher.stream.ensure();
    const soon = stage.fan(edge);
    await until('the refusal', () => soon.closed);
    expect(soon.closed?.code).toBe(CLOSE.not_ready);
    const state = await fetch(`${edge.url}/races/oval`);
    expect([state.status, state.headers.get('retry-after')]).toEqual([503, '1']);
    await stage.publisher.begin();
    await stage.atHead(edge);
    expect((await fetch(`${edge.url}/readyz`)).status).toBe(200);
    const fan = await stage.fanIn(edge);
    await stage.publisher.run(3);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
  });

  it('E9 finds a tick whose digest is wrong, stands still, and gives a snapshot with the next keyframe', async () => {
    await stage.publisher.begin();
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    const { kind, bytes } = stage.writer.nextTick();
    await stage.publisher.put({ kind, bytes: bytes.with(24, bytes[24]! ^ 1) });
    await stage.publisher.put(stage.writer.nextTick());
    await until('it is lost', () => edge.stats().races.oval?.status === 'lost');
    expect(fan.reader.state?.tick).toBe(0);
    await stage.publisher.put(stage.writer.keyframe());
    await stage.publisher.run(2);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
    expect(fan.reader.receipts[1]).toMatchObject({ kind: 'snapshot', reason: 'restart' });
    expect(edge.stats().races.oval?.losses).toEqual({ digest: 1 });
  });

  it('E10 goes over to a new catalogue with a new welcome and a snapshot', async () => {
    await stage.publisher.begin();
    await stage.publisher.run(3);
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    const old = stage.writer.catalogue;
    stage.writer.changeCatalogue(testCatalogue('another'));
    stage.catalogueOf('');
    await stage.publisher.putCatalogue();
    await stage.publisher.put(stage.writer.keyframe());
    await until('the new welcome', () => fan.reader.welcome?.catalogue === stage.writer.catalogue.hash);
    await stage.publisher.run(4);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
    for (const { hash, json } of [old, stage.writer.catalogue])
      expect(await (await fetch(`${edge.url}/catalogue/${hash}`)).text()).toBe(json);
  });

  it('E17 tells a fan which of its channels and cars a new catalogue has no place for, and goes on with the rest', async () => {
    stage.writer.changeCatalogue(testCatalogue('of eleven', 11));
    await stage.publisher.begin();
    await stage.publisher.run(20);
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge, 'watch=0:own,1:own,2:driver&channels=c10,c6,c1');
    stage.writer.changeCatalogue(testCatalogue('of ten'));
    stage.catalogueOf('');
    await stage.publisher.putCatalogue();
    await stage.publisher.put(stage.writer.keyframe());
    await until('the new welcome', () => fan.reader.welcome?.catalogue === stage.writer.catalogue.hash);
    await stage.publisher.run(4);
    await stage.caughtUp(fan);
    expect(fan.reader.said.slice(2, 5)).toMatchObject([
      { type: 'error', code: 'bad_watch', message: expect.stringContaining('1 of the views and channels') },
      { type: 'watching', channels: ['c1', 'c6'] },
      { type: 'welcome' },
    ]);
    stage.expectTruth(fan);
  });

  it('E18 tells a fan who comes back what a new catalogue has no place for, before the welcome, and goes on with the rest', async () => {
    stage.writer.changeCatalogue(testCatalogue('of eleven', 11));
    await stage.publisher.begin();
    await stage.publisher.run(20);
    const edge = await stage.edgeAtHead();
    const before = await stage.fanIn(edge, 'watch=0:own,1:own,2:driver&channels=c10,c6,c1');
    const { position } = before.reader;
    before.socket.close();
    stage.writer.changeCatalogue(testCatalogue('of ten'));
    stage.catalogueOf('');
    await stage.publisher.putCatalogue();
    await stage.publisher.put(stage.writer.keyframe());
    await stage.publisher.run(4);
    await stage.atHead(edge);
    const fan = await stage.fanIn(edge, `watch=0:own,1:own,2:driver&channels=c10,c6,c1&since=${position}`);
    expect(fan.reader.said.slice(0, 4)).toMatchObject([
      { type: 'error', code: 'bad_watch', message: expect.stringContaining('1 of the views and channels') },
      { type: 'watching', id: 0, channels: ['c1', 'c6'] },
      { type: 'welcome' },
      { type: 'repair', kind: 'snapshot', from: position },
    ]);
    stage.expectTruth(fan);
  });

  it('E11 keeps its fans while NATS is away, takes those who come, and gives them every tick afterwards', async () => {
    await stage.publisher.begin();
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge, 'watch=0:full,1:essentials');
    await stage.publisher.run(5);
    await stage.caughtUp(fan);
    await stage.nats.kill();
    await until('the loss is seen', () => !edge.stats().isConnected);
    const ready = await fetch(`${edge.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'stale' }]);
    const late = await stage.fanIn(edge);
    stage.expectTruth(late);
    await stage.nats.restart();
    await until('NATS is back', () => edge.stats().isConnected);
    await stage.publisher.run(10);
    await stage.caughtUp(fan, late);
    stage.expectTruth(fan, late);
    expect(ticksOf(fan)).toEqual(ticksFrom(0, 15));
    expect(fan.reader.receipts.length).toBe(1);
  });

  it('E12 tells fans openly when NATS has lost its data and a new epoch begins', async () => {
    await stage.publisher.begin();
    await stage.publisher.run(30);
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    await stage.nats.restart({ wipe: true });
    stage.writer.startAnew('00000000000000bb');
    await until('the stream is made', () =>
      stage.publisher.begin().then(
        () => true,
        () => {
          stage.writer.startAnew('00000000000000bb');
          return false;
        },
      ),
    );
    await stage.publisher.run(3);
    await stage.caughtUp(fan);
    stage.expectTruth(fan);
    expect(fan.reader.welcome?.epoch).toBe('00000000000000bb');
    expect(fan.reader.receipts.at(-1)).toMatchObject({ kind: 'snapshot', reason: 'other_epoch' });
    expect(fan.closed).toBeUndefined();
  });

  it('E13 says goodbye when it stops, each fan with its moment to come back', async () => {
    await stage.publisher.begin();
    const edge = await stage.edgeAtHead();
    const fan = await stage.fanIn(edge);
    await edge.stop();
    await until('the close', () => fan.closed);
    expect(fan.closed).toEqual({ code: CLOSE.going_away, reason: 'going_away' });
    expect(fan.reader.said.at(-1)).toMatchObject({ type: 'bye', reason: 'going_away' });
  });

  it('E14 refuses a port that is taken, in one sentence', async () => {
    const { port } = await stage.edge();
    await expect(stage.edge({ port })).rejects.toMatchObject({ name: 'ConfigError', code: 'port_taken' });
  });

  it('E16 takes the port of an edge that has just stopped, whatever its fans still do', async () => {
    await stage.publisher.begin();
    const free = await stage.edge();
    const { port } = free;
    await free.stop();
    const first = await stage.edgeAtHead({ port });
    const frozen = stage.raw(first, 'watch=0:full');
    await until('the first tick', () => frozen.reader.state);
    frozen.freeze();
    await first.stop();
    expect((await stage.edge({ port })).port).toBe(port);
  });
});
