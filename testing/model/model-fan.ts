import { expect } from 'vitest';
import type { FakeEdge, World } from '../../fanout/testing/fake-world.ts';
import { expectedCars } from '../../fanout/testing/test-fan.ts';
import type { History, Rate, Receipt, Wish } from '../../protocol/control.ts';
import { connect, type Race, type TickEvent } from '../../web/client/mod.ts';
import type { PageEvent } from '../../web/client/page.ts';
import type { Transport } from '../../web/client/transports.ts';
import { MemoryNet } from './memory-socket.ts';
import { fetchOf } from './memory-stream.ts';

/** Why a fan may get a snapshot: what has happened to the world in this run. */
export interface Excuses {
  /** The stream began anew, or changed its catalogue. */
  hasNewLife: boolean;
  /** A message was altered on its way to an edge, or the document replaced. */
  hasSpoilt: boolean;
  /** An edge was behind another one for longer than a fan waits. */
  hasLagged: boolean;
}

/** The real SDK on edges in memory, held to the truth at every tick. */
export class ModelFan {
  readonly net: MemoryNet;
  readonly race: Race;
  readonly #world: World;
  readonly #excuses: Excuses;
  readonly #history: History;
  #isPaced: boolean;
  #tellPage: (event: PageEvent) => void = () => {};
  #lastTick = -1;
  #epoch = '';
  #receipt: Receipt | undefined;
  /** Ticks by the transport that they came over. */
  readonly ticks: Record<Transport, number> = { websocket: 0, sse: 0, poll: 0 };
  /** What went wrong, in words. */
  readonly problems: string[] = [];

  constructor(
    world: World,
    edges: FakeEdge[],
    excuses: Excuses,
    options: { wish: Wish; history: History; rate: Rate; random: () => number },
  ) {
    this.#world = world;
    this.#excuses = excuses;
    this.#history = options.history;
    this.#isPaced = options.rate < 2;
    this.net = new MemoryNet(edges);
    this.race = connect({
      url: edges.map((_, index) => `http://edge-${index}`),
      race: 'oval',
      ...options.wish,
      history: options.history,
      rate: options.rate,
      WebSocket: this.net.WebSocket,
      fetch: fetchOf(this.net, async (url) => {
        const text = world.catalogueOf(url.slice(url.lastIndexOf('/') + 1)).json;
        return { ok: true, status: 200, text: async () => text };
      }),
      page: {
        isHidden: false,
        listen: (hear) => {
          this.#tellPage = hear;
          return () => {};
        },
      },
      random: options.random,
    });
    this.race.on('receipt', (receipt) => {
      this.#receipt = receipt;
    });
    this.race.on('tick', (tick) => this.#check(tick));
    this.race.on('error', (error) => {
      if (!excuses.hasNewLife) this.problems.push(String(error));
    });
  }

  /** The network of its page is another one. */
  changeNetwork(): void {
    this.#tellPage('awake');
  }

  setRate(rate: Rate): void {
    this.#isPaced ||= rate < 2;
    this.race.setRate(rate);
  }

  #check(event: TickEvent): void {
    const { epoch } = this.race.position!;
    if (event.snapshot) this.#checkSnapshot(event, epoch);
    else if (event.tick - event.span !== this.#lastTick || epoch !== this.#epoch)
      this.problems.push(`tick ${event.tick} spans ${event.span}, but the fan was at ${this.#lastTick}`);
    else if (event.span > 1 && this.#history === 'all' && !this.#isPaced && !event.conflated)
      this.problems.push(`tick ${event.tick} joins ${event.span} ticks, which nobody asked for`);
    this.#lastTick = event.tick;
    this.#epoch = epoch;
    this.ticks[this.race.transport]++;
    this.compare();
  }

  /** Whoever had a tick gets a snapshot only for a reason, and is told which. */
  #checkSnapshot({ tick, conflated }: TickEvent, epoch: string): void {
    const reason = this.#receipt?.kind === 'snapshot' ? this.#receipt.reason : undefined;
    const { hasNewLife, hasSpoilt, hasLagged } = this.#excuses;
    const isExcused =
      (reason === 'first' && this.#lastTick < 0) ||
      (reason === 'other_epoch' && epoch !== this.#epoch) ||
      (reason === 'restart' && (hasSpoilt || hasNewLife)) ||
      (reason === 'ahead' && (hasLagged || hasSpoilt)) ||
      (reason === 'too_old' && (conflated || hasNewLife)) ||
      // Asked for by the client: a choice that did not come, or something that did not fit.
      reason === 'resync' ||
      // What was spoilt or replaced voids what the client holds, and so its position.
      (reason === 'garbled' && (hasSpoilt || hasNewLife || hasLagged));
    if (!isExcused) this.problems.push(`a snapshot at tick ${tick} after ${this.#lastTick}, reason ${reason}`);
  }

  /** What the fan holds is the truth of its tick. */
  compare(): void {
    const { race } = this;
    const { catalogue, position } = race;
    if (!catalogue || !position) return;
    const field = this.#world.truth.get(`${position.epoch}:${this.#lastTick}:${catalogue.hash}`);
    if (!field) {
      this.problems.push(`tick ${this.#lastTick} was never published`);
      return;
    }
    for (const { car, view } of race.cars()) {
      // A list that has just changed is not yet the one that the car is held in.
      if (view === 'own') continue;
      const truth = expectedCars(catalogue, field, { watch: [{ car, view }] }).get(car);
      if (!same([...race.state(car)!], truth)) this.problems.push(`tick ${this.#lastTick}: car ${car} is wrong`);
    }
  }

  /** After everything is mended the fan has all that it wants, and it is the newest there is. */
  expectWhole(): void {
    const { race } = this;
    const { writer } = this.#world;
    expect(this.problems).toEqual([]);
    expect(race.status.phase).toBe('live');
    expect(this.#lastTick).toBe(writer.tick);
    expect(race.position!.epoch).toBe(writer.epoch);
    const wish = { watch: race.choice, ...(race.channels && { channels: race.channels }) };
    const held = new Map(race.cars().map(({ car }) => [car, [...race.state(car)!]]));
    expect(held).toEqual(expectedCars(writer.catalogue, writer.field, wish));
    expect(race.document).toEqual(writer.document);
  }
}

const same = (a: number[], b: number[] | undefined) =>
  b !== undefined && a.length === b.length && a.every((value, index) => value === b[index]);
