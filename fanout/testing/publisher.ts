import { connectNats } from '../../broker/connection.ts';
import { RaceStream } from '../../broker/race-stream.ts';
import { type Catalogue, parseCatalogue } from '../../protocol/catalogue.ts';
import { applyPatch, type PatchOperation } from '../../protocol/document-patch.ts';
import { BrokerError } from '../../protocol/errors.ts';
import { EMPTY_FIELD, emptyState, type Field } from '../../protocol/field.ts';
import { pack } from '../../protocol/pack.ts';
import { encodeDocPatch, encodeKeyframe, encodeTick } from '../../protocol/tick-message.ts';

/** Channels of every kind the codec treats apart, and two views. */
export const testCatalogue = (name = 'test', channels = 10): Catalogue =>
  parseCatalogue({
    name,
    channels: Array.from({ length: channels }, (_, n) => ({
      key: `c${n}`,
      label: `Channel ${n}`,
      unit: 'm',
      resolution: 0.1,
      min: -100,
      max: 1000,
      aggregate: 'last',
      group: 'test',
      staleAfterMs: 1000,
      ...(n < 4 ? { coding: { busy: true, k: 3 } } : {}),
    })),
    views: { essentials: ['c0', 'c3', 'c5'], driver: ['c1', 'c5', 'c9'] },
  });

/** A message as it would lie in the stream. */
export interface Written {
  readonly kind: 'tick' | 'keyframe' | 'doc';
  readonly bytes: Uint8Array;
}

