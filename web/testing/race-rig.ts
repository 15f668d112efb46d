import { readFileSync } from 'node:fs';
import { exportRace } from '../../archive/export-race.ts';
import { connectNats, type NatsConnection } from '../../broker/connection.ts';
import { RaceStream } from '../../broker/race-stream.ts';
import { type Edge, type EdgeOptions, startEdge } from '../../fanout/edge.ts';
import { type Catalogue, parseCatalogue } from '../../protocol/catalogue.ts';
import type { RaceDocument } from '../../protocol/document.ts';
import { diffDocuments } from '../../protocol/document-patch.ts';
import type { Field } from '../../protocol/field.ts';
import { pack } from '../../protocol/pack.ts';
import { quantise } from '../../protocol/quantise.ts';
import { encodeDocPatch, encodeKeyframe, encodeTick, type StreamHead } from '../../protocol/tick-message.ts';
import { startNatsServer, type TestNatsServer } from '../../testing/nats-server.ts';

/** What a test wants of a race, where that is not four cars with random values in an order that stays. */
export interface RaceOptions {
  /** Names by car, in the order of the race. */
  readonly drivers?: ReadonlyMap<string, string>;
  /** The value of a channel of a car, in its unit; `undefined` leaves it to chance. */
  readonly drive?: (tick: number, car: string, key: string) => number | null | undefined;
  /** The cars in the order of the race. */
  readonly orderAt?: (tick: number) => readonly string[];
  /** All of the document, instead of one in that order. */
  readonly documentAt?: (tick: number) => RaceDocument;
}

const DRIVERS: ReadonlyMap<string, string> = new Map(['9', '24', '48', '07'].map((car) => [car, `Driver ${car}`]));
const KEYFRAME_EVERY = 20;
/** Race time of the first tick, Unix ms. */
export const START_AT_MS = Date.UTC(2026, 1, 15, 20, 0, 0);

