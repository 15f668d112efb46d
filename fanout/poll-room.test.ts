import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Since } from '../protocol/control.ts';
import { decodePollAnswer } from '../protocol/poll-answer.ts';
import { parsePosition } from '../protocol/position.ts';
import { decodeKeyframe, readStreamHead } from '../protocol/tick-message.ts';
import { JsonRace, wholeField } from './json-race.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { Past } from './past.ts';
import { PollAnswers, ticksInAnswer } from './poll-answers.ts';
import { BASE_FORM, BINARY_FORM, jsonForm } from './poll-forms.ts';
import { type PollRefusal, PollRoom } from './poll-room.ts';
import { RaceState } from './race-state.ts';
import type { Reply } from './reply.ts';
import { Standstill } from './standstill.ts';
import { JsonPollReader } from './testing/json-poll-reader.ts';
import { PollReader } from './testing/poll-reader.ts';
import { RaceWriter, type Written } from './testing/publisher.ts';

type Outcome = Reply | PollRefusal;

/** A race whose stream lies in memory, on an edge with a ring of 30 ticks, and a room of polls. */
class Stage {
  readonly writer: RaceWriter;
  readonly log: { seq: number; data: Uint8Array }[] = [];
  readonly room: PollRoom;
  readonly answers = new PollAnswers('oval', 500, BINARY_FORM);
  readonly jsonAnswers = new PollAnswers('oval', 500, jsonForm('oval'));
  readonly problems: unknown[] = [];
  readonly standstill = new Standstill([], { limits: DEFAULT_LIMITS, tickMs: 500, isStreamAway: () => false });
  state: RaceState;
  past: Past;
  nowMs = 1_000_000;
  maxWaiting = 1000;
  isReadable = true;
  /** Before this the stream has nothing any more. */
  firstSeq = 1;
  /** Sequences that are taken before the first message. */
  readonly #offset: number;

  constructor(options: ConstructorParameters<typeof RaceWriter>[0] = {}, offset = 0) {
    this.writer = new RaceWriter({ cars: 4, ...options });
    this.#offset = offset;
    this.state = new RaceState(this.writer.catalogue, 30);
    this.past = this.#makePast();
    this.room = new PollRoom({
      limits: DEFAULT_LIMITS,
      known: () => (this.state.head ? this : undefined),
      standstill: this.standstill,
      mayWait: () => this.room.size < this.maxWaiting,
      report: (_, detail) => this.problems.push(detail),
    });
  }

  #makePast(): Past {
    return new Past(
      this.state,
      (first, last, take) => {
        const messages = () => this.log.filter(({ seq }) => seq >= Math.max(first, this.firstSeq) && seq <= last);
        queueMicrotask(() => take(this.isReadable ? messages() : undefined, true, this.nowMs));
      },
      () => this.#serve(this.room.hasRead()),
    );
  }

  begin(): void {
    this.put(this.writer.nextTick(), this.writer.keyframe());
  }

  put(...messages: Written[]): void {
    for (const { bytes } of messages) {
      const seq = this.#offset + this.log.length + 1;
      this.log.push({ seq, data: bytes });
      const applied = this.state.apply(seq, bytes);
      if (applied.kind === 'tick' || applied.kind === 'begin') this.standstill.end(this.nowMs, this.nowMs);
      this.#serve(this.room.advance(applied));
    }
  }

  /** Another process takes the place of this edge, and begins with the newest message. */
  restart(): void {
    const { seq, data } = this.log.at(-1)!;
    this.state = new RaceState(this.writer.catalogue, 30);
    this.past = this.#makePast();
    this.state.apply(seq, data);
  }

  run(ticks: number): void {
    for (let n = 0; n < ticks; n++) {
      this.pass(500);
      this.put(...this.writer.next());
    }
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  sweep(): void {
    this.past.sweep(this.nowMs);
    this.standstill.sweep(this.nowMs, this.state);
    this.#serve(this.room.sweep());
  }

  #serve(isNeeded: boolean): void {
    if (isNeeded) while (this.room.serve(this.nowMs, 3));
  }

  /** What a snapshot for people would say now. */
  get json(): unknown {
    const { state } = this;
    return JSON.parse(JSON.stringify(new JsonRace('oval', state).snapshot(wholeField(state.catalogue))));
  }

  /** Asks; the list has the outcome as soon as there is one. */
  ask(since: Since | undefined, answers = this.answers): Outcome[] {
    const outcomes: Outcome[] = [];
    this.room.ask(since, answers, (outcome) => outcomes.push(outcome), this.nowMs);
    return outcomes;
  }

  /** After the stream was read. */
  async answered(outcomes: Outcome[]): Promise<Outcome[]> {
    for (let n = 0; outcomes.length === 0 && n < 100; n++) await Promise.resolve();
    return outcomes;
  }

  async read(reader: PollReader | JsonPollReader): Promise<void> {
    const answers = reader instanceof PollReader ? this.answers : this.jsonAnswers;
    const asked = this.ask(reader.since === undefined ? undefined : parsePosition(reader.since), answers);
    const [outcome] = await this.answered(asked);
    if (typeof outcome !== 'object') throw new Error(`The answer is ${outcome}.`);
    reader.read(outcome.body as Uint8Array);
  }
}