/** A small generator: the same seed gives the same race. */
function randomFrom(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes the messages of a race out of chance, and remembers the truth of every tick. */
export class RaceWriter {
  catalogue: Catalogue;
  epoch: string;
  tick = -1;
  field: Field = EMPTY_FIELD;
  document: Record<string, unknown> = { name: 'Test 500', kind: 'simulation', laps: 0 };
  docRevision = 0;
  /** The truth, by tick. */
  readonly fields = new Map<number, Field>();
  readonly #random: () => number;
  readonly #cars: number;

  constructor(options: { epoch?: string; seed?: number; cars?: number; catalogue?: Catalogue } = {}) {
    this.catalogue = options.catalogue ?? testCatalogue();
    this.epoch = options.epoch ?? '00000000000000aa';
    this.#random = randomFrom(options.seed ?? 1);
    this.#cars = options.cars ?? 6;
  }

  closeAtMs(tick: number): number {
    return 1_700_000_000_000 + tick * 500;
  }

  get #head() {
    return {
      tick: Math.max(0, this.tick),
      closeAtMs: this.closeAtMs(this.tick),
      epoch: this.epoch,
      catalogueTag: this.catalogue.tag,
    };
  }

  /** The next tick: some channels move, some vanish, cars come and go. */
  nextTick(leaving?: string): Written {
    const before = this.field;
    const cars = before.cars.slice();
    const states = before.states.slice();
    if (cars.length < this.#cars && (cars.length === 0 || this.#random() < 0.5)) {
      cars.push(`${cars.length}`);
      states.push(this.#stir(emptyState(this.catalogue), 0.8));
    }
    for (const [slot, state] of states.entries()) {
      if (!state) states[slot] = this.#random() < 0.3 ? this.#stir(emptyState(this.catalogue), 0.8) : undefined;
      else if (this.#random() < 0.02) states[slot] = undefined;
      else if (this.#random() < 0.8) states[slot] = this.#stir(state, 0.3);
    }
    if (leaving !== undefined) states[cars.indexOf(leaving)] = undefined;
    this.tick++;
    this.field = { cars, states };
    this.fields.set(this.tick, this.field);
    return { kind: 'tick', bytes: encodeTick(this.#head, this.catalogue, before, this.field) };
  }

  #stir(state: Int32Array, share: number): Int32Array {
    return state.map((value) => {
      if (this.#random() > share) return value;
      return this.#random() < 0.05 ? -(2 ** 31) : Math.floor(this.#random() * 11_000) - 1000;
    });
  }

  keyframe(): Written {
    const doc = pack(this.document);
    return {
      kind: 'keyframe',
      bytes: encodeKeyframe(this.#head, this.catalogue, this.field, doc, this.docRevision),
    };
  }

  docPatch(operations?: PatchOperation[]): Written {
    const laps = this.document.laps as number;
    // Applied twice it fails.
    const patch = operations ?? [
      { op: 'test', path: '/laps', value: laps },
      { op: 'replace', path: '/laps', value: laps + 1 },
    ];
    this.document = applyPatch(this.document, patch) as Record<string, unknown>;
    this.docRevision++;
    return { kind: 'doc', bytes: encodeDocPatch(this.#head, this.docRevision, pack(patch)) };
  }

  /** The next messages as ingest would publish them: a tick, now and then a patch, a keyframe every 20 ticks. */
  next(): Written[] {
    const messages = [this.nextTick()];
    if (this.tick % 3 === 1) messages.push(this.docPatch());
    if (this.tick % 20 === 0) messages.push(this.keyframe());
    return messages;
  }

  /** A new life: another epoch, an empty field. */
  startAnew(epoch: string): void {
    this.epoch = epoch;
    this.tick = -1;
    this.field = EMPTY_FIELD;
    this.fields.clear();
  }

  /** Goes on in another catalogue, with every value missing. */
  changeCatalogue(catalogue: Catalogue): void {
    this.catalogue = catalogue;
    const states = this.field.states.map((state) => state && emptyState(catalogue));
    this.field = { cars: this.field.cars, states };
    // One tick in two catalogues: what fans of either hold is right.
    this.fields.delete(this.tick);
  }
}

/** A writer whose messages go into a real stream. */
export class TestPublisher {
  readonly stream: RaceStream;
  readonly writer: RaceWriter;
  readonly #close: () => Promise<void>;
  readonly #lastSeqs = { tick: 0, keyframe: 0, doc: 0, catalogue: 0 };
  #count = 0;

  private constructor(stream: RaceStream, writer: RaceWriter, close: () => Promise<void>) {
    this.stream = stream;
    this.writer = writer;
    this.#close = close;
  }

  static async open(url: string, race: string, writer = new RaceWriter()): Promise<TestPublisher> {
    const connection = await connectNats({ servers: [url], name: 'test-publisher' });
    const stream = await RaceStream.open(connection, race);
    return new TestPublisher(stream, writer, () => connection.close());
  }

  /** Makes the stream and puts the catalogue and the first keyframe into it. */
  async begin(): Promise<void> {
    await this.stream.ensure();
    Object.assign(this.#lastSeqs, { tick: 0, keyframe: 0, doc: 0, catalogue: 0 });
    await this.putCatalogue();
    await this.put(this.writer.nextTick(), this.writer.keyframe());
  }

  async putCatalogue(): Promise<void> {
    await this.#publish('catalogue', new TextEncoder().encode(this.writer.catalogue.json));
  }

  /** @returns the sequence of the last one. */
  async put(...messages: Written[]): Promise<number> {
    let seq = 0;
    for (const { kind, bytes } of messages) seq = await this.#publish(kind, bytes);
    return seq;
  }

  /** Publishes `count` ticks with what belongs to them. */
  async run(count: number): Promise<number> {
    let seq = 0;
    for (let n = 0; n < count; n++) seq = await this.put(...this.writer.next());
    return seq;
  }

  async #publish(
    kind: keyof TestPublisher['stream']['subjects'] & ('tick' | 'keyframe' | 'doc' | 'catalogue'),
    bytes: Uint8Array,
  ): Promise<number> {
    this.#count++;
    const id = `${this.writer.epoch}:${kind}:${this.#count}`;
    const result = await this.#insist(() =>
      this.stream.publish(this.stream.subjects[kind], bytes, id, this.#lastSeqs[kind]),
    );
    if (result === 'conflict') throw new Error(`Somebody else has written a ${kind}.`);
    this.#lastSeqs[kind] = result.seq;
    return result.seq;
  }

  /** An answer that was lost is asked for again: the id keeps the message from being stored twice. */
  async #insist<T>(publish: () => Promise<T>, attempts = 5): Promise<T> {
    try {
      return await publish();
    } catch (error) {
      if (attempts === 1 || error instanceof BrokerError) throw error;
      return this.#insist(publish, attempts - 1);
    }
  }

  close(): Promise<void> {
    return this.#close();
  }
}
