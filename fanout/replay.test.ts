import { describe, expect, it } from 'vitest';
import type { History, Watch } from '../protocol/control.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { parsePosition } from '../protocol/position.ts';
import { FakeEdge, FakeFan, FakeSink, World } from './testing/fake-world.ts';
import { carsOf, expectedCars } from './testing/test-fan.ts';

const WATCH: readonly Watch[] = [
  { car: '0', view: 'full' },
  { car: '2', view: 'essentials' },
];

/** A fan that was there at tick 10, lost its connection, and missed the ticks after it. */
function away(missed: number, { history = 'all' as History, limits = {}, watch = WATCH } = {}) {
  const world = new World(5);
  const edge = new FakeEdge(world, limits);
  world.publish(10);
  edge.catchUp();
  const fan = new FakeFan(world, watch, history);
  fan.connect(edge);
  fan.cut();
  world.publish(missed);
  edge.catchUp();
  const before = fan.reader.ticks.length;
  return { world, edge, fan, news: () => fan.reader.ticks.slice(before), receipts: () => fan.reader.receipts.slice(1) };
}

const isWhole = ({ reader, world }: FakeFan) => {
  expect(reader.state?.tick).toBe(world.writer.tick);
  expect(carsOf(reader.state!)).toEqual(expectedCars(world.writer.catalogue, world.writer.field, reader.wish));
  expect(reader.document).toEqual(world.writer.document);
};

