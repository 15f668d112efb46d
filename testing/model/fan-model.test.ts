import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeEdge, World } from '../../fanout/testing/fake-world.ts';
import { createRandom } from '../../ingest/simulator/random.ts';
import { type History, RATES, type Rate, type Wish } from '../../protocol/control.ts';
import { TRANSPORTS, type Transport } from '../../web/client/transports.ts';
import { servePolls } from './memory-poll.ts';
import { type Excuses, ModelFan } from './model-fan.ts';

/** Sequences of events that CI runs. */
const RUNS = 1000;
const FANS = 2;
const EDGES = 2;
const LIMITS = { maxPendingBytes: 2000 };
const SWEEP_MS = 1000;

/** Of the catalogue. */
const CHANNELS = 12;

const WISHES: readonly Wish[] = [
  { watch: [] },
  { watch: [{ car: '0', view: 'full' }] },
  {
    watch: [
      { car: '1', view: 'essentials' },
      { car: '0', view: 'full' },
    ],
  },
  {
    watch: [
      { car: '2', view: 'full' },
      { car: '4', view: 'driver' },
      { car: 'none', view: 'full' },
    ],
  },
  {
    watch: [
      { car: '0', view: 'own' },
      { car: '3', view: 'own' },
    ],
    channels: ['c2', 'c7'],
  },
  { watch: [{ car: '0', view: 'own' }], channels: ['c0'] },
  {
    watch: [
      { car: '0', view: 'own' },
      { car: '1', view: 'full' },
    ],
    channels: ['c3', 'c11'],
  },
  { watch: [{ car: '2', view: 'own' }], channels: ['c10', 'c11'] },
];

/** The oracle: the stream, and whatever excuses a snapshot. The model that commands are checked against. */
type Model = Excuses;

/** The system: edges and fans in one process, under a clock that stands still unless it is moved. */
class Real {
  readonly world: World;
  readonly edges: FakeEdge[];
  readonly fans: ModelFan[];
  readonly random: () => number;

  constructor(seed: number, model: Model, start: readonly { wish: Wish; history: History; rate: Rate }[]) {
    this.world = new World(seed, CHANNELS);
    this.edges = Array.from({ length: EDGES }, () => new FakeEdge(this.world, LIMITS));
    this.random = createRandom(seed).next;
    const { random } = this;
    this.fans = start.map((options) => new ModelFan(this.world, this.edges, model, { ...options, random }));
  }

  /** Another process takes the place of an edge; whoever is still connected to it is cut. */
  restart(at: number): void {
    const before = this.edges[at]!;
    this.edges[at] = new FakeEdge(this.world, LIMITS);
    for (const { net } of this.fans) {
      net.edges[at] = this.edges[at];
      net.cut(before);
    }
  }

