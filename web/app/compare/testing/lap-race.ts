import { readFileSync } from 'node:fs';
import { connectNats, type NatsConnection } from '../../../../broker/connection.ts';
import { RaceStream } from '../../../../broker/race-stream.ts';
import { type Edge, startEdge } from '../../../../fanout/edge.ts';
import { type Catalogue, parseCatalogue } from '../../../../protocol/catalogue.ts';
import type { RaceDocument } from '../../../../protocol/document.ts';
import { diffDocuments } from '../../../../protocol/document-patch.ts';
import type { Field } from '../../../../protocol/field.ts';
import { pack } from '../../../../protocol/pack.ts';
import { quantise } from '../../../../protocol/quantise.ts';
import { encodeDocPatch, encodeKeyframe, encodeTick, type StreamHead } from '../../../../protocol/tick-message.ts';
import { startNatsServer, type TestNatsServer } from '../../../../testing/nats-server.ts';

const EPOCH = '00000000000000aa';
const TICK_MS = 500;
const KEYFRAME_EVERY = 20;
/** Race time of the first tick, Unix ms. */
export const START_AT_MS = Date.UTC(2026, 1, 15, 20, 0, 0);
/** How long each car takes for each of its laps. */
export const LAP_S: Readonly<Record<string, number>> = { '24': 15, '9': 15.15 };
const CARS = Object.keys(LAP_S);

/** Laps that a car has gone since the first tick. */
const lapsAt = (car: string, tick: number): number => 0.5 + (tick * TICK_MS) / 1000 / LAP_S[car]!;

/** Channels of a car at a tick; the others are missing. */
export function valuesAt(car: string, tick: number): Readonly<Record<string, number>> {
  const laps = lapsAt(car, tick);
  const share = laps % 1;
  return {
    lap: Math.floor(laps) + 1,
    lap_dist_pct: share * 100,
    ...(laps >= 1 ? { lap_time_last: LAP_S[car]! } : {}),
    on_pit_road: 0,
    speed: 200 + 20 * Math.sin(2 * Math.PI * share),
    throttle: share < 0.5 ? 100 : 40,
    brake: share < 0.5 ? 0 : 25,
  };
}

function documentAt(tick: number): RaceDocument {
  const standings = CARS.map((car, n) => {
    const laps = lapsAt(car, tick);
    const lineTick = Math.ceil(((Math.floor(laps) - 0.5) * LAP_S[car]! * 1000) / TICK_MS);
    const timing = {
      lastLapS: LAP_S[car]!,
      bestLapS: LAP_S[car]!,
      lineAtMs: laps < 1 ? null : START_AT_MS + lineTick * TICK_MS,
    };
    const place = {
      position: n + 1,
      lap: Math.floor(laps) + 1,
      lapsDown: 0,
      gapS: n,
      status: 'running',
      stops: 0,
    } as const;
    return [car, { ...place, ...timing }];
  });
  return {
    session: {
      ...{
        race: 'demo',
        name: 'Test 500',
        track: 'Testway',
        trackLengthM: 800,
        kind: 'simulation',
        origin: 'made by a test',
      },
      ...{ startedAtMs: START_AT_MS, lapsTotal: 200 },
    },
    ...{ flag: 'green', lap: Math.floor(lapsAt('24', tick)) + 1, pitStops: [] },
    roster: Object.fromEntries(CARS.map((car) => [car, { car, driver: `Driver ${car}` }])),
    standings: Object.fromEntries(standings),
  };
}

/** A race of two cars that go round evenly, one a hundredth faster than the other, behind a real edge. */
export class LapRace {
  readonly #server: TestNatsServer;
  readonly #connection: NatsConnection;
  readonly #stream: RaceStream;
  readonly #catalogue: Catalogue;
  readonly #lastSeq = { catalogue: 0, tick: 0, keyframe: 0, doc: 0 };
  #field: Field = { cars: [], states: [] };
  #document: RaceDocument = documentAt(0);
  #edge: Edge | undefined;
  #next = 0;

  private constructor(server: TestNatsServer, connection: NatsConnection, stream: RaceStream) {
    this.#server = server;
    this.#connection = connection;
    this.#stream = stream;
    const path = new URL('../../../../protocol/catalogues/stock-car.json', import.meta.url);
    this.#catalogue = parseCatalogue(readFileSync(path, 'utf8'));
  }

  static async start(): Promise<LapRace> {
    const server = await startNatsServer();
    const connection = await connectNats({ servers: [server.url], name: 'lap race' });
    const stream = await RaceStream.open(connection, 'demo');
    await stream.ensure();
    const race = new LapRace(server, connection, stream);
    await race.#store('catalogue', new TextEncoder().encode(race.#catalogue.json), 'c');
    return race;
  }

  /** Number of the newest tick. */
  get tick(): number {
    return this.#next - 1;
  }

  /** Publishes the next ticks. */
  async publish(ticks: number): Promise<void> {
    for (let n = 0; n < ticks; n++) await this.#publishTick(this.#next++);
  }

  async #publishTick(tick: number): Promise<void> {
    const before = this.#field;
    const states = CARS.map((car) => {
      const values = valuesAt(car, tick);
      return Int32Array.from(this.#catalogue.channels, (channel) => quantise(channel, values[channel.key] ?? null));
    });
    this.#field = { cars: CARS, states };
    const closeAtMs = START_AT_MS + tick * TICK_MS;
    const head: StreamHead = { tick, closeAtMs, epoch: EPOCH, catalogueTag: this.#catalogue.tag };
    const document = documentAt(tick);
    if (tick > 0) {
      await this.#store('tick', encodeTick(head, this.#catalogue, before, this.#field), `t${tick}`);
      const patch = pack(diffDocuments(this.#document, document));
      await this.#store('doc', encodeDocPatch(head, tick, patch), `d${tick}`);
    }
    this.#document = document;
    if (tick % KEYFRAME_EVERY !== 0) return;
    const keyframe = encodeKeyframe(head, this.#catalogue, this.#field, pack(document), tick);
    await this.#store('keyframe', keyframe, `k${tick}`);
  }

  async #store(subject: 'catalogue' | 'tick' | 'keyframe' | 'doc', data: Uint8Array, id: string): Promise<void> {
    const { subjects } = this.#stream;
    const result = await this.#stream.publish(subjects[subject], data, `aa:${id}`, this.#lastSeq[subject]);
    if (result === 'conflict') throw new Error(`The race cannot publish ${id}: somebody else has written.`);
    this.#lastSeq[subject] = result.seq;
  }

  /** @returns the address of an edge that serves a page as well. */
  async serve(webRoot: string): Promise<string> {
    const edge = await startEdge({ servers: [this.#server.url], races: ['demo'], webRoot });
    this.#edge = edge;
    const deadlineMs = Date.now() + 10_000;
    while (!(await fetch(`${edge.url}/readyz`)).ok) {
      if (Date.now() > deadlineMs) throw new Error('The edge was not ready within 10 s.');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return edge.url;
  }

  async stop(): Promise<void> {
    await this.#edge?.stop();
    await this.#connection.close();
    await this.#server.stop();
  }
}
