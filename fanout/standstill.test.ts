import { describe, expect, it } from 'vitest';
import type { EdgeMessage } from '../protocol/control.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { judge, Standstill, type Verdict } from './standstill.ts';
import { FakeEdge, FakeFan, World } from './testing/fake-world.ts';

describe('what an edge sees of a race', () => {
  /** Following, silent, stream away, finished: every combination, while there is something to serve. */
  const TRUTH: [following: 0 | 1, silent: 0 | 1, away: 0 | 1, finished: 0 | 1, Verdict][] = [
    [0, 0, 0, 0, { status: 'lost' }],
    [0, 0, 0, 1, { status: 'lost' }],
    [0, 0, 1, 0, { status: 'lost' }],
    [0, 0, 1, 1, { status: 'lost' }],
    [0, 1, 0, 0, { status: 'lost', reason: 'unreadable' }],
    [0, 1, 0, 1, { status: 'lost', reason: 'unreadable' }],
    [0, 1, 1, 0, { status: 'lost', reason: 'nats_away' }],
    [0, 1, 1, 1, { status: 'lost', reason: 'nats_away' }],
    [1, 0, 0, 0, { status: 'live' }],
    [1, 0, 0, 1, { status: 'live' }],
    [1, 0, 1, 0, { status: 'live' }],
    [1, 0, 1, 1, { status: 'live' }],
    [1, 1, 0, 0, { status: 'stale', reason: 'no_ticks' }],
    [1, 1, 0, 1, { status: 'finished' }],
    [1, 1, 1, 0, { status: 'stale', reason: 'nats_away' }],
    [1, 1, 1, 1, { status: 'finished' }],
  ];

  it.each(TRUTH)('following %i, silent %i, away %i, finished %i: %o', (following, silent, away, finished, verdict) => {
    const signs = { isFollowing: !!following, isSilent: !!silent, isStreamAway: !!away, isFinished: !!finished };
    expect(judge({ ...signs, hasState: true })).toEqual(verdict);
    expect(judge({ ...signs, hasState: false })).toEqual({ status: 'waiting' });
  });
});

describe('silence', () => {
  const FOLLOWED = new FakeEdge(new World(1)).state;
  const silenceOf = (tickMs: number) =>
    new Standstill([], { limits: DEFAULT_LIMITS, tickMs, isStreamAway: () => false });
  const since = (tickAtMs: number, sweeps: readonly number[]) => {
    const standstill = silenceOf(500);
    standstill.end(10_000, tickAtMs);
    for (const atMs of sweeps) standstill.sweep(atMs, FOLLOWED);
    return standstill.judge(FOLLOWED).status === 'stale';
  };

  it.each([
    ['a second after another, just before three', 10_000, [10_999, 11_999, 12_999], false],
    ['a second after another, after three', 10_000, [10_999, 11_999, 13_000], true],
    ['once, by a process that stood still meanwhile', 10_000, [10_400, 14_000], false],
    ['by a process that stood still, when it has had a second for what waited', 10_000, [10_400, 14_000, 15_000], true],
    ['every two seconds, by a process that is always slow', 10_000, [10_300, 12_300, 14_300], true],
    ['at the start, of a tick that came to the stream long ago', 2000, [10_500], false],
    ['a second after the start, of a tick that came to the stream long ago', 2000, [10_500, 11_500], true],
    ['at the start, of a tick from the future', 99_000, [10_500, 11_500], false],
  ])('is seen %s', (_, tickAtMs, sweeps, isSilent) => {
    expect(since(tickAtMs, sweeps)).toBe(isSilent);
  });

  it('is none where no tick will come any more: that race is finished from the first moment, and never stale', () => {
    const over = new Standstill([], { limits: DEFAULT_LIMITS, tickMs: 500, isStreamAway: () => false, isOver: true });
    over.end(10_000, 1000);
    for (const atMs of [10_000, 11_000, 60_000]) {
      over.sweep(atMs, FOLLOWED);
      expect([over.judge(FOLLOWED), over.stale, over.isStalled(atMs, FOLLOWED)]).toEqual([
        { status: 'finished' },
        undefined,
        false,
      ]);
    }
  });

  it('of ticks that are seldom is longer', () => {
    const standstill = silenceOf(2000);
    standstill.end(0, 0);
    for (let atMs = 1000; atMs < 8000; atMs += 1000) standstill.sweep(atMs, FOLLOWED);
    expect(standstill.judge(FOLLOWED).status).toBe('live');
    standstill.sweep(8000, FOLLOWED);
    expect(standstill.judge(FOLLOWED).status).toBe('stale');
  });
});

