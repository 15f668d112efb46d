import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RaceWriter, testCatalogue } from '../../fanout/testing/publisher.ts';
import { carsOf, expectedCars, FanReader } from '../../fanout/testing/test-fan.ts';
import { type Catalogue, parseCatalogue } from '../../protocol/catalogue.ts';
import { type Hello, RATES, type Wish } from '../../protocol/control.ts';
import type { Field } from '../../protocol/field.ts';
import { FRAME_FLAG } from '../../protocol/frames.ts';
import { pack } from '../../protocol/pack.ts';
import type { PollHead, StreamRecord } from '../../protocol/poll-answer.ts';
import { parsePosition } from '../../protocol/position.ts';
import { encodeKeyframe, readStreamHead, STREAM_MESSAGE } from '../../protocol/tick-message.ts';
import { LocalEdge } from './local-edge.ts';

interface Answer {
  readonly head: PollHead;
  readonly records: readonly StreamRecord[];
  readonly catalogue: Catalogue;
}

/** A race whose stream lies in memory, and the answers that edges and caches would give. */
class Source {
  readonly writer: RaceWriter;
  log: StreamRecord[] = [];
  #seq = 0;
  /** Answers without a position that a cache has kept. */
  readonly snapshots: Answer[] = [];

  constructor(seed = 1) {
    this.writer = new RaceWriter({ cars: 5, seed });
    this.put(this.writer.nextTick());
  }

  put(...messages: { readonly kind: string; readonly bytes: Uint8Array }[]): void {
    for (const { kind, bytes } of messages) {
      this.#seq++;
      // An edge leaves keyframes out: nothing is in them that is not known.
      if (kind !== 'keyframe') this.log.push({ seq: this.#seq, message: bytes });
    }
  }

  run(ticks: number): void {
    for (let n = 0; n < ticks; n++) this.put(...this.writer.next());
  }

  beginAnew(epoch: string): void {
    this.log = [];
    this.writer.startAnew(epoch);
    this.put(this.writer.nextTick());
  }

  changeCatalogue(catalogue: Catalogue): void {
    this.log = [];
    this.writer.changeCatalogue(catalogue);
    this.put(this.writer.nextTick());
  }

  #head(more: Pick<PollHead, 'kind' | 'ticks'> & Partial<PollHead>, seq: number): PollHead {
    const { epoch, catalogue } = this.writer;
    return { race: 'oval', epoch, catalogue: catalogue.hash, tickMs: 500, to: `${epoch}:${seq}`, ...more };
  }

  #keyframe(tick: number, field: Field, doc: unknown, revision: number): Uint8Array {
    const { epoch, catalogue } = this.writer;
    const head = { tick, closeAtMs: this.writer.closeAtMs(tick), epoch, catalogueTag: catalogue.tag };
    return encodeKeyframe(head, catalogue, field, pack(doc), revision);
  }