/** Same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const documentOf = (tick: number, drivers = DRIVERS, order: readonly string[] = [...drivers.keys()]): RaceDocument => ({
  session: {
    race: 'demo',
    name: 'Test 500',
    track: 'Testway',
    trackLengthM: 4000,
    kind: 'simulation',
    origin: 'made by a test',
    startedAtMs: START_AT_MS,
    lapsTotal: 200,
  },
  flag: tick % 20 < 15 ? 'green' : 'yellow',
  lap: 1 + Math.floor(tick / 10),
  roster: Object.fromEntries([...drivers].map(([car, driver]) => [car, { car, driver, team: 'Team', make: 'Make' }])),
  standings: Object.fromEntries(
    order.map((car, i) => [
      car,
      {
        position: i + 1,
        lap: 1 + Math.floor(tick / 10),
        lapsDown: i === 3 ? 2 : 0,
        gapS: i === 0 ? 0 : i * 1.25,
        lineAtMs: START_AT_MS,
        lastLapS: 46.1 + i,
        bestLapS: 45.9 + i,
        status: 'running',
        stops: i,
      },
    ]),
  ),
  pitStops: [],
});

/** A real nats-server with one race, and as many real edges as a test starts. */
export interface RaceRig {
  readonly catalogue: Catalogue;
  readonly edges: readonly Edge[];
  /** Address of the nats-server. */
  readonly natsUrl: string;
  /** Number of the newest tick. */
  readonly tick: number;
  readonly document: RaceDocument;
  /** What a perfect client knows: the state of a car at a tick. */
  oracle(tick: number, car: string): Int32Array | undefined;
  /** The document as it is with a tick. */
  documentAt(tick: number): RaceDocument;
  /** Publishes the next ticks. */
  publish(ticks?: number): Promise<void>;
  /** The publisher lost its memory: the next tick is the first of another epoch. */
  beginAnew(): void;
  /** Publishes a tick every `everyMs` until stopped. */
  run(everyMs: number): { stop(): Promise<void> };
  startEdge(options?: EdgeOptions): Promise<Edge>;
  /** Writes the race as it is into an archive file. */
  exportTo(path: string): Promise<void>;
  /** The nats-server begins anew, without its data. */
  loseData(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRace(seed: number, options: RaceOptions = {}): Promise<RaceRig> {
  const server = await startNatsServer();
  const connection = await connectNats({ servers: [server.url], name: 'race rig' });
  const stream = await RaceStream.open(connection, 'demo');
  await stream.ensure();
  return new Rig(server, connection, stream, seed, options);
}

class Rig implements RaceRig {
  readonly catalogue = parseCatalogue(
    readFileSync(new URL('../../protocol/catalogues/stock-car.json', import.meta.url), 'utf8'),
  );
  readonly edges: Edge[] = [];
  readonly #server: TestNatsServer;
  readonly #connection: NatsConnection;
  readonly #stream: RaceStream;
  readonly #random: () => number;
  #fields: Field[] = [];
  #epoch = 0xaa;
  readonly #lastSeq = { catalogue: 0, tick: 0, keyframe: 0, doc: 0 };
  #docRevision = 0;
  readonly #options: RaceOptions;
  readonly #cars: readonly string[];
  document: RaceDocument;

  constructor(
    server: TestNatsServer,
    connection: NatsConnection,
    stream: RaceStream,
    seed: number,
    options: RaceOptions,
  ) {
    this.#options = options;
    this.#cars = [...(options.drivers ?? DRIVERS).keys()];
    this.document = this.documentAt(0);
    this.#server = server;
    this.#connection = connection;
    this.#stream = stream;
    this.#random = randomFrom(seed);
  }

  get natsUrl(): string {
    return this.#server.url;
  }

  get tick(): number {
    return this.#fields.length - 1;
  }

  oracle(tick: number, car: string): Int32Array | undefined {
    const field = this.#fields[tick]!;
    return field.states[field.cars.indexOf(car)];
  }

  documentAt(tick: number): RaceDocument {
    const { documentAt, drivers, orderAt } = this.#options;
    return documentAt?.(tick) ?? documentOf(tick, drivers, orderAt?.(tick));
  }

  async publish(ticks = 1): Promise<void> {
    if (this.#lastSeq.catalogue === 0) {
      await this.#store('catalogue', new TextEncoder().encode(this.catalogue.json), 'c');
    }
    for (let i = 0; i < ticks; i++) await this.#publishTick();
  }

  async #publishTick(): Promise<void> {
    const before = this.#fields.at(-1) ?? { cars: [], states: [] };
    const tick = this.#fields.length;
    const field = this.#drive(tick, before);
    this.#fields.push(field);
    const head: StreamHead = {
      tick,
      closeAtMs: START_AT_MS + tick * 500,
      epoch: this.#epoch.toString(16).padStart(16, '0'),
      catalogueTag: this.catalogue.tag,
    };
    if (tick > 0) await this.#store('tick', encodeTick(head, this.catalogue, before, field), `t${tick}`);
    const document = this.documentAt(tick);
    const patch = diffDocuments(this.document, document);
    if (patch.length > 0) {
      this.document = document;
      this.#docRevision++;
      if (tick > 0) await this.#store('doc', encodeDocPatch(head, this.#docRevision, pack(patch)), `d${tick}`);
    }
    if (tick % KEYFRAME_EVERY !== 0) return;
    const keyframe = encodeKeyframe(head, this.catalogue, field, pack(this.document), this.#docRevision);
    await this.#store('keyframe', keyframe, `k${tick}`);
  }

  async #store(subject: 'catalogue' | 'tick' | 'keyframe' | 'doc', data: Uint8Array, id: string): Promise<void> {
    const { subjects } = this.#stream;
    const result = await this.#stream.publish(subjects[subject], data, `${this.#epoch}:${id}`, this.#lastSeq[subject]);
    if (result === 'conflict') throw new Error(`The rig cannot publish ${id}: somebody else has written.`);
    this.#lastSeq[subject] = result.seq;
  }

  /** About half of the channels of every car move, some become null and some come back. */
  #drive(tick: number, before: Field): Field {
    const states = this.#cars.map((car, slot) => {
      const old = before.states[slot];
      return Int32Array.from(this.catalogue.channels, (channel, index) => {
        const wanted = this.#options.drive?.(tick, car, channel.key);
        if (wanted !== undefined) return quantise(channel, wanted);
        const chance = this.#random();
        if (old && chance < 0.5) return old[index]!;
        if (chance > 0.98) return quantise(channel, null);
        return quantise(channel, channel.min + this.#random() * (channel.max - channel.min));
      });
    });
    return { cars: this.#cars, states };
  }

  beginAnew(): void {
    this.#epoch++;
    this.#fields = [];
    this.#docRevision = 0;
    this.document = this.documentAt(0);
  }

  run(everyMs: number): { stop(): Promise<void> } {
    let isRunning = true;
    const done = (async () => {
      while (isRunning) {
        await this.publish();
        await new Promise((resolve) => setTimeout(resolve, everyMs));
      }
    })();
    return {
      stop: () => {
        isRunning = false;
        return done;
      },
    };
  }

  async startEdge(options: EdgeOptions = {}): Promise<Edge> {
    const edge = await startEdge({ servers: [this.#server.url], races: ['demo'], ...options });
    this.edges.push(edge);
    const deadline = Date.now() + 10_000;
    while (!(await fetch(`${edge.url}/readyz`)).ok) {
      if (Date.now() > deadline) throw new Error('The edge was not ready within 10 s.');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return edge;
  }

  async exportTo(path: string): Promise<void> {
    await exportRace(this.#stream, (await this.#stream.range())!, path);
  }

  loseData(): Promise<void> {
    return this.#server.restart({ wipe: true });
  }

  async stop(): Promise<void> {
    await Promise.all(this.edges.map((edge) => edge.stop()));
    await this.#connection.close();
    await this.#server.stop();
  }
}