  /** Time passes; edges do what they do by the clock. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= SWEEP_MS) {
      await vi.advanceTimersByTimeAsync(Math.min(left, SWEEP_MS));
      this.world.nowMs = performance.now();
      let hasAnswered = false;
      for (const edge of this.edges) {
        edge.fans.sweep(this.world.nowMs);
        edge.settle();
        hasAnswered = servePolls(edge, this.world.nowMs) || hasAnswered;
      }
      // What was answered is read.
      if (hasAnswered) await vi.advanceTimersByTimeAsync(2);
    }
  }

  check(): void {
    for (const fan of this.fans) {
      fan.compare();
      expect(fan.problems).toEqual([]);
    }
  }
}

type Command = fc.AsyncCommand<Model, Real>;

/** One thing that can happen. */
const command = (name: string, run: (real: Real, model: Model) => unknown): Command => ({
  check: () => true,
  async run(model, real) {
    await run(real, model);
    await real.pass(10);
    real.check();
  },
  toString: () => name,
});

const edge = fc.nat(EDGES - 1);
const fan = fc.nat(FANS - 1);

const COMMANDS = [
  fc.nat(45).map((n) =>
    command(`publish ${n}`, (real) => {
      real.world.publish(n);
      for (const one of real.edges) one.catchUp();
    }),
  ),
  fc.tuple(edge, fc.nat(40)).map(([at, n]) =>
    command(`publish ${n}, only edge ${at} reads`, (real, model) => {
      model.hasLagged = true;
      real.world.publish(n);
      real.edges[at]!.catchUp();
    }),
  ),
  fc.tuple(fan).map(([who]) => command(`cut fan ${who}`, (real) => real.fans[who]!.net.cut())),
  fc.tuple(fan, fc.integer({ min: 1, max: 60 })).map(([who, s]) =>
    command(`nothing gets through to fan ${who} for ${s} s`, async (real) => {
      const { net } = real.fans[who]!;
      net.isDark = true;
      await real.pass(s * 1000);
      net.isDark = false;
      net.thaw();
    }),
  ),
  fan.map((who) => command(`fan ${who} freezes`, (real) => real.fans[who]!.net.freeze())),
  fan.map((who) => command(`fan ${who} thaws`, (real) => real.fans[who]!.net.thaw())),
  fc.tuple(fan, fc.nat(5)).map(([who, n]) => command(`fan ${who} reads ${n}`, (real) => real.fans[who]!.net.thaw(n))),
  edge.map((at) => command(`edge ${at} dies and starts again`, (real) => real.restart(at))),
  fc.tuple(edge, fc.integer({ min: 1, max: 20 }), fc.nat(12)).map(([at, s, n]) =>
    command(`edge ${at} drains for ${s} s, while ${n} ticks are published, and starts again`, async (real) => {
      real.edges[at]!.leave(s * 500, real.random);
      real.world.publish(n);
      for (const one of real.edges) one.catchUp();
      await real.pass(s * 1000);
      real.restart(at);
    }),
  ),
  edge.map((at) =>
    command(`edge ${at} closes all and starts again`, async (real) => {
      const { fans } = real.edges[at]!;
      real.edges[at]!.leave(1000, real.random);
      fans.dismiss(Number.POSITIVE_INFINITY);
      // What was said last is read.
      await real.pass(10);
      real.restart(at);
    }),
  ),
  edge.map((at) =>
    command(`a message to edge ${at} is altered`, (real, model) => {
      model.hasSpoilt = true;
      real.world.publish(1);
      real.edges[at]!.catchUp(1, true);
      for (const one of real.edges) one.catchUp();
    }),
  ),
  fc.constant(
    command('the document is replaced', (real, model) => {
      model.hasSpoilt = true;
      real.world.replaceDocument();
      for (const one of real.edges) one.catchUp();
    }),
  ),
  fc.constant(
    command('a new epoch', (real, model) => {
      model.hasNewLife = true;
      real.world.writer.startAnew(`${real.world.log.length}`.padStart(16, '0'));
      real.world.begin();
      for (const one of real.edges) one.catchUp();
    }),
  ),
  fc.tuple(fan, fc.constantFrom(...WISHES)).map(([who, { watch, channels }]) =>
    command(`fan ${who} watches ${watch.map(({ car, view }) => `${car}:${view}`)}`, (real) => {
      real.fans[who]!.race.watch(watch, channels);
    }),
  ),
  fc
    .tuple(fan, fc.constantFrom(...RATES))
    .map(([who, rate]) => command(`fan ${who} at rate ${rate}`, (real) => real.fans[who]!.setRate(rate))),
  fan.map((who) => command(`the page of fan ${who} wakes`, (real) => real.fans[who]!.race.probe())),
  fc.tuple(fan, fc.constantFrom('pass', 'pass', 'refused', 'mute'), fc.boolean()).map(([who, what, isCut]) =>
    command(`WebSockets of fan ${who}: ${what}${isCut ? ', also those that stand' : ''}`, (real) => {
      const { net } = real.fans[who]!;
      net.webSockets = what as typeof net.webSockets;
      if (isCut) net.cut();
    }),
  ),
  fc.tuple(fan, fc.boolean()).map(([who, noStreams]) =>
    command(`${noStreams ? 'no' : 'every'} stream of fan ${who} gets through`, (real) => {
      const { net } = real.fans[who]!;
      net.noStreams = noStreams;
      if (noStreams) net.cut();
    }),
  ),
  fan.map((who) => command(`the network of fan ${who} changes`, (real) => real.fans[who]!.changeNetwork())),
  fc.integer({ min: 1, max: 40 }).map((s) => command(`${s} s pass`, (real) => real.pass(s * 1000))),
];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
});

afterEach(() => vi.useRealTimers());

it(`fans hold the truth after every step of ${RUNS} sequences of drops, restarts, slow reads, new lives and other transports`, {
  timeout: 600_000,
}, async () => {
  const start = fc.record({
    wish: fc.constantFrom(...WISHES),
    history: fc.constantFrom<History>('all', 'latest'),
    rate: fc.constantFrom<Rate>(2, 2, 2, 0.5),
  });
  const seed = Number(process.env.SLIPSTREAM_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`The seed of the model test is ${seed}; set SLIPSTREAM_TEST_SEED to run it again.`);
  const ticks = Object.fromEntries(TRANSPORTS.map((transport) => [transport, 0])) as Record<Transport, number>;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.tuple(start, start),
      fc.commands(COMMANDS, { maxCommands: 25, size: 'max' }),
      async (world, fans, commands) => {
        let real: Real | undefined;
        const setup = () => {
          const model: Model = { hasNewLife: false, hasSpoilt: false, hasLagged: false };
          real = new Real(world, model, fans);
          return { model, real };
        };
        try {
          await fc.asyncModelRun(setup, commands);
          const { world: stream, edges, fans: all } = real!;
          for (const one of all) one.net.thaw();
          stream.publish(21);
          for (const one of edges) one.catchUp();
          await real!.pass(70_000);
          stream.publish(1);
          for (const one of edges) one.catchUp();
          await real!.pass(6000);
          for (const one of all) {
            one.expectWhole();
            for (const transport of TRANSPORTS) ticks[transport] += one.ticks[transport];
          }
        } finally {
          for (const one of real?.fans ?? []) one.race.close();
          vi.clearAllTimers();
        }
      },
    ),
    { numRuns: RUNS, seed },
  );
  console.info(`Ticks by transport: ${JSON.stringify(ticks)}.`);
  // It would prove little if hardly any came over one of them.
  for (const transport of TRANSPORTS) expect(ticks[transport]).toBeGreaterThan(RUNS);
});