describe('a race that stands still', () => {
  const staleOf = (said: readonly EdgeMessage[]) => said.filter(({ type }) => type === 'stale');
  const WATCH = [{ car: '0', view: 'full' }];

  /** Time passes without a tick. */
  const wait = (world: World, edge: FakeEdge, ms: number) => {
    for (const endMs = world.nowMs + ms; world.nowMs < endMs; ) {
      world.nowMs += 500;
      edge.fans.sweep(world.nowMs);
    }
  };

  it('is told once to each fan, with its newest tick and since when; the next tick ends it', () => {
    const world = new World(1);
    const edge = new FakeEdge(world);
    const fans = [new FakeFan(world, WATCH, 'latest'), new FakeFan(world, [], 'all', 0.2)];
    for (const fan of fans) fan.connect(edge);
    world.publish(3);
    world.nowMs = 700;
    edge.catchUp();
    wait(world, edge, 2500);
    for (const { reader } of fans) expect(staleOf(reader.said)).toEqual([]);
    wait(world, edge, 30_000);
    for (const { reader } of fans)
      expect(staleOf(reader.said)).toEqual([{ type: 'stale', tick: 3, sinceMs: 700, reason: 'no_ticks' }]);
    world.publish(1);
    edge.catchUp();
    expect(edge.fans.verdict).toEqual({ status: 'live' });
    wait(world, edge, 5000);
    for (const { reader } of fans) expect(staleOf(reader.said)).toHaveLength(2);
  });

  it('is told to whoever comes meanwhile, between the welcome and the receipt of the old snapshot', () => {
    const world = new World(2);
    const edge = new FakeEdge(world);
    edge.isCutOff = true;
    wait(world, edge, 4000);
    const late = new FakeFan(world, WATCH, 'latest');
    late.connect(edge);
    expect(late.reader.said.map(({ type }) => type)).toEqual(['welcome', 'stale', 'repair']);
    expect(late.reader.said[1]).toMatchObject({ tick: 0, reason: 'nats_away' });
    wait(world, edge, 4000);
    expect(staleOf(late.reader.said)).toHaveLength(1);
    world.publish(1);
    edge.catchUp();
    const next = new FakeFan(world, WATCH, 'latest');
    next.connect(edge);
    expect(staleOf(next.reader.said)).toEqual([]);
  });

  it('is told to a fan that reads nothing as well: it has it with all that waits for it', () => {
    const world = new World(3);
    const edge = new FakeEdge(world, { maxPendingBytes: 10 });
    const fan = new FakeFan(world, WATCH, 'latest');
    fan.connect(edge);
    fan.sink.isFrozen = true;
    world.publish(5);
    edge.catchUp();
    wait(world, edge, 5000);
    expect(staleOf(fan.reader.said)).toEqual([]);
    fan.thaw();
    expect(staleOf(fan.reader.said)).toMatchObject([{ tick: 5 }]);
    expect(fan.reader.state!.tick).toBe(5);
  });

  it('after the checkered flag is over, and nobody is told of an outage', () => {
    const world = new World(4);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, WATCH, 'latest');
    fan.connect(edge);
    world.writer.document = { ...world.writer.document, flag: 'checkered' };
    world.log.push(world.writer.keyframe().bytes);
    edge.catchUp();
    expect(edge.fans.verdict).toEqual({ status: 'live' });
    edge.isCutOff = true;
    wait(world, edge, 5000);
    expect(edge.fans.verdict).toEqual({ status: 'finished' });
    expect(staleOf(fan.reader.said)).toEqual([]);
  });

  it('in a state that does not fit is stale too, until the next keyframe', () => {
    const world = new World(5);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, WATCH, 'latest');
    fan.connect(edge);
    world.publish(1);
    edge.catchUp(Number.POSITIVE_INFINITY, true);
    expect(edge.fans.verdict).toEqual({ status: 'lost' });
    wait(world, edge, 4000);
    expect(staleOf(fan.reader.said)).toMatchObject([{ tick: 0, reason: 'unreadable' }]);
    world.log.push(world.writer.keyframe().bytes);
    edge.catchUp();
    expect(edge.fans.verdict).toEqual({ status: 'live' });
  });
});
