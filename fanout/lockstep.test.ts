import { describe, expect, it } from 'vitest';
import type { Rate, Wish } from '../protocol/control.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { FakeEdge, FakeFan, World } from './testing/fake-world.ts';

const WATCH = [{ car: '0', view: 'full' }] as const;
const OWN: Wish = { watch: [{ car: '0', view: 'own' }], channels: ['c0'] };

/** A race with some fans who have everything. */
function stage(count: number, limits = {}) {
  const world = new World(3);
  const edge = new FakeEdge(world, limits);
  const join = (wish: Wish | Wish['watch'] = WATCH, rate: Rate = 2) => {
    const fan = new FakeFan(world, wish, 'all', rate);
    fan.connect(edge);
    return fan;
  };
  const fans = Array.from({ length: count }, () => join());
  const tick = (ticks = 1) => {
    world.publish(ticks);
    edge.catchUp();
  };
  tick();
  return { world, edge, fans, join, tick };
}

/** They have each tick from the first that they got, once and in order. */
function expectAll(fans: readonly FakeFan[], last: number): void {
  for (const { reader } of fans) {
    const ticks = reader.ticks.map(({ tick }) => tick);
    expect(ticks).toEqual(ticks.map((_, n) => ticks[0]! + n));
    expect(ticks.at(-1)).toBe(last);
  }
}

describe('fans in lockstep', () => {
  it('are those who have everything and want every tick', () => {
    const { edge, fans, join, tick, world } = stage(5);
    expect(edge.fans.inLockstep).toBe(5);
    const others = [join(WATCH, 1), join(OWN)];
    tick(4);
    expect(edge.fans.inLockstep).toBe(5);
    expectAll(fans, world.writer.tick);
    expectAll([others[1]!], world.writer.tick);
  });

  it.each<[string, (fan: FakeFan, edge: FakeEdge) => void]>([
    ['chooses anew', ({ fan }, { fans }) => fans.watch(fan, 1, { watch: [{ car: '1', view: 'full' }] })],
    ['asks for everything', ({ fan }, { fans }) => fans.resync(fan, 0)],
    ['is served in between', ({ fan }, { fans }) => fans.flush(fan, 0)],
    ['asks for what it has', ({ fan }, { fans }) => fans.setRate(fan, 1, 2, 0)],
  ])('do without one that %s, until it has everything again', (_, act) => {
    const { edge, fans, tick, world } = stage(5);
    act(fans[2]!, edge);
    expect(edge.fans.inLockstep).toBe(4);
    tick(3);
    expect(edge.fans.inLockstep).toBe(5);
    expectAll(
      [0, 1, 3, 4].map((n) => fans[n]!),
      world.writer.tick,
    );
    expect(fans[2]!.reader.ticks.at(-1)!.tick).toBe(world.writer.tick);
  });

  it.each([0, 1, 2, 3, 4])('get a tick once, also when number %i leaves while it goes out', (leaver) => {
    const { edge, fans, tick, world } = stage(5);
    edge.onPiece = () => {
      edge.fans.flush(fans[leaver]!.fan, 0);
      edge.onPiece = () => {};
    };
    tick(3);
    expectAll(fans, world.writer.tick);
    expect(edge.fans.inLockstep).toBe(5);
  });

  it.each([0, 1, 2, 3, 4])(
    'do not have number %i back, who wants another car while a tick goes out, before it has that',
    (n) => {
      const { edge, fans, tick } = stage(5);
      edge.onPiece = () => {
        edge.fans.watch(fans[n]!.fan, 1, { watch: [{ car: '1', view: 'full' }] });
        edge.onPiece = () => {};
      };
      tick(3);
      expect(edge.fans.inLockstep).toBe(5);
      expect([...fans[n]!.reader.state!.cars.values()].map(({ car }) => car)).toEqual(['1']);
    },
  );

  it.each([0, 1, 2, 3, 4])('do not have number %i back, who wants fewer ticks while one goes out', (n) => {
    const { edge, fans, tick } = stage(5);
    edge.onPiece = () => {
      // Two of them, because one may be due with the next tick.
      for (const fan of [fans[n]!, fans[(n + 1) % 5]!]) edge.fans.setRate(fan.fan, 1, 1, 0);
      edge.onPiece = () => {};
    };
    tick(1);
    expect(edge.fans.inLockstep).toBe(3);
    tick(6);
    expect(edge.fans.inLockstep).toBe(3);
  });

  it('lose one whose socket is full with a document, too', () => {
    const { edge, fans, tick } = stage(3);
    const { sink } = fans[1]!;
    const send = sink.sendFrames.bind(sink);
    sink.sendFrames = (...frames) => {
      sink.isFrozen = true;
      send(...frames);
    };
    while (!sink.isFrozen) tick();
    expect(edge.fans.inLockstep).toBe(2);
  });

  it('lose one whose socket is full, and have it again when it has read', () => {
    const { edge, fans, tick, world } = stage(3);
    fans[1]!.sink.isFrozen = true;
    tick(2);
    expect(edge.fans.inLockstep).toBe(2);
    fans[1]!.thaw();
    tick(1);
    expect(edge.fans.inLockstep).toBe(3);
    expectAll(fans, world.writer.tick);
  });

  it('lose one who is gone, and its place is taken by the next', () => {
    const { edge, fans, join, tick, world } = stage(3);
    edge.fans.remove(fans[0]!.fan);
    expect(edge.fans.inLockstep).toBe(2);
    const next = join([{ car: '3', view: 'essentials' }]);
    tick(3);
    expect(edge.fans.inLockstep).toBe(3);
    expectAll([fans[1]!, fans[2]!, next], world.writer.tick);
  });

  it('are served when a send to one of them fails, who is closed', () => {
    const { edge, fans, tick, world } = stage(3);
    edge.expectsErrors = true;
    fans[1]!.sink.direct.send = () => {
      throw new Error('This socket is closed.');
    };
    // With a document a tick goes another way.
    tick(8);
    expect(edge.errors).toEqual([new Error('This socket is closed.')]);
    expect(fans[1]!.sink.closed).toBe('not_ready');
    expect([edge.fans.inLockstep, edge.fans.size]).toEqual([2, 2]);
    expectAll([fans[0]!, fans[2]!], world.writer.tick);
  });

  it('get one frame over all the ticks that a busy edge had no time for', () => {
    const { edge, fans, world } = stage(3);
    world.publish(5);
    edge.catchUp(Number.POSITIVE_INFINITY, false, true);
    expect(edge.fans.inLockstep).toBe(3);
    for (const { reader } of fans)
      expect(reader.ticks.at(-1)).toMatchObject({ tick: world.writer.tick, flags: FRAME_FLAG.conflated, span: 5 });
  });

  it('are served one by one after a new beginning, and in a race that stands still', () => {
    const { edge, fans, tick, world } = stage(3);
    world.changeCatalogue();
    edge.catchUp();
    tick(2);
    expect(edge.fans.inLockstep).toBe(3);
    edge.fans.sweep(10_000);
    expect(edge.fans.inLockstep).toBe(0);
    tick(1);
    expect(edge.fans.inLockstep).toBe(3);
    for (const fan of fans) expect(fan.reader.ticks.at(-1)!.tick).toBe(world.writer.tick);
  });
});
