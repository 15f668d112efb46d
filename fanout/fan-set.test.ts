import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type History, RATES, type Rate, type Watch, type Wish } from '../protocol/control.ts';
import { FRAME_FLAG } from '../protocol/frames.ts';
import { parsePosition } from '../protocol/position.ts';
import { ChoiceBook } from './choice.ts';
import type { Fan } from './fan.ts';
import { receiveMessage, receiveQuery } from './fan-messages.ts';
import type { FanSet } from './fan-set.ts';
import { FakeEdge, FakeFan, FakeSink, World } from './testing/fake-world.ts';
import { testCatalogue } from './testing/publisher.ts';
import { carsOf, expectedCars, FanReader } from './testing/test-fan.ts';

const CHOICES: readonly (readonly Watch[])[] = [
  [],
  [{ car: '0', view: 'full' }],
  [
    { car: '1', view: 'essentials' },
    { car: '0', view: 'full' },
  ],
  [
    { car: '0', view: 'driver' },
    { car: '2', view: 'full' },
    { car: '4', view: 'essentials' },
  ],
  [
    { car: '3', view: 'full' },
    { car: '1', view: 'driver' },
    { car: 'none', view: 'full' },
  ],
];

/** The same, and lists of channels. */
const WISHES: readonly Wish[] = [
  ...CHOICES.map((watch) => ({ watch })),
  { watch: [{ car: '0', view: 'own' }], channels: ['c2', 'c0'] },
  { watch: [{ car: '0', view: 'own' }], channels: ['c0', 'c2'] },
  {
    watch: [
      { car: '0', view: 'own' },
      { car: '1', view: 'own' },
      { car: '3', view: 'full' },
    ],
    channels: ['c7'],
  },
  { watch: [{ car: '2', view: 'full' }], channels: ['c7', 'c1', 'c4', 'c9'] },
];

const KINDS = [
  'publish',
  'advance',
  'lag',
  'join',
  'watch',
  'freeze',
  'thaw',
  'trickle',
  'move',
  'stutter',
  'rate',
  'sweep',
  'spoil',
  'anew',
  'catalogue',
  'document',
] as const;