const set = (ticks = 1): Stage => {
  const stage = new Stage();
  stage.begin();
  stage.run(ticks - 1);
  return stage;
};

const ageOf = (outcome: Outcome | undefined) => (outcome as Reply).headers['Cache-Control'];
const at = (stage: Stage, seq = stage.state.seq): Since => ({ epoch: stage.state.epoch, seq });

describe('a room of long polls', () => {
  it('answers at the next tick, once for all who ask the same, and holds nobody who is behind', () => {
    const stage = set(5);
    const waiting = [stage.ask(at(stage)), stage.ask(at(stage))];
    const behind = stage.ask(at(stage, 2));
    expect(stage.room.size).toBe(2);
    expect(behind).toHaveLength(1);
    const { made } = stage.answers;
    stage.run(1);
    expect(waiting.map((outcomes) => outcomes.length)).toEqual([1, 1]);
    expect(waiting[0]![0]).toBe(waiting[1]![0]);
    expect(stage.answers.made).toBe(made + 1);
    expect(stage.room.size).toBe(0);
    expect(stage.room.tally.answers).toMatchObject({ deltas: 3 });
  });

  it('leads any reader, however far it is behind, to the truth: every tick once, no document twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 90 }), { maxLength: 12 }),
        fc.integer({ min: 0, max: 600 }),
        async (steps, offset) => {
          const stage = new Stage({ seed: offset }, offset);
          stage.begin();
          const reader = new PollReader(stage.writer.catalogue);
          const people = new JsonPollReader();
          await stage.read(reader);
          await stage.read(people);
          expect(reader.heads[0]).toMatchObject({ kind: 'snapshot', reason: 'first' });
          for (const ticks of steps) {
            stage.run(ticks);
            while (reader.tick < stage.writer.tick) await stage.read(reader);
            while (people.ticks.length < reader.ticks.length) await stage.read(people);
            expect(reader.field).toEqual(stage.writer.field);
          }
          expect(people.ticks).toEqual(reader.ticks);
          expect(reader.ticks).toEqual(Array.from({ length: stage.writer.tick }, (_, n) => n + 1));
          stage.pass(20_000);
          // Both end with the newest tick: what they lack, if anything, is a change of the document behind it.
          if (reader.docRevision < stage.writer.docRevision) {
            await stage.read(reader);
            await stage.read(people);
          }
          expect(people.held).toEqual({ ...(stage.json as object), position: people.since });
          expect(reader.document).toEqual(stage.writer.document);
          expect(stage.problems).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('gives the same bytes on every edge and at any time, once an answer can grow no more', async () => {
    const stage = set(96);
    const reader = new PollReader(stage.writer.catalogue);
    await stage.read(reader);
    const since = at(stage);
    stage.run(4);
    const early = stage.ask(since)[0] as Reply;
    stage.run(20);
    const whole = stage.ask(since)[0] as Reply;
    stage.run(9);
    // By now the position lies before the ring, and the stream is read.
    const [later] = (await stage.answered(stage.ask(since))) as Reply[];
    expect(ageOf(early)).toBe('public, max-age=10');
    expect(ageOf(whole)).toBe('public, max-age=3600, immutable');
    expect(early.headers.ETag).not.toBe(whole.headers.ETag);
    expect(later!.body).toEqual(whole.body);
    expect(later!.headers).toEqual(whole.headers);
    expect(reader.read(whole.body as Uint8Array)).toMatchObject({ ticks: 24 });
    expect(reader.tick).toBe(119);
  });

  it('gives the field at any position to whoever lacks it, with what followed, and never waits for a tick', async () => {
    const stage = set(200);
    const base = new PollAnswers('oval', 500, BASE_FORM);
    for (const tick of [5, 150, 198, 199]) {
      const seq = stage.log.findIndex(({ data }) => data[0] === 1 && readStreamHead(data).tick === tick) + 1;
      const [outcome] = (await stage.answered(stage.ask(at(stage, seq), base))) as Reply[];
      const { head, records } = decodePollAnswer(outcome!.body as Uint8Array);
      expect(head).toMatchObject({ kind: 'deltas', from: `${stage.state.epoch}:${seq}` });
      expect(records[0]!.seq).toBe(seq);
      const { field, head: at0 } = decodeKeyframe(records[0]!.message, stage.writer.catalogue);
      expect(at0.tick).toBe(tick);
      expect(field).toEqual(stage.writer.fields.get(tick));
      const [plain] = (await stage.answered(tick < 199 ? stage.ask(at(stage, seq)) : [])) as Reply[];
      const rest = plain ? decodePollAnswer(plain.body as Uint8Array).records : [];
      // At the newest tick the document that belongs to it is not held back: whoever asks so does not wait.
      if (plain) expect(records.slice(1)).toEqual(rest);
      else expect(head.ticks).toBe(0);
    }
    const [foreign] = stage.ask({ epoch: 'fedcba9876543210', seq: 7 }, base);
    expect(decodePollAnswer((foreign as Reply).body as Uint8Array).head).toMatchObject({ reason: 'other_epoch' });
  });

  it('says so when nothing comes, and gives what changed of the document in a race that stands still', async () => {
    const stage = set(5);
    const first = stage.ask(at(stage));
    stage.pass(9999);
    stage.sweep();
    expect(first).toEqual([]);
    stage.pass(1);
    stage.sweep();
    const reader = new PollReader(stage.writer.catalogue);
    await stage.read(reader);
    expect(reader.read((first[0] as Reply).body as Uint8Array)).toMatchObject({
      ticks: 0,
      from: reader.since,
      to: reader.since,
    });
    expect(ageOf(first[0])).toBe('public, max-age=1');
    const second = stage.ask(at(stage));
    stage.put(stage.writer.docPatch());
    expect(second).toEqual([]);
    stage.sweep();
    expect(reader.read((second[0] as Reply).body as Uint8Array)).toMatchObject({ ticks: 0 });
    expect(reader.document).toEqual(stage.writer.document);
    expect(reader.since).toBe(`${stage.state.epoch}:${stage.state.seq}`);
  });

  it('gives the whole document to whoever comes from before the keyframe that an edge began with, though from its tick', async () => {
    for (const ticks of [0, 1]) {
      const stage = set(5);
      const reader = new PollReader(stage.writer.catalogue);
      await stage.read(reader);
      stage.writer.document = { ...stage.writer.document, laps: 999 };
      stage.put(stage.writer.keyframe());
      stage.restart();
      // The stream is read, and then the document goes on.
      await stage.answered(stage.ask(parsePosition(reader.since!)));
      stage.put(stage.writer.docPatch());
      stage.pass(20_000);
      stage.run(ticks);
      await stage.read(reader);
      expect(reader.ticks).toHaveLength(ticks);
      expect(reader.document).toEqual(stage.writer.document);
    }
  });

  it('tells at once that the race has become stale, again with every answer that has no tick, and no more with the next tick', async () => {
    const stage = set(5);
    const reader = new PollReader(stage.writer.catalogue);
    await stage.read(reader);
    const waiting = stage.ask(at(stage));
    stage.pass(1600);
    stage.sweep();
    expect(waiting).toEqual([]);
    stage.pass(1400);
    stage.sweep();
    const stale = { tick: 4, reason: 'no_ticks', sinceMs: stage.nowMs - 3000 };
    expect(reader.read((waiting[0] as Reply).body as Uint8Array)).toMatchObject({ ticks: 0, stale });
    const again = stage.ask(at(stage));
    stage.pass(9999);
    stage.sweep();
    expect(again).toEqual([]);
    expect(
      new PollReader(stage.writer.catalogue).read((stage.ask(undefined)[0] as Reply).body as Uint8Array),
    ).toMatchObject({ stale });
    stage.run(1);
    expect(reader.read((again[0] as Reply).body as Uint8Array)).toMatchObject({ ticks: 1 });
    expect(reader.heads.at(-1)).not.toHaveProperty('stale');
  });

  it('holds whoever is ahead until the edge has come up, and says when it does not', () => {
    const stage = set(5);
    const soon = stage.ask(at(stage, stage.state.seq + 1));
    const far = stage.ask(at(stage, stage.state.seq + 1000));
    stage.run(2);
    expect(soon).toHaveLength(1);
    expect(far).toEqual([]);
    stage.pass(2800);
    stage.run(1);
    stage.pass(200);
    stage.sweep();
    const reader = new PollReader(stage.writer.catalogue);
    expect(reader.read((far[0] as Reply).body as Uint8Array)).toMatchObject({ kind: 'snapshot', reason: 'ahead' });
    expect(reader.field).toEqual(stage.writer.field);
  });

  it('says openly what the stream does not have, or what cannot be read', async () => {
    const stage = set(300);
    const reader = () => new PollReader(stage.writer.catalogue);
    stage.isReadable = false;
    const unread = stage.ask(at(stage, 10));
    await Promise.resolve();
    expect(unread).toEqual([]);
    stage.pass(7000);
    stage.sweep();
    expect(reader().read((unread[0] as Reply).body as Uint8Array)).toMatchObject({ reason: 'unread' });
    stage.isReadable = true;
    stage.firstSeq = 200;
    stage.pass(1000);
    const gone = stage.ask(at(stage, 10));
    for (let n = 0; gone.length === 0 && n < 50; n++) {
      stage.sweep();
      await Promise.resolve();
    }
    expect(reader().read((gone[0] as Reply).body as Uint8Array)).toMatchObject({ reason: 'too_old' });
  });

  it('gives everybody who waits a snapshot when a new life begins', () => {
    const stage = set(5);
    const waiting = stage.ask(at(stage));
    stage.writer.startAnew('00000000000000bb');
    stage.begin();
    const reader = new PollReader(stage.writer.catalogue);
    expect(reader.read((waiting[0] as Reply).body as Uint8Array)).toMatchObject({
      ...{ kind: 'snapshot', reason: 'other_epoch', epoch: '00000000000000bb' },
    });
  });

  it('refuses whoever has no place to wait, but not whoever can be answered, and sends all away in the end', () => {
    const stage = set(5);
    stage.maxWaiting = 2;
    const first = stage.room.ask(at(stage), stage.answers, () => expect.fail('nobody is there'), stage.nowMs);
    const second = stage.ask(at(stage));
    expect(stage.ask(at(stage))).toEqual(['full']);
    expect(stage.ask(at(stage, 2))).toHaveLength(1);
    stage.room.forget(first);
    stage.room.forget(first);
    const third = stage.ask(at(stage));
    expect(stage.room.dismiss(1)).toBe(true);
    expect(stage.room.dismiss(1)).toBe(false);
    expect([second, third]).toEqual([['going_away'], ['going_away']]);
    expect(stage.ask(at(stage))).toEqual(['going_away']);
    expect(stage.ask(at(stage, 2))).toHaveLength(1);
    expect(stage.room.tally.refused).toEqual({ not_ready: 0, full: 1, going_away: 3 });
  });

  it('has nothing to say before there is a state', () => {
    expect(new Stage().ask(undefined)).toEqual(['not_ready']);
  });
});

describe('a stretch of the stream in one answer', () => {
  it('has at most a minute, and no more bytes than it may unless one tick alone has more', () => {
    const entry = (tick: number, bytes: number) => ({
      ...{ tick, seq: tick + 1, message: new Uint8Array(bytes), docs: [] },
    });
    const run = (count: number, bytes: number) =>
      ticksInAnswer(Array.from({ length: count }, (_, n) => entry(n, bytes)) as never, 120);
    expect(run(500, 10)).toMatchObject({ ticks: 119, isClosed: true });
    expect(run(100, 10)).toMatchObject({ ticks: 99, isClosed: false });
    expect(run(100, 100_000)).toMatchObject({ ticks: 10, isClosed: true });
    expect(run(100, 2_000_000)).toMatchObject({ ticks: 1, isClosed: true });
    expect(run(2, 2_000_000)).toMatchObject({ ticks: 1, isClosed: false });
  });
});
