import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PublishResult, RaceStream, StreamMessage } from '../broker/race-stream.ts';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { encodeTick, readStreamHead } from '../protocol/tick-message.ts';
import type { Outgoing } from './outgoing.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
import { readNewest, seqsOf } from './recovery.ts';
import { Spool, type SpoolLeft } from './spool.ts';
import { planSpool } from './spool-plan.ts';
import { encodeRecord, readRecords } from './spool-record.ts';
import { publishLeft } from './spooled-race.ts';
import { readTestCatalogue } from './test-catalogues.ts';

const catalogue = readTestCatalogue('formula-1');
const EPOCH = '0123456789abcdef';
const subjects = { tick: 't', keyframe: 'k', doc: 'd', catalogue: 'c', all: '*' };
const NEVER = new AbortController().signal;
const RUNS = Number(process.env.RUNS ?? 400);

/** How NATS answers: as it should; never, with the message stored or not; or not at all, for it is away. */
type Answer = 'well' | 'lost_before' | 'lost_after';

/** What NATS promises of one stream, and which of its answers are lost. It remembers ids for two minutes. */
class ModelStream {
  readonly subjects = subjects;
  readonly messages: StreamMessage[] = [];
  readonly #ids = new Map<string, { seq: number; atMs: number }>();
  isAway = false;
  answers: Answer[] = [];

  /** A connection to it; what a process that is dead has asked is not answered, but may still arrive. */
  connect(life: { isDead: boolean; arrivesLate: boolean }): RaceStream {
    const alive = async <T>(answer: () => T): Promise<T> => {
      await Promise.resolve();
      if (life.isDead) return new Promise(() => {});
      if (this.isAway) throw new Error('timeout');
      return answer();
    };
    const connection = {
      subjects,
      publish: async (subject: string, data: Uint8Array, id: string, expected: number): Promise<PublishResult> => {
        await Promise.resolve();
        if (life.isDead && (!life.arrivesLate || this.isAway)) return new Promise(() => {});
        if (this.isAway) throw new Error('timeout');
        const answer = life.isDead ? 'well' : (this.answers.shift() ?? 'well');
        if (answer === 'lost_before') throw new Error('timeout');
        const result = this.store(subject, data, id, expected);
        if (life.isDead) return new Promise(() => {});
        if (answer === 'lost_after') throw new Error('timeout');
        return result;
      },
      last: (subject: string) => alive(() => this.newest(subject)),
      at: (seq: number) => alive(() => this.messages[seq - 1]),
      range: () => alive(() => ({ firstSeq: 1, lastSeq: this.messages.length })),
    };
    return connection as unknown as RaceStream;
  }

  newest(subject: string): StreamMessage | undefined {
    return this.messages.findLast((message) => message.subject === subject);
  }

  store(subject: string, data: Uint8Array, id: string, expected: number): PublishResult {
    const known = this.#ids.get(id);
    if (known && performance.now() - known.atMs < 120_000) return { seq: known.seq, duplicate: true };
    if ((this.newest(subject)?.seq ?? 0) !== expected) return 'conflict';
    const seq = this.messages.length + 1;
    this.messages.push({ subject, seq, data: new Uint8Array(data) });
    this.#ids.set(id, { seq, atMs: performance.now() });
    return { seq, duplicate: false };
  }
}

/** One race over many lives of its ingest. */
class World {
  readonly stream = new ModelStream();
  readonly folder = mkdtempSync(join(tmpdir(), 'slipstream-crash-'));
  /** What was handed to publishers, in order, without what died with a process before it was anywhere. */
  truth: Outgoing[] = [];
  #life = { isDead: true, arrivesLate: false };
  #spool: Spool | undefined;
  #publisher: Publisher | undefined;
  #tick = -1;
  #nonce = 0;
  said: string[] = [];
  readonly problems: string[] = [];

  get isAlive(): boolean {
    return this.#publisher !== undefined;
  }