  snapshot(reason: PollHead['reason'] = 'first'): Answer {
    const { tick, field, document, docRevision, catalogue } = this.writer;
    const message = this.#keyframe(tick, field, document, docRevision);
    const head = this.#head({ kind: 'snapshot', reason, ticks: 0 }, this.#seq);
    const answer = { head, records: [{ seq: this.#seq, message }], catalogue };
    this.snapshots.push(answer);
    return answer;
  }

  /** What follows `since`, cut after so many ticks; a snapshot where it is not known. */
  after(since: string, mostTicks: number): Answer {
    const { epoch, seq } = parsePosition(since)!;
    if (epoch !== this.writer.epoch) return this.snapshot('other_epoch');
    if (seq < (this.log[0]?.seq ?? 0)) return this.snapshot('too_old');
    const records: StreamRecord[] = [];
    let ticks = 0;
    for (const record of this.log) {
      if (record.seq <= seq) continue;
      records.push(record);
      if (readStreamHead(record.message).type === STREAM_MESSAGE.tick && ++ticks === mostTicks) break;
    }
    // A document behind the last tick comes with the next one, or alone when no tick comes.
    while (ticks > 0 && readStreamHead(records.at(-1)!.message).type !== STREAM_MESSAGE.tick) records.pop();
    const head = this.#head({ kind: 'deltas', from: since, ticks }, records.at(-1)?.seq ?? seq);
    return { head, records, catalogue: this.writer.catalogue };
  }

  /** As {@link after}, behind the field at the position. */
  from(since: string, mostTicks: number): Answer {
    const answer = this.after(since, mostTicks);
    if (answer.head.kind === 'snapshot') return answer;
    const { seq } = parsePosition(since)!;
    const ticks = this.log.filter((record) => record.seq <= seq).map(({ message }) => readStreamHead(message));
    const { tick } = ticks.findLast(({ type }) => type === STREAM_MESSAGE.tick)!;
    const message = this.#keyframe(tick, this.writer.fields.get(tick)!, {}, 0);
    return { ...answer, records: [{ seq, message }, ...answer.records] };
  }
}

/** Without some of the views and channels that are chosen. */
const SMALL = parseCatalogue({
  ...{ ...JSON.parse(testCatalogue('small').json), views: { essentials: ['c0', 'c3', 'c5'] } },
  channels: JSON.parse(testCatalogue('small').json).channels.slice(0, 6),
});

const HELLO: Hello = { version: 1, watch: [{ car: '0', view: 'full' }], history: 'all', doc: true, rate: 2 };

/** A client on long polls, with a reader that refuses whatever does not fit. */
class Client {
  readonly edge: LocalEdge;
  readonly reader: FanReader;
  readonly #source: Source;
  at: string | undefined;

  constructor(source: Source, hello: Partial<Hello> = {}, before?: FanReader) {
    this.#source = source;
    const catalogues = new Map<string, Catalogue>();
    const known = (hash: string) => catalogues.set(source.writer.catalogue.hash, source.writer.catalogue).get(hash)!;
    const all = { ...HELLO, ...hello };
    this.reader = new FanReader(known, all);
    if (before) this.reader.inherit(before);
    const since = all.since && all.since !== 'garbled' ? `${all.since.epoch}:${all.since.seq}` : undefined;
    this.at = since;
    this.edge = new LocalEdge(
      all,
      (message) => (typeof message === 'string' ? this.reader.readText(message) : this.reader.readFrame(message)),
      () => 0,
    );
  }

  /** @param old Takes a snapshot from a cache, so many answers old. */
  ask(mostTicks: number, old = 0): void {
    const { at } = this;
    const source = this.#source;
    const fresh = () => {
      if (at === undefined || this.edge.needsSnapshot) {
        const kept = source.snapshots.at(-old);
        return old > 0 && kept?.head.epoch === source.writer.epoch && kept.catalogue === source.writer.catalogue
          ? kept
          : source.snapshot();
      }
      return this.edge.isOpen ? source.after(at, mostTicks) : source.from(at, mostTicks);
    };
    const { head, records, catalogue } = fresh();
    this.edge.take(head, records, catalogue);
    this.at = head.to;
  }

  /** Asks until nothing comes any more. */
  settle(): void {
    let before: string | undefined;
    do {
      before = this.at;
      this.ask(1000);
    } while (before !== this.at || this.edge.needsSnapshot);
  }
}

const expectTruth = ({ reader }: Client, { writer }: Source): void => {
  expect(reader.state!.tick).toBe(writer.tick);
  expect(carsOf(reader.state!)).toEqual(expectedCars(writer.catalogue, writer.field, reader.wish));
  expect(reader.document).toEqual(writer.document);
};

const views = fc.constantFrom('full', 'essentials', 'driver', 'own');
const wishes: fc.Arbitrary<Wish> = fc.record({
  watch: fc.uniqueArray(fc.record({ car: fc.constantFrom('0', '1', '2', '3', '4', 'none'), view: views }), {
    selector: ({ car }) => car,
  }),
  channels: fc.constantFrom(['c1', 'c7'], ['c0'], ['c9', 'c3', 'c5']),
});

describe('an edge made of answers to long polls', () => {
  it('says to a client what is true, in whatever pieces they come, and whatever the client does', () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('ask' as const), count: fc.integer({ min: 1, max: 30 }) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('run' as const), count: fc.integer({ min: 1, max: 25 }) }),
      },
      fc.record({ kind: fc.constant('watch' as const), count: fc.nat(3), wish: wishes }),
      fc.record({
        kind: fc.constantFrom('rate' as const, 'resync' as const, 'doc' as const, 'distrust' as const, 'back' as const),
        count: fc.nat(3),
      }),
      fc.record({ kind: fc.constantFrom('epoch' as const, 'catalogue' as const), count: fc.nat(3) }),
    );
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.constantFrom('all' as const, 'latest' as const),
        fc.array(step, { maxLength: 40 }),
        (seed, history, steps) => {
          const source = new Source(seed);
          source.run(3);
          let client = new Client(source, { history });
          client.ask(1);
          let epoch = 0xbb;
          for (const one of steps) {
            const { kind, count } = one;
            if (kind === 'run') source.run(count);
            if (kind === 'ask') client.ask(count, count % 3);
            if (kind === 'watch') client.edge.receive({ type: 'watch', id: 7, ...(one as { wish: Wish }).wish });
            if (kind === 'rate') client.edge.receive({ type: 'rate', id: 8, rate: RATES[count]! });
            if (kind === 'resync') client.edge.receive({ type: 'resync' });
            if (kind === 'doc') source.put(source.writer.docPatch());
            if (kind === 'distrust') client.edge.distrust();
            if (kind === 'epoch') source.beginAnew((epoch++).toString(16).padStart(16, '0'));
            if (kind === 'catalogue')
              source.changeCatalogue(count === 3 ? SMALL : testCatalogue(`t${count}`, 10 + count));
            if (kind === 'back' && client.reader.state) {
              // Comes back with its position, over this or another transport.
              const { reader } = client;
              const wish = reader.resume();
              client = new Client(source, { history, ...wish, since: parsePosition(reader.position)! }, reader);
              client.ask(count + 1);
            }
          }
          // What was newly chosen comes with a tick.
          client.settle();
          source.run(1);
          client.settle();
          expectTruth(client, source);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    ['all', 'deltas', [1, 1, 1, 1, 1]],
    ['latest', 'composite', [5]],
  ] as const)('with history %s gives %s of what was missed, and then every tick', (history, kind, spans) => {
    const source = new Source();
    source.run(10);
    const first = new Client(source);
    first.ask(1);
    source.run(5);
    const back = new Client(source, { history, since: parsePosition(first.reader.position)! }, first.reader);
    back.ask(1000);
    expect(back.reader.receipts).toMatchObject([{ kind, ticks: 5, from: first.reader.position, to: back.at }]);
    expect(back.reader.ticks.map(({ span }) => span)).toEqual(spans);
    expect(back.reader.ticks.every(({ flags }) => flags === FRAME_FLAG.repair)).toBe(true);
    source.run(3);
    back.ask(1000);
    // More of what was missed, as far as the client can tell.
    expect(back.reader.receipts).toHaveLength(2);
    source.run(1);
    back.ask(1000);
    source.run(2);
    back.ask(1000);
    expect(back.reader.receipts).toHaveLength(2);
    expect(back.reader.ticks.slice(-3).map(({ span, flags }) => [span, flags])).toEqual(Array(3).fill([1, 0]));
    back.settle();
    expectTruth(back, source);
  });