describe('a fan that comes back from before the ring', () => {
  it.each([1, 19, 29, 31, 300, 2000])(
    'and wants all gets each of %d missed ticks once, with receipts that say so',
    (missed) => {
      const { edge, fan, news, receipts } = away(missed);
      fan.connect(edge);
      expect(news().map(({ tick }) => tick)).toEqual(Array.from({ length: missed }, (_, n) => 11 + n));
      expect(news().every(({ span, flags }) => span === 1 && flags === FRAME_FLAG.repair)).toBe(true);
      expect(receipts().every(({ kind, ticks }) => kind === 'deltas' && ticks > 0)).toBe(true);
      expect(receipts().reduce((sum, { ticks }) => sum + ticks, 0)).toBe(missed);
      for (const [index, { from }] of receipts().slice(1).entries()) expect(from).toBe(receipts()[index]!.to);
      isWhole(fan);
    },
  );

  it('and wants the latest gets one composite', () => {
    const { edge, fan, news, receipts } = away(2000, { history: 'latest' });
    fan.connect(edge);
    expect(news()).toMatchObject([{ span: 2000, tick: 2010 }]);
    expect(receipts()).toMatchObject([{ kind: 'composite', ticks: 2000 }]);
    isWhole(fan);
  });

  it('shares with others what is read and what is made', () => {
    const world = new World(5);
    const edge = new FakeEdge(world);
    world.publish(10);
    edge.catchUp();
    const fans = Array.from({ length: 20 }, () => new FakeFan(world, WATCH, 'all'));
    for (const fan of fans) fan.connect(edge);
    for (const fan of fans) fan.cut();
    world.publish(2000);
    edge.catchUp();
    const { past, maker } = edge.fans.delivery!;
    const counts = () => [past.reads, maker.encoder.encoded];
    fans[0]!.connect(edge);
    const afterOne = counts();
    for (const fan of fans.slice(1)) fan.connect(edge);
    expect(counts()).toEqual(afterOne);
    world.publish(1);
    edge.catchUp();
    world.nowMs += 5000;
    edge.fans.sweep(world.nowMs);
    for (const fan of fans) isWhole(fan);
  });

  it('gets a snapshot, said openly, when the stream cannot be read in time', () => {
    const { edge, fan, receipts, world } = away(2000);
    edge.isCutOff = true;
    fan.connect(edge);
    expect(receipts()).toMatchObject([{ kind: 'snapshot', reason: 'unread', tookMs: 60_000 }]);
    expect(world.nowMs).toBe(60_000);
    isWhole(fan);
  });

  it('gets a snapshot when the stream fails in the middle of it', () => {
    const { edge, fan, receipts, world } = away(2000, { limits: { maxPendingBytes: 100 } });
    fan.connect(edge, true);
    fan.sink.read(3);
    edge.isCutOff = true;
    world.nowMs += 60_000;
    edge.fans.sweep(world.nowMs);
    fan.thaw();
    world.nowMs += 10_000;
    edge.fans.sweep(world.nowMs);
    edge.settle();
    expect(receipts().at(-1)).toMatchObject({ kind: 'snapshot', reason: 'unread' });
    isWhole(fan);
  });

  it('and reads nothing costs no more memory than a part', () => {
    const { edge, fan, news } = away(2000, { limits: { maxPendingBytes: 1000 } });
    fan.connect(edge, true);
    expect(fan.sink.bufferedBytes()).toBeLessThan(80_000);
    expect(edge.fans.replay(0, 1000)).toBe(false);
    fan.thaw();
    expect(news()).toHaveLength(2000);
    isWhole(fan);
  });

  it('may choose anew, set its rate and ask for everything anew meanwhile', () => {
    const { edge, fan, world } = away(2000, { limits: { maxPendingBytes: 1000 } });
    fan.connect(edge, true);
    fan.watch({ watch: [...WATCH, { car: '1', view: 'driver' }] });
    fan.setRate(0.5);
    world.publish(3);
    edge.catchUp();
    fan.thaw();
    isWhole(fan);
    fan.cut();
    world.publish(500);
    edge.catchUp();
    fan.connect(edge, true);
    edge.fans.resync(fan.fan, world.nowMs);
    fan.thaw();
    isWhole(fan);
  });

  it('and holds the tick with which the ring begins has missed nothing, and gets no frame', () => {
    const world = new World(5);
    const [whole, young] = [new FakeEdge(world), new FakeEdge(world)];
    const fan = new FakeFan(world, WATCH, 'all');
    world.publish(19);
    for (const edge of [whole, young]) edge.catchUp();
    fan.connect(whole);
    world.publish(1);
    // Its state is lost at tick 20 and begins with the keyframe behind it; the fan holds the tick from before that.
    young.catchUp(1, true);
    whole.catchUp(1);
    fan.cut();
    young.catchUp();
    expect(young.state.ring.oldest).toMatchObject({ tick: 20 });
    const frames = young.fans.tally.frames;
    fan.connect(young);
    expect(fan.reader.receipts.at(-1)).toMatchObject({ kind: 'deltas', ticks: 0 });
    expect(young.fans.tally.frames - frames).toBe(1);
    isWhole(fan);
  });

  it('and has waited for the edge to come up has its own time for the stream to be read', () => {
    const world = new World(5);
    const [whole, slow] = [new FakeEdge(world), new FakeEdge(world)];
    const read = world.log.length;
    const fan = new FakeFan(world, WATCH, 'all');
    world.publish(5);
    whole.catchUp();
    fan.connect(whole);
    fan.cut();
    const since = parsePosition(fan.reader.position)!;
    fan.sink = new FakeSink(fan.reader);
    fan.fan = slow.fans.add(fan.sink, 0);
    slow.fans.greet(fan.fan, { version: 1, ...fan.reader.resume(), history: 'all', doc: true, rate: 2, since }, 0);
    expect(fan.fan.parkedFor).toBe('edge');
    // It loses its state, and begins anew, behind the position of the fan, when that has waited for long enough.
    slow.catchUp(1, true);
    world.publish(15);
    slow.catchUp(world.log.length - read - 2);
    world.nowMs = 3500;
    slow.isCutOff = true;
    slow.catchUp();
    expect(fan.fan.parkedFor).toBe('stream');
    slow.isCutOff = false;
    world.nowMs = 4500;
    slow.fans.sweep(world.nowMs);
    slow.settle();
    expect(slow.state.ring.oldest!.seq).toBeGreaterThan(since.seq);
    expect(fan.reader.receipts.slice(1)).toMatchObject([{ kind: 'deltas', ticks: 15 }]);
    isWhole(fan);
  });

  it('is live afterwards', () => {
    const { edge, fan, world, news } = away(500);
    fan.connect(edge);
    world.publish(5);
    edge.catchUp();
    expect(
      news()
        .slice(-5)
        .map(({ span, flags }) => [span, flags]),
    ).toEqual(Array.from({ length: 5 }, () => [1, 0]));
    isWhole(fan);
  });

  it('with a position that is none gets a snapshot, said openly', () => {
    const { edge, fan, receipts } = away(5);
    fan.connect(edge);
    const hello = { version: 1, watch: WATCH, history: 'all', doc: true, rate: 2, since: 'garbled' } as const;
    const other = new FakeFan(edge.world, WATCH, 'all');
    other.connect(edge);
    edge.fans.remove(other.fan);
    other.fan = edge.fans.add(other.sink, 0);
    edge.fans.greet(other.fan, hello, 0);
    expect(other.reader.receipts.at(-1)).toMatchObject({ kind: 'snapshot', reason: 'garbled' });
    expect(other.reader.receipts.at(-1)).not.toHaveProperty('from');
    expect(receipts()).toHaveLength(1);
  });
});