  #message(kind: 'tick' | 'keyframe' | 'doc', tick: number): Outgoing {
    const head = { tick, closeAtMs: ++this.#nonce, epoch: EPOCH, catalogueTag: 1 };
    const data = encodeTick(head, catalogue, EMPTY_FIELD, EMPTY_FIELD);
    const before = kind === 'tick' ? tick - 1 : tick;
    const base = () => (before < 0 ? undefined : new Uint8Array([before]));
    return { subject: subjects[kind], data, id: `${EPOCH}:${kind}${tick}`, base };
  }

  closeTick(doc: boolean, keyframe: boolean): void {
    if (!this.#publisher) return;
    const tick = ++this.#tick;
    const messages = [this.#message('tick', tick)];
    if (doc) messages.push(this.#message('doc', tick));
    if (keyframe) messages.push(this.#message('keyframe', tick));
    if (!this.#isVoid) this.truth.push(...messages);
    this.#publisher.send(messages[0]!);
    if (messages.length > 1) this.#publisher.send(...messages.slice(1));
  }

  /**
   * Somebody else publishes the next tick. While a message of ours is under way, what comes of it is for others to test:
   * it may be of another subject.
   */
  meddle(): void {
    if (this.#publisher && this.#publisher.waiting > 0 && !this.#left) return;
    const newest = this.stream.newest('t');
    const tick = newest ? readStreamHead(newest.data).tick + 1 : 0;
    const message = this.#message('tick', tick);
    const result = this.stream.store('t', message.data, message.id, newest?.seq ?? 0);
    // NATS may take it for a retry of the message that the dead one had under way.
    if (result === 'conflict' || result.duplicate) return;
    this.truth = [...this.truth.slice(0, this.stream.messages.length - 1), message];
    this.#mustHave = this.truth.length;
    this.#foreignAt = this.truth.length - 1;
    this.#isVoid = true;
  }

  /** Where in the truth the newest message of somebody else stands. */
  #foreignAt = 0;

  /** Nothing that the living one hands out will be taken. */
  #isVoid = false;

  /**
   * SIGKILL.
   * @param tornBytes As many are missing at the end of the newest file, as after a power cut.
   */
  async kill(arrivesLate: boolean, tornBytes = 0): Promise<void> {
    if (!this.#publisher) return;
    const { unspooled } = this.#publisher;
    this.#life.isDead = true;
    this.#life.arrivesLate = arrivesLate;
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(0);
    // What it was in the middle of may have set one more.
    vi.clearAllTimers();
    this.#spool!.close();
    this.#publisher = undefined;
    const safe = Math.max(this.stream.messages.length, this.truth.length - unspooled);
    this.#mustHave = tornBytes > 0 || this.#isVoid ? this.stream.messages.length : safe;
    const newest = readdirSync(this.folder).sort().at(-1);
    if (!newest || tornBytes === 0) return;
    const path = join(this.folder, newest);
    truncateSync(path, Math.max(syncedBytes(path), statSync(path).size - tornBytes));
  }

  #mustHave = 0;

  /** Ends in good order, with 5 s for what waits. */
  async stop(): Promise<void> {
    const publisher = this.#publisher;
    if (!publisher) return;
    await Promise.all([publisher.flush(5000), vi.advanceTimersByTimeAsync(5000)]);
    publisher.stop();
    await this.kill(false);
    if (!this.#isVoid) this.#mustHave = this.truth.length;
  }

  /** What a process that was started without NATS goes on from. */
  #left: SpoolLeft | undefined;

  /** Starts ingest where there is none. When NATS is away and nothing waits, it comes back for that. */
  async start(): Promise<void> {
    if (this.#publisher) return;
    this.#left = undefined;
    if (this.stream.isAway && this.#startFromSpool()) return;
    this.stream.isAway = false;
    this.#isVoid = false;
    this.#life = { isDead: false, arrivesLate: false };
    const connection = this.stream.connect(this.#life);
    const begun = publishLeft(this.#openSpool(), connection, (_, message) => this.said.push(message), NEVER);
    const before = this.stream.messages.length;
    let isOver = false;
    void begun.then(() => {
      isOver = true;
    });
    for (let n = 0; n < 10_000 && !isOver; n++) await vi.advanceTimersByTimeAsync(100);
    const outcome = await begun;
    this.expectTruth(this.#mustHave);
    if (outcome.published < this.stream.messages.length - before) this.problems.push('published more than it says');
    if (readdirSync(this.folder).length > 0) this.problems.push('the spool is not empty afterwards');
    this.truth.length = this.stream.messages.length;
    const newest = await readNewest(connection);
    const tick = newest.get('t');
    this.#tick = tick ? readStreamHead(tick.data).tick : -1;
    this.#publisher = this.#createPublisher({ stream: connection, lastSeqs: seqsOf(newest) });
  }

  #startFromSpool(): boolean {
    const spool = this.#openSpool();
    const left = spool.load();
    if (!left) {
      spool.close();
      return false;
    }
    const { base, messages } = spool.readNewest();
    const last = messages.at(-1);
    this.#tick = last ? readStreamHead(last.data).tick : (base?.[0] ?? -1);
    const waiting = [...spool.readAll(left.settled.upTo)].at(-1)!;
    const place = this.truth.findIndex(({ data }) => Buffer.compare(data, waiting.data) === 0);
    // Another one has gone on from before what waits here, or the stream has what was torn off; this process cannot know.
    this.#isVoid = place < this.#foreignAt || place + 1 < this.stream.messages.length;
    if (!this.#isVoid) {
      expect(place + 1, this.said.join('\n')).toBeGreaterThanOrEqual(this.#mustHave);
      this.truth.length = Math.max(place + 1, this.stream.messages.length);
    }
    this.#left = left;
    this.#life = { isDead: false, arrivesLate: false };
    this.#publisher = this.#createPublisher({
      lastSeqs: left.settled.lastSeqs,
      left: { found: left, from: left.settled.upTo },
    });
    this.blindStarts++;
    return true;
  }

  blindStarts = 0;

  /** NATS is back for a process that was started without. */
  async attach(): Promise<void> {
    const left = this.#left;
    if (!left || !this.#publisher) return;
    const connection = this.stream.connect(this.#life);
    const newest = await readNewest(connection);
    const plan = planSpool(left, newest, subjects.tick, this.#spool!.readAll(left.settled.upTo));
    this.#left = undefined;
    if (plan.kind === 'publish') {
      this.#publisher.attach(connection, seqsOf(newest), plan.from);
      return;
    }
    if (!this.#isVoid) this.problems.push(`discarded what waits: ${plan.reason}`);
    this.#publisher.stop();
    this.#endFenced('fenced');
    await this.start();
  }

  #openSpool(): Spool {
    this.#spool = new Spool({ folder: this.folder, race: 'r', maxBytes: 1e6, segmentBytes: 300 });
    return this.#spool;
  }

  #createPublisher(start: Pick<PublisherOptions, 'stream' | 'lastSeqs' | 'left'>): Publisher {
    return new Publisher({
      ...start,
      maxWaiting: 20,
      spool: { store: this.#spool!, identity: { epoch: EPOCH, catalogue: catalogue.hash } },
      onFatal: (error) => this.#endFenced(error.code),
      onSpoolProblem: ({ message }) => this.problems.push(message),
    });
  }

  #endFenced(code: string): void {
    if (code !== 'fenced') this.problems.push(`fatal: ${code}`);
    // Whatever was handed out beyond the stream is void: another one has the race.
    this.truth.length = this.stream.messages.length;
    this.#mustHave = this.truth.length;
    this.#life.isDead = true;
    this.#publisher = undefined;
  }

  /** The stream is the beginning of the truth, and at least so long. */
  expectTruth(atLeast: number): void {
    const held = this.stream.messages.map(({ subject, data }) => `${subject} ${Buffer.from(data).toString('hex')}`);
    const told = this.truth.map(({ subject, data }) => `${subject} ${Buffer.from(data).toString('hex')}`);
    expect(held, this.said.join('\n')).toEqual(told.slice(0, held.length));
    expect(held.length, this.said.join('\n')).toBeGreaterThanOrEqual(atLeast);
  }

  async finish(): Promise<void> {
    await this.start();
    this.stream.isAway = false;
    this.stream.answers = [];
    await this.attach();
    for (let n = 0; n < 1000 && (this.#publisher?.waiting ?? 0) > 0; n++) await vi.advanceTimersByTimeAsync(300);
    if (!this.#isVoid) this.expectTruth(this.truth.length);
    await this.stop();
    this.expectTruth(this.#mustHave);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a file holds up to its last word on what is settled: that is waited for until it is on the disk. */
function syncedBytes(path: string): number {
  const { records } = readRecords(readFileSync(path));
  const last = records.findLastIndex(({ kind }) => kind === 'settled');
  return records.slice(0, last + 1).reduce((sum, record) => sum + encodeRecord(record).length, 0);
}

type Step = (world: World) => void | Promise<void>;

/** With words for the report of a failure. */
const say = (words: string, act: Step): Step => Object.assign(act, { toString: () => words });

const pass =
  (ms: number): Step =>
  async () =>
    void (await vi.advanceTimersByTimeAsync(ms));
const answer = fc.constantFrom<Answer>('well', 'well', 'well', 'lost_before', 'lost_after');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.boolean(), fc.boolean(), fc.nat({ max: 900 })).map(([doc, keyframe, ms]) =>
      say(`tick${doc ? ' doc' : ''}${keyframe ? ' keyframe' : ''}, ${ms} ms pass`, async (world) => {
        world.closeTick(doc, keyframe);
        await vi.advanceTimersByTimeAsync(ms);
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.boolean().map((isAway) =>
      say(isAway ? 'NATS goes' : 'NATS comes', async (world) => {
        world.stream.isAway = isAway;
        if (!isAway) await world.attach();
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.array(answer, { maxLength: 8 }).map((answers) =>
      say(`answers: ${answers.join(', ')}`, (world) => {
        world.stream.answers = [...answers];
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.boolean(), fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400 })))
      .map(([late, torn]) => say(`kill${late ? ' late' : ''} torn ${torn}`, (world) => world.kill(late, torn))),
  },
  { weight: 1, arbitrary: fc.constant(say('stop', (world) => world.stop())) },
  { weight: 3, arbitrary: fc.constant(say('start', (world) => world.start())) },
  { weight: 1, arbitrary: fc.constant(say('somebody else writes', (world) => world.meddle())) },
  { weight: 1, arbitrary: fc.constantFrom(3000, 150_000).map(pass) },
);

describe('an ingest with a spool', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  it('puts every tick into the stream once and in order, wherever it dies and whatever NATS does', async () => {
    const seen = { published: 0, forgotten: 0, torn: 0, blind: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), async (steps) => {
        const world = new World();
        try {
          await world.start();
          for (const one of steps) await one(world);
          await world.finish();
          expect(world.problems).toEqual([]);
          seen.published += world.said.filter((line) => line.includes('published first')).length;
          seen.forgotten += world.said.filter((line) => line.includes('forgotten')).length;
          seen.torn += world.said.filter((line) => line.includes('middle of a record')).length;
          seen.blind += world.blindStarts;
        } finally {
          world.remove();
        }
      }),
      { numRuns: RUNS },
    );
    // The runs must have been what they claim to be.
    expect(
      Object.values(seen).every((count) => count > 0),
      JSON.stringify(seen),
    ).toBe(true);
  }, 120_000);
});