describe('the fans of a race', () => {
  it('F1 hold the truth at every tick that they read, whatever happens to them, to the edge and to the stream', () => {
    const op = fc.record({
      kind: fc.constantFrom(...KINDS),
      n: fc.nat(40),
      who: fc.nat(3),
      edge: fc.nat(1),
      wish: fc.constantFrom(...WISHES),
      rate: fc.constantFrom(...RATES),
      history: fc.constantFrom<History>('all', 'latest'),
    });
    fc.assert(
      fc.property(fc.nat(), fc.array(op, { maxLength: 60, size: 'max' }), (seed, ops) => {
        const world = new World(seed);
        const limits = { maxPendingBytes: 300, stallTimeoutMs: Number.POSITIVE_INFINITY };
        const edges = [new FakeEdge(world, limits), new FakeEdge(world, limits)];
        const fans: (FakeFan | undefined)[] = [];
        for (const { kind, n, who, edge, wish, rate, history } of ops) {
          const fan = fans[who];
          const at = edges[edge]!;
          if (kind === 'publish') world.publish(n);
          if (kind === 'advance') at.catchUp(n);
          if (kind === 'lag') at.catchUp(n, false, true);
          if (kind === 'spoil') at.catchUp(1, true);
          if (kind === 'document') world.replaceDocument();
          if (kind === 'sweep') {
            world.nowMs += n * 100;
            for (const one of edges) one.fans.sweep(world.nowMs);
          }
          if (kind === 'catalogue' && n > 30) world.changeCatalogue();
          if (kind === 'anew' && n > 30) {
            world.writer.startAnew(`${world.log.length}`.padStart(16, '0'));
            world.begin();
          }
          if (kind === 'join' && !fan) {
            fans[who] = new FakeFan(world, wish, history, rate);
            fans[who].connect(at);
          }
          if (!fan) continue;
          if (kind === 'watch') fan.watch(wish);
          if (kind === 'rate') fan.setRate(rate);
          if (kind === 'freeze') fan.sink.isFrozen = true;
          if (kind === 'thaw') fan.thaw();
          if (kind === 'trickle') fan.thaw(1);
          if (kind === 'stutter') {
            fan.cut();
            fan.connect(at, true);
            fan.sink.read(n % 7);
          }
          if (kind === 'move') {
            fan.cut();
            fan.connect(at);
          }
        }
        world.publish(21);
        for (const edge of edges) edge.catchUp();
        for (const fan of fans) fan?.thaw();
        world.nowMs += 1000;
        for (const edge of edges) edge.fans.sweep(world.nowMs);
        for (const fan of fans) {
          if (!fan) continue;
          expect(fan.reader.state?.tick).toBe(world.writer.tick);
          expect(carsOf(fan.reader.state!)).toEqual(
            expectedCars(world.writer.catalogue, world.writer.field, fan.reader.wish),
          );
          expect(fan.reader.document).toEqual(world.writer.document);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('F15 come back whole when an edge that was behind has sent them its document, and not yet its snapshot', () => {
    const world = new World(0);
    const [ahead, behind] = [new FakeEdge(world), new FakeEdge(world)];
    const fan = new FakeFan(world, [], 'all');
    fan.connect(ahead);
    world.publish(2);
    ahead.catchUp();
    fan.cut();
    fan.connect(behind, true);
    fan.sink.read(3);
    fan.cut();
    fan.connect(ahead);
    world.publish(21);
    ahead.catchUp();
    expect(fan.reader.state?.tick).toBe(world.writer.tick);
    expect(fan.reader.document).toEqual(world.writer.document);
  });

  const WATCH = CHOICES[3]!;

  it('F2 get every tick exactly once, in order, when they read', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, WATCH, 'all');
    fan.connect(edge);
    world.publish(100);
    edge.catchUp();
    expect(fan.reader.ticks.map(({ tick }) => tick)).toEqual(Array.from({ length: 101 }, (_, n) => n));
    expect(fan.reader.ticks.slice(1).every(({ span, flags }) => span === 1 && flags === 0)).toBe(true);
  });

  it('F3 share one frame when they chose the same, in whatever order, and it is of many cars', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const all = ['0', '1', '2', '3', '4'].map((car): Watch => ({ car, view: 'full' }));
    for (const watch of [all, all.toReversed(), all, all]) new FakeFan(world, watch, 'all').connect(edge);
    const { maker } = edge.fans.delivery!;
    const before = maker.made;
    world.publish(10);
    edge.catchUp();
    expect(maker.made - before).toBe(10);
  });

  it('F4 that do not read get nothing, and then one frame over all of it, marked as conflated', () => {
    const world = new World(3);
    const edge = new FakeEdge(world, { maxPendingBytes: 200 });
    const fan = new FakeFan(world, WATCH, 'all');
    fan.connect(edge);
    fan.sink.isFrozen = true;
    world.publish(20);
    edge.catchUp();
    const held = fan.sink.bufferedBytes();
    expect(held).toBeLessThan(400);
    receiveMessage(edge.fans, fan.fan, new TextEncoder().encode('{"type":"ping","id":7}'), false, 0);
    fan.thaw();
    expect(fan.reader.said.at(-1)).toEqual({ type: 'pong', id: 7 });
    const last = fan.reader.ticks.at(-1)!;
    expect(last.flags).toBe(FRAME_FLAG.conflated);
    expect(last.tick).toBe(world.writer.tick);
    expect(fan.reader.ticks.filter(({ span }) => span > 1)).toEqual([last]);
    expect(fan.reader.document).toEqual(world.writer.document);
  });

  it('F5 that read too late for the ring get a snapshot, said openly', () => {
    const world = new World(3);
    const edge = new FakeEdge(world, { maxPendingBytes: 200 });
    const fan = new FakeFan(world, WATCH, 'all');
    fan.connect(edge);
    fan.sink.isFrozen = true;
    world.publish(60);
    edge.catchUp();
    fan.thaw();
    expect(fan.reader.receipts.at(-1)).toMatchObject({ kind: 'snapshot', reason: 'too_old' });
    expect(fan.reader.ticks.at(-1)!.flags).toBe(FRAME_FLAG.snapshot | FRAME_FLAG.repair | FRAME_FLAG.conflated);
  });

  it('F6 that take nothing for a minute are closed, and so are those whose control messages pile up', () => {
    const world = new World(3);
    const edge = new FakeEdge(world, { maxPendingBytes: 200, maxControlBytes: 500, maxMessagesPerSecond: 1e6 });
    const [slow, loud] = [new FakeFan(world, WATCH, 'all'), new FakeFan(world, WATCH, 'all')];
    for (const fan of [slow, loud]) {
      fan.connect(edge);
      fan.sink.isFrozen = true;
    }
    world.publish(20);
    edge.catchUp();
    for (let n = 0; n < 100; n++)
      receiveMessage(edge.fans, loud.fan, new TextEncoder().encode('{"type":"ping","id":7}'), false, 0);
    expect([slow.sink.closed, loud.sink.closed]).toEqual([undefined, 'timeout']);
    edge.fans.sweep(59_999);
    expect(slow.sink.closed).toBeUndefined();
    edge.fans.sweep(60_000);
    expect(slow.sink.closed).toBe('timeout');
  });

  it('F7 ahead of this edge wait for it and go on without going back', () => {
    const world = new World(3);
    const [fast, slow] = [new FakeEdge(world), new FakeEdge(world)];
    const fan = new FakeFan(world, WATCH, 'all');
    fan.connect(fast);
    world.publish(5);
    fast.catchUp();
    fan.cut();
    const since = parsePosition(fan.reader.position)!;
    fan.sink = new FakeSink(fan.reader);
    fan.fan = slow.fans.add(fan.sink, 0);
    slow.fans.greet(fan.fan, { version: 1, watch: WATCH, history: 'all', doc: true, rate: 2, since }, 0);
    expect(fan.fan.stage).toBe('parked');
    slow.catchUp();
    world.publish(2);
    slow.catchUp();
    expect(fan.fan.stage).toBe('live');
    expect(fan.reader.ticks.map(({ tick }) => tick)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('F7a who wait for it while the catalogue changes are sent back to ask anew: the old one has read what they want', () => {
    const world = new World(3, 12);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, WATCH, 'all');
    fan.sink = new FakeSink(fan.reader);
    fan.fan = edge.fans.add(fan.sink, 0);
    const since = { epoch: world.writer.epoch, seq: 1e9 };
    const next = { watch: [{ car: '0', view: 'own' }], channels: ['c11'] };
    edge.fans.greet(fan.fan, { version: 1, watch: WATCH, history: 'all', doc: true, rate: 2, since, next }, 0);
    expect(fan.fan.stage).toBe('parked');
    world.changeCatalogue();
    edge.catchUp();
    expect(fan.sink.closed).toBe('not_ready');
    expect(edge.fans.stages).toEqual({ new: 0, parked: 0, live: 0 });
    expect(edge.errors).toEqual([]);
  });

  it('F8 in a position that never was get a snapshot after a moment', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, WATCH, 'all');
    fan.sink = new FakeSink(fan.reader);
    fan.fan = edge.fans.add(fan.sink, 0);
    const since = { epoch: world.writer.epoch, seq: 1e9 };
    edge.fans.greet(fan.fan, { version: 1, watch: WATCH, history: 'all', doc: true, rate: 2, since }, 0);
    world.nowMs = 2_900;
    world.publish(1);
    edge.catchUp();
    edge.fans.sweep(2_999);
    expect(fan.reader.said).toEqual([]);
    edge.fans.sweep(3_000);
    expect(fan.reader.receipts).toMatchObject([
      { kind: 'snapshot', reason: 'ahead', from: `${world.writer.epoch}:1000000000` },
    ]);
  });

  it('F8a who are ahead of an edge to which no tick comes are sent elsewhere, and not back in time', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const come = (nowMs: number) => {
      const fan = new FakeFan(world, WATCH, 'all');
      fan.sink = new FakeSink(fan.reader);
      fan.fan = edge.fans.add(fan.sink, nowMs);
      const since = { epoch: world.writer.epoch, seq: 1e9 };
      edge.fans.greet(fan.fan, { version: 1, watch: WATCH, history: 'all', doc: true, rate: 2, since }, nowMs);
      edge.fans.sweep(nowMs + 3_000);
      return fan;
    };
    const early = come(0);
    expect([early.sink.closed, early.reader.said]).toEqual(['not_ready', []]);
    // After the end of the race no tick will ever come, here or elsewhere.
    world.finish();
    edge.catchUp();
    expect(come(60_000).reader.receipts).toMatchObject([{ kind: 'snapshot', reason: 'ahead' }]);
  });

  it('F9 hear something while the stream stands still, and those who say nothing are let go', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, WATCH, 'all');
    fan.connect(edge);
    const silent = new FakeSink(new FanReader(() => world.writer.catalogue, { watch: [] }));
    edge.fans.add(silent, 0);
    for (let s = 0; s <= 25; s++) edge.fans.sweep(s * 1000);
    expect(fan.reader.said.slice(2)).toEqual([
      { type: 'stale', tick: 0, sinceMs: 0, reason: 'no_ticks' },
      { type: 'pong', id: 0 },
      { type: 'pong', id: 0 },
    ]);
    expect(silent.closed).toBe('timeout');
  });

  it('F16 get the document with the ticks, in one write, and on its own only while no tick comes', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, WATCH, 'all');
    fan.connect(edge);
    world.publish(40);
    edge.catchUp();
    expect(fan.sink.writes).toBeGreaterThan(0);
    world.replaceDocument();
    edge.catchUp();
    expect(fan.reader.document).not.toEqual(world.writer.document);
    edge.fans.sweep(999);
    expect(fan.reader.document).not.toEqual(world.writer.document);
    edge.fans.sweep(1000);
    expect(fan.reader.document).toEqual(world.writer.document);
    world.publish(1);
    edge.catchUp();
    expect(fan.reader.ticks.at(-1)).toMatchObject({ span: 1, flags: 0 });
  });

  it('F17 miss no tick of an edge that is too busy: all of them get one frame over the same ticks, said openly', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fans = [WATCH, WATCH.toReversed(), WATCH.slice(1)].map((watch) => new FakeFan(world, watch, 'all'));
    for (const fan of fans) fan.connect(edge);
    world.publish(3);
    edge.catchUp(Number.POSITIVE_INFINITY, false, true);
    for (const { reader } of fans)
      expect(reader.ticks.slice(1)).toMatchObject([{ tick: 3, span: 3, flags: FRAME_FLAG.conflated }]);
  });

  it('F13 forget a car that left in the moment in which it was chosen in another view', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, [{ car: '0', view: 'full' }], 'all');
    fan.connect(edge);
    fan.watch({ watch: [{ car: '0', view: 'driver' }] });
    world.publishWithout('0');
    edge.catchUp();
    expect(fan.reader.state).toMatchObject({ tick: 1, cars: new Map() });
  });

  it.each(['all', 'latest'] as const)('F14 come back over a document that was replaced: history %s', (history) => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, WATCH, history);
    fan.connect(edge);
    fan.cut();
    world.publish(4);
    world.replaceDocument();
    world.publish(4);
    edge.catchUp();
    fan.connect(edge);
    expect(fan.reader.receipts.at(-1)).toMatchObject({ kind: history === 'all' ? 'deltas' : 'composite', ticks: 8 });
    expect(fan.reader.document).toEqual(world.writer.document);
    world.publish(3);
    edge.catchUp();
    expect(fan.reader.document).toEqual(world.writer.document);
  });

  const talk = (fans: FanSet, fan: Fan, text: string, nowMs = 0) =>
    receiveMessage(fans, fan, new TextEncoder().encode(text), false, nowMs);

  const OWN: Wish = { watch: [{ car: '0', view: 'own' }], channels: ['c7', 'c1'] };

  it.each<[Rate, number]>([
    [1, 2],
    [0.5, 4],
    [0.2, 10],
  ])('F17 at rate %d get one frame for every %d ticks, and nothing less in it', (rate, stride) => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, OWN, 'all', rate);
    fan.connect(edge);
    for (let n = 0; n < 100; n++) {
      world.publish(1);
      edge.catchUp();
    }
    const [first, second, ...later] = fan.reader.ticks;
    expect([first!.tick, second!.tick <= stride]).toEqual([0, true]);
    expect(new Set(later.map(({ span, flags }) => `${span} ${flags}`))).toEqual(new Set([`${stride} 0`]));
    expect(later.length).toBeGreaterThanOrEqual(Math.floor(100 / stride) - 2);
    expect(edge.fans.tally).toMatchObject({ conflated: 0, paced: later.length + (second!.span > 1 ? 1 : 0) });
    world.nowMs += 1000;
    edge.fans.sweep(world.nowMs);
    expect(fan.reader.ticks.at(-1)).toMatchObject({ tick: 100, flags: 0 });
    expect(fan.reader.document).toEqual(world.writer.document);
  });

  it('F18 of one rate are spread over the ticks, so that each tick costs the same', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fans = Array.from({ length: 30 }, () => new FakeFan(world, OWN, 'latest', 0.2));
    for (const fan of fans) fan.connect(edge);
    world.publish(40);
    edge.catchUp();
    // A fan whose turn it is not costs nothing.
    expect(fans.map(({ sink }) => sink.looks)).toEqual(Array(30).fill(4));
    for (let tick = 11; tick <= 40; tick++) {
      expect(fans.filter(({ reader }) => reader.ticks.some((seen) => seen.tick === tick))).toHaveLength(3);
    }
  });

  it('F19 are whole at once when they raise their rate, and get every tick from there', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, OWN, 'all', 0.2);
    fan.connect(edge);
    world.publish(26);
    edge.catchUp();
    expect(fan.reader.state!.tick).toBeLessThan(26);
    talk(edge.fans, fan.fan, '{"type":"rate","id":7,"rate":2}');
    expect(fan.reader.said.at(-1)).toEqual({ type: 'rate', id: 7, rate: 2 });
    expect(fan.reader.state!.tick).toBe(26);
    world.publish(3);
    edge.catchUp();
    expect(fan.reader.ticks.slice(-4).map(({ tick, flags }) => [tick, flags])).toEqual([
      ...[26, 27, 28, 29].map((tick) => [tick, 0]),
    ]);
    talk(edge.fans, fan.fan, '{"type":"rate","id":8,"rate":0.5}');
    const before = fan.reader.ticks.length;
    world.publish(8);
    edge.catchUp();
    expect(fan.reader.ticks.length - before).toBe(2);
  });

  it('F20 that read too slowly for their rate are told so', () => {
    const world = new World(3);
    const edge = new FakeEdge(world, { maxPendingBytes: 100 });
    const fan = new FakeFan(world, WATCH, 'all', 1);
    fan.connect(edge);
    fan.sink.isFrozen = true;
    world.publish(20);
    edge.catchUp();
    fan.setRate(0.2);
    fan.thaw();
    const last = fan.reader.ticks.at(-1)!;
    expect([last.tick, last.flags]).toEqual([20, FRAME_FLAG.conflated]);
    expect(fan.reader.ticks.filter(({ flags }) => flags === FRAME_FLAG.conflated)).toEqual([last]);
    expect(edge.fans.tally.conflated).toBe(1);
  });

  it('F21 that choose anew get it with the next tick at any rate', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fan = new FakeFan(world, { ...OWN, watch: [] }, 'all', 0.2);
    fan.connect(edge);
    world.publish(20);
    edge.catchUp();
    fan.watch({ watch: [{ car: '0', view: 'own' }] });
    fan.setRate(0.2);
    expect(fan.reader.said.at(-2)).toMatchObject({ type: 'watching', channels: ['c1', 'c7'] });
    world.publish(1);
    edge.catchUp();
    expect([...fan.reader.state!.cars.values()]).toMatchObject([{ car: '0', view: { name: 'own' } }]);
    fan.watch({ watch: [{ car: '0', view: 'own' }], channels: ['c2'] });
    world.publish(1);
    edge.catchUp();
    expect([...fan.reader.state!.cars.values()].map(({ view }) => [...view.channels])).toEqual([[2]]);
  });

  it('F22 with equal lists share slices and frames; others are not mixed up, and nothing is kept of them', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    world.publish(10);
    edge.catchUp();
    const lists = [['c1', 'c7'], ['c7', 'c1'], ['c1', 'c7'], ['c2'], ['c2'], ['c3', 'c0']];
    const fans = lists.map((channels) => new FakeFan(world, { ...OWN, channels }, 'all'));
    for (const fan of fans) fan.connect(edge);
    const { book, maker, state } = edge.fans.delivery!;
    expect([book.size, book.lists]).toEqual([3, 3]);
    const [made, encoded] = [maker.made, maker.encoder.encoded];
    world.publish(1);
    edge.catchUp();
    expect(maker.made - made).toBe(3);
    expect(maker.encoder.encoded - encoded).toBeLessThanOrEqual(3);
    world.publish(10);
    edge.catchUp();
    expect([...state.ring.after(0)].every(({ slices }) => slices.length === 0)).toBe(true);
    for (const fan of fans) fan.watch({ watch: [], channels: ['c9'] });
    expect([book.size, book.lists]).toEqual([1, 1]);
    for (const fan of fans) fan.cut();
    expect([book.size, book.lists]).toEqual([0, 0]);
  });

  it('F23 lose the channels that a new catalogue does not have, and the cars in `own` with the last of them', () => {
    const book = new ChoiceBook(testCatalogue());
    const watch = [
      { car: '0', view: 'own' },
      { car: '1', view: 'driver' },
      { car: '2', view: 'gone' },
    ];
    expect(book.narrow({ watch, channels: ['c1', 'boost'] })).toEqual({
      ...{ kept: { watch: watch.slice(0, 2), channels: ['c1'] }, lost: 2 },
    });
    expect(book.narrow({ watch, channels: ['boost'] })).toEqual({ kept: { watch: [watch[1]] }, lost: 3 });
  });

  it.each([
    ['no JSON', '{', 'bad_message'],
    ['null', 'null', 'bad_message'],
    ['a type that does not exist', '{"type":"sing"}', 'bad_message'],
    ['a second hello', '{"type":"hello","version":1}', 'bad_message'],
    ['a view that does not exist', '{"type":"watch","watch":[{"car":"1","view":"x"}]}', 'bad_watch'],
    ['own without a list', '{"type":"watch","watch":[{"car":"1","view":"own"}]}', 'bad_watch'],
    ['a channel that does not exist', '{"type":"watch","watch":[],"channels":["boost"]}', 'bad_watch'],
    ['a rate that does not exist', '{"type":"rate","rate":60}', 'bad_rate'],
    ['a car twice', '{"type":"watch","watch":[{"car":"1"},{"car":"1"}]}', 'bad_watch'],
    [
      'too many cars',
      JSON.stringify({ type: 'watch', watch: Array.from({ length: 9 }, (_, n) => ({ car: `${n}` })) }),
      'too_many_cars',
    ],
  ])('F10 who say %s are told so and go on', (_, text, code) => {
    const world = new World(3);
    const edge = new FakeEdge(world, { maxCars: 8 });
    const fan = new FakeFan(world, WATCH, 'all');
    fan.connect(edge);
    talk(edge.fans, fan.fan, text);
    expect(fan.reader.said.at(-1)).toMatchObject({ type: 'error', code });
    world.publish(3);
    edge.catchUp();
    expect(fan.reader.state?.tick).toBe(3);
  });

  it('F11 who break the rules are closed with a code that says whether to come back', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const close = (act: (fan: Fan) => void) => {
      const fan = new FakeFan(world, WATCH, 'all');
      fan.connect(edge);
      act(fan.fan);
      return fan.sink.closed;
    };
    expect(close((fan) => receiveMessage(edge.fans, fan, new Uint8Array(3), true, 0))).toBe('bad_message');
    expect(close((fan) => talk(edge.fans, fan, ' '.repeat(16_385)))).toBe('too_large');
    expect(close((fan) => Array.from({ length: 21 }, () => talk(edge.fans, fan, '{"type":"ping"}')))).toBe('too_many');
    expect(
      close((fan) => Array.from({ length: 40 }, (_, n) => talk(edge.fans, fan, '{"type":"ping"}', n * 60))),
    ).toBeUndefined();
    const add = () => {
      const sink = new FakeSink(new FanReader(() => world.writer.catalogue, { watch: [] }));
      return { sink, fan: edge.fans.add(sink, 0) };
    };
    const old = add();
    receiveQuery(edge.fans, old.fan, 'watch=1&version=2', 0);
    expect(old.sink.closed).toBe('bad_version');
    const wrong = add();
    receiveQuery(edge.fans, wrong.fan, 'watch=1:x', 0);
    expect(wrong.sink.closed).toBe('bad_message');
    const early = add();
    talk(edge.fans, early.fan, '{"type":"resync"}');
    expect(early.sink.closed).toBeUndefined();
    expect(edge.fans.size).toBe(2);
  });

  it('F12 come back at a window that grows with their number', () => {
    const world = new World(3);
    const edge = new FakeEdge(world, { minWindowMs: 1000, windowMsPerFan: 400 });
    const windows = Array.from({ length: 4 }, () => {
      const fan = new FakeFan(world, [], 'latest');
      fan.connect(edge);
      return fan.reader.welcome!.reconnectWindowMs;
    });
    expect(windows).toEqual([1000, 1000, 1200, 1600]);
  });

  it('F18 are told by an edge that leaves when to go, each once, and get every tick until they are gone', () => {
    const world = new World(3);
    const edge = new FakeEdge(world);
    const fans = Array.from({ length: 5 }, () => new FakeFan(world, [{ car: '1', view: 'full' }], 'all'));
    for (const fan of fans.slice(0, 4)) fan.connect(edge);
    let nth = 0;
    edge.fans.leave({ beganAtMs: 0, leadMs: 1000, windowMs: 4000 }, () => nth++ / 4);
    expect(edge.fans.sayBye(0, 3)).toBe(true);
    edge.fans.leave({ beganAtMs: 0, leadMs: 0, windowMs: 0 }, () => 0);
    expect(edge.fans.sayBye(0, 3)).toBe(false);
    world.nowMs = 3000;
    fans[4]!.connect(edge);
    const byes = fans.map(({ reader }) => reader.said.filter(({ type }) => type === 'bye'));
    expect(byes.map((said) => said.length)).toEqual([1, 1, 1, 1, 1]);
    const slots = byes.map(([bye]) => (bye as { reconnectInMs: number }).reconnectInMs);
    expect(slots.slice(0, 4).sort((a, b) => a - b)).toEqual([1000, 2000, 3000, 4000]);
    const { tick } = world.writer;
    world.publish(3);
    edge.catchUp();
    for (const { reader } of fans)
      expect(reader.ticks.slice(-3).map((seen) => seen.tick)).toEqual([1, 2, 3].map((n) => tick + n));
    expect(edge.fans.dismiss(4)).toBe(true);
    expect(edge.fans.size).toBe(1);
    expect(edge.fans.dismiss(4)).toBe(false);
    expect(edge.fans.tally.closed).toEqual({ going_away: 5 });
  });
});
