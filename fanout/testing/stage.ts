import { expect } from 'vitest';
import type { Catalogue } from '../../protocol/catalogue.ts';
import type { Field } from '../../protocol/field.ts';
import { startNatsServer, type TestNatsServer } from '../../testing/nats-server.ts';
import { type Edge, type EdgeOptions, startEdge } from '../edge.ts';
import { EventFan } from './event-fan.ts';
import { type RaceWriter, TestPublisher } from './publisher.ts';
import { RawFan } from './raw-fan.ts';
import { StrictReader } from './strict-reader.ts';
import { carsOf, expectedCars, FanReader, TestFan, wishOf } from './test-fan.ts';
import { until } from './until.ts';

const RACE = 'oval';

/** A nats-server, a publisher and as many edges and fans as a test asks for; takes all of it down again. */
export class Stage {
  readonly nats: TestNatsServer;
  readonly publisher: TestPublisher;
  readonly #edges: Edge[] = [];
  readonly #fans: TestFan[] = [];
  readonly #raw: RawFan[] = [];
  readonly #streams: EventFan[] = [];
  readonly #catalogues = new Map<string, Catalogue>();
  readonly problems: unknown[] = [];

  private constructor(nats: TestNatsServer, publisher: TestPublisher) {
    this.nats = nats;
    this.publisher = publisher;
  }

  static async set(writer?: RaceWriter): Promise<Stage> {
    const nats = await startNatsServer();
    return new Stage(nats, await TestPublisher.open(nats.url, RACE, writer));
  }

  get writer() {
    return this.publisher.writer;
  }

  async edge(options: Partial<EdgeOptions> = {}): Promise<Edge> {
    const report = (code: string, detail: unknown) => {
      if (code === 'internal') this.problems.push(detail);
    };
    const edge = await startEdge({ servers: [this.nats.url], discoverMs: 100, report, ...options });
    this.#edges.push(edge);
    return edge;
  }

  /** An edge that has read everything that was published. */
  async edgeAtHead(options: Partial<EdgeOptions> = {}): Promise<Edge> {
    const edge = await this.edge(options);
    await this.atHead(edge);
    return edge;
  }

  atHead(edge: Edge): Promise<void> {
    const { tick } = this.writer;
    return until(`the edge is at tick ${tick}`, () => {
      const race = edge.stats().races[RACE];
      return race?.tick === tick && race.losses !== undefined;
    });
  }

  readonly catalogueOf = (hash: string): Catalogue => {
    this.#catalogues.set(this.writer.catalogue.hash, this.writer.catalogue);
    return this.#catalogues.get(hash)!;
  };

  fan(edge: Edge, query = 'watch=0:full,1:essentials', race = RACE): TestFan {
    this.catalogueOf('');
    const fan = new TestFan(edge.url, race, query, this.catalogueOf);
    this.#fans.push(fan);
    return fan;
  }

  /** A fan that has its first snapshot. */
  async fanIn(edge: Edge, query?: string): Promise<TestFan> {
    const fan = this.fan(edge, query);
    await until('the first tick', () => fan.reader.state);
    return fan;
  }

  raw(edge: Pick<Edge, 'port'>, query: string): RawFan {
    return this.#addRaw(edge, query, new FanReader(this.catalogueOf, wishOf(query)));
  }

  /** A fan on a bare socket who compares every tick with the truth as it comes, and keeps no states. */
  strict(edge: Pick<Edge, 'port'>, query: string): RawFan {
    return this.#addRaw(edge, query, new StrictReader(this.catalogueOf, wishOf(query), this.writer.fields));
  }

  /** A fan on a stream of events. */
  stream(
    edge: Pick<Edge, 'url'>,
    query = 'watch=0:full,1:essentials',
    more: ConstructorParameters<typeof EventFan>[2] = {},
    path = `/races/${RACE}/events`,
  ): EventFan {
    return this.#addStream(
      `${edge.url}${path}?format=binary&${query}`,
      new FanReader(this.catalogueOf, wishOf(query)),
      more,
    );
  }

  /** As {@link strict}, on a stream of events. */
  strictStream(edge: Pick<Edge, 'url'>, query: string): EventFan {
    const reader = new StrictReader(this.catalogueOf, wishOf(query), this.writer.fields);
    return this.#addStream(`${edge.url}/races/${RACE}/events?format=binary&${query}`, reader);
  }

  #addStream(url: string, reader: FanReader, more?: ConstructorParameters<typeof EventFan>[2]): EventFan {
    this.catalogueOf('');
    const fan = new EventFan(url, reader, more);
    this.#streams.push(fan);
    return fan;
  }

  #addRaw({ port }: Pick<Edge, 'port'>, query: string, reader: FanReader): RawFan {
    this.catalogueOf('');
    const fan = new RawFan(port, `/races/${RACE}/live?${query}`, reader);
    this.#raw.push(fan);
    return fan;
  }

  /** Waits until a fan has read the newest tick and document. */
  async caughtUp(...fans: readonly (TestFan | RawFan | EventFan)[]): Promise<void> {
    for (const fan of fans) {
      await until(`tick ${this.writer.tick} and document ${this.writer.docRevision}`, () => {
        if (fan.failure) throw fan.failure;
        const { state, document } = fan.reader;
        return state?.tick === this.writer.tick && JSON.stringify(document) === JSON.stringify(this.writer.document);
      });
    }
  }

  /** Every tick that these fans saw, and what they hold, is what was published. */
  expectTruth(...fans: readonly (TestFan | RawFan | EventFan)[]): void {
    expect(this.problems).toEqual([]);
    for (const { failure, reader } of fans) {
      if (failure) throw failure;
      for (const { tick, state, wish } of reader.ticks) {
        const field = this.writer.fields.get(tick);
        if (field) expect(carsOf(state), `tick ${tick}`).toEqual(this.#expected(field, wish));
      }
      expect(carsOf(reader.state!)).toEqual(this.#expected(this.writer.field, reader.wish));
    }
  }

  #expected(field: Field, wish: Parameters<typeof expectedCars>[2]) {
    return expectedCars(this.writer.catalogue, field, wish);
  }

  async strike(): Promise<void> {
    for (const { socket } of this.#fans) socket.close();
    for (const { socket } of this.#raw) socket.destroy();
    for (const fan of this.#streams) fan.leave();
    await Promise.all(this.#edges.map((edge) => edge.stop()));
    await this.publisher.close();
    await this.nats.stop();
  }
}

/** The ticks from one to another, both with. */
export const ticksFrom = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n);