  it('takes nobody back in time: a snapshot from a cache that is older than what is held is brought up first', () => {
    const source = new Source();
    source.run(5);
    source.snapshot();
    const client = new Client(source);
    client.ask(1);
    source.run(4);
    client.settle();
    client.edge.distrust();
    client.ask(1, 2);
    expect(client.reader.receipts).toHaveLength(1);
    client.ask(1000);
    expect(client.reader.receipts.at(-1)).toMatchObject({ kind: 'snapshot', reason: 'restart', ticks: 0 });
    const ticks = client.reader.ticks.map(({ tick }) => tick);
    expect(ticks).toEqual(ticks.toSorted((a, b) => a - b));
    client.settle();
    expectTruth(client, source);
  });

  it('gives nobody a change of the document again that was in the whole of it', () => {
    const source = new Source();
    source.run(4);
    const client = new Client(source);
    client.ask(1);
    source.run(1);
    client.ask(1);
    source.put(source.writer.docPatch());
    client.ask(1);
    client.edge.receive({ type: 'resync' });
    const back = new Client(source, { since: parsePosition(client.reader.position)! }, client.reader);
    source.run(2);
    // A patch that is applied twice fails.
    back.ask(1000);
    back.settle();
    expectTruth(back, source);
  });

  it('answers what is said with the words of an edge, and refuses what an edge would refuse', () => {
    const source = new Source();
    source.run(5);
    const next = { watch: [{ car: '1', view: 'essentials' }], rate: 1 } as const;
    const client = new Client(source, { next });
    client.ask(1);
    expect(client.reader.said.map(({ type }) => type)).toEqual(['welcome', 'repair', 'watching', 'rate']);
    client.edge.receive({ type: 'watch', id: 3, watch: [{ car: '1', view: 'wings' }] });
    client.edge.receive({ type: 'watch', id: 4, watch: [{ car: '1', view: 'own' }] });
    client.edge.receive({ type: 'rate', id: 5, rate: 7 as never });
    expect(client.reader.said.slice(4)).toMatchObject([
      { type: 'error', code: 'bad_watch' },
      { type: 'error', code: 'bad_watch' },
      { type: 'error', code: 'bad_rate' },
    ]);
    expect(client.reader.wish.watch).toEqual(next.watch);
    const bad = new Client(source, { watch: [{ car: '0', view: 'wings' }] });
    expect(() => bad.ask(1)).toThrow(expect.objectContaining({ code: 'bad_watch' }));
    expect(bad.reader.said).toEqual([]);
  });

  it('refuses answers that do not fit, and needs a snapshot then', () => {
    const source = new Source();
    source.run(5);
    const client = new Client(source);
    client.ask(1);
    const { at } = client;
    source.run(3);
    const { head, records, catalogue } = source.after(at!, 10);
    const [first, ...rest] = records;
    expect(() => client.edge.take(head, rest, catalogue)).toThrow();
    client.edge.distrust();
    expect(client.edge.needsSnapshot).toBe(true);
    client.settle();
    expectTruth(client, source);
    const altered = { ...first!, message: first!.message.with(25, first!.message[25]! ^ 1) };
    const other = new Client(source);
    other.ask(1);
    expect(() => other.edge.take({ ...head, from: other.at! }, [altered], catalogue)).toThrow();
  });
});
