import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CloseReason } from '../protocol/codes.ts';
import { parsePosition } from '../protocol/position.ts';
import { Delivery } from './delivery.ts';
import type { FanSink } from './fan.ts';
import { PLAIN_WRITER } from './json-events.ts';
import type { JsonFan, JsonWish } from './json-fan.ts';
import { JsonFans } from './json-fans.ts';
import { JsonRace, shownBy, wholeField } from './json-race.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { RaceState } from './race-state.ts';
import { Standstill } from './standstill.ts';
import { JsonReader } from './testing/json-reader.ts';
import { RaceWriter, testCatalogue, type Written } from './testing/publisher.ts';

/** A connection that can be frozen. */
class Sink implements FanSink {
  readonly transport = 'sse';
  readonly direct = undefined;
  readonly reader: JsonReader;
  closed: CloseReason | undefined;
  isFrozen = false;
  #waiting: string[] = [];

  /** @param reader What the person has from before. */
  constructor(reader = new JsonReader()) {
    this.reader = reader;
  }

  sendText(text: string): void {
    if (this.closed) throw new Error('Nothing may be sent after the close.');
    this.#waiting.push(text);
    if (!this.isFrozen) this.thaw();
  }
  sendFrame(): void {
    throw new Error('There are no frames for people.');
  }
  sendFrames = this.sendFrame;
  bufferedBytes(): number {
    return this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }
  close(reason: CloseReason): void {
    this.closed = reason;
    this.reader.take(PLAIN_WRITER.close(reason));
  }
  batch(send: () => void): void {
    send();
  }
  noted(): void {}
  thaw(): void {
    this.isFrozen = false;
    for (const text of this.#waiting.splice(0)) this.reader.take(text);
  }
}

const WISH: JsonWish = { watch: undefined, history: 'all', doc: true, rate: 2 };

/** A race in memory with people who read it. */
class Stage {
  readonly writer: RaceWriter;
  readonly log: { seq: number; data: Uint8Array }[] = [];
  readonly problems: unknown[] = [];
  readonly limits = { ...DEFAULT_LIMITS, maxPendingBytes: 2000 };
  readonly standstill = new Standstill([], { limits: this.limits, tickMs: 500, isStreamAway: () => false });
  readonly room: JsonFans;
  state: RaceState;
  delivery: Delivery;
  nowMs = 1_000_000;
  isReadable = true;

  constructor(seed = 1) {
    this.writer = new RaceWriter({ cars: 5, seed });
    this.state = new RaceState(this.writer.catalogue, 30);
    this.delivery = this.#deliver();
    const { limits, standstill } = this;
    this.room = new JsonFans({
      ...{ race: 'oval', tickMs: 500, limits, standstill, delivery: () => this.delivery },
      report: (_, detail) => this.problems.push(detail),
    });
    this.put(this.writer.nextTick(), this.writer.keyframe());
  }

  #deliver(): Delivery {
    const read = (first: number, last: number, take: Parameters<ConstructorParameters<typeof Delivery>[1]>[2]) =>
      queueMicrotask(() => {
        const messages = this.log.filter(({ seq }) => seq >= first && seq <= last);
        take(this.isReadable ? messages : undefined, true, this.nowMs);
      });
    return new Delivery(this.state, read, () => this.serve(this.room.hasRead()));
  }

  put(...messages: Written[]): void {
    for (const { bytes } of messages) {
      const seq = this.log.length + 1;
      this.log.push({ seq, data: bytes });
      let applied = this.state.apply(seq, bytes);
      if (applied.kind === 'catalogue') {
        this.state = new RaceState(this.writer.catalogue, 30);
        applied = this.state.apply(seq, bytes);
      }
      if (this.delivery.state !== this.state || applied.kind === 'begin') this.delivery = this.#deliver();
      if (applied.kind === 'tick' || applied.kind === 'begin') this.standstill.end(this.nowMs, this.nowMs);
      this.serve(this.room.advance(applied));
    }
  }

  /** Another process takes the place of this edge, and begins with the newest message. */
  restart(): void {
    const { seq, data } = this.log.at(-1)!;
    this.state = new RaceState(this.writer.catalogue, 30);
    this.delivery = this.#deliver();
    this.serve(this.room.advance(this.state.apply(seq, data)));
  }

  run(ticks: number): void {
    for (let n = 0; n < ticks; n++) {
      this.nowMs += 500;
      this.put(...this.writer.next());
    }
  }

  serve(isNeeded: boolean): void {
    if (isNeeded) while (this.room.serve(this.nowMs, 3));
  }

  sweep(ms: number): void {
    this.nowMs += ms;
    this.standstill.sweep(this.nowMs, this.state);
    this.delivery.past.sweep(this.nowMs);
    this.serve(this.room.sweep(this.nowMs));
  }

  fan(wish: Partial<JsonWish> = {}, before?: JsonReader): { fan: JsonFan; sink: Sink; reader: JsonReader } {
    const sink = new Sink(before);
    const fan = this.room.add(sink, { ...WISH, ...wish }, 1000, this.nowMs);
    this.serve(true);
    return { fan, sink, reader: sink.reader };
  }

  /** A fan that has all that waits for no tick holds it; its position may lie before a message that changed nothing. */
  expectTruth({ held, lastEventId }: JsonReader, { choice, wish }: JsonFan): void {
    const shown = choice ? shownBy(choice) : wholeField(this.state.catalogue);
    const truth = new JsonRace('oval', this.state).snapshot(shown, wish.doc);
    expect(held).toEqual({ ...JSON.parse(JSON.stringify(truth)), position: lastEventId });
  }

  /** Lets the stream be read, and waits for the document to come alone. */
  async settle(): Promise<void> {
    for (let n = 0; n < 30; n++) {
      await Promise.resolve();
      this.sweep(n < 2 ? 1100 : 0);
    }
  }
}

const WISHES: Partial<JsonWish>[] = [
  {},
  { watch: [{ car: '0', view: 'full' }] },
  {
    watch: [
      { car: '1', view: 'own' },
      { car: 'none', view: 'driver' },
    ],
    channels: ['c7', 'c1'],
  },
  {
    watch: [
      { car: '2', view: 'essentials' },
      { car: '0', view: 'driver' },
    ],
    doc: false,
  },
  { rate: 0.5 },
  { watch: [], history: 'latest' },
];

describe('people who read JSON', () => {
  it('hold the truth after whatever happens to them, to the edge and to the stream', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('run' as const), count: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constantFrom('join' as const), count: fc.nat(WISHES.length - 1) }),
      fc.record({
        kind: fc.constantFrom('return' as const, 'freeze' as const, 'thaw' as const, 'doc' as const, 'leave' as const),
        count: fc.nat(9),
      }),
      fc.record({ kind: fc.constantFrom('quiet' as const, 'epoch' as const, 'gap' as const), count: fc.nat(9) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(1000), fc.array(step, { maxLength: 25 }), async (seed, steps) => {
        const stage = new Stage(seed);
        const fans = [stage.fan()];
        const gone: { wish: JsonWish; reader: JsonReader }[] = [];
        let epoch = 0xbb;
        for (const { kind, count } of steps) {
          const one = fans[count % fans.length]!;
          if (kind === 'run') stage.run(count);
          if (kind === 'join') fans.push(stage.fan(WISHES[count]));
          if (kind === 'leave' && fans.length > 1) {
            fans.splice(fans.indexOf(one), 1);
            stage.room.remove(one.fan);
            one.sink.thaw();
            gone.push({ wish: one.fan.wish, reader: one.reader });
          }
          const back = kind === 'return' ? gone.pop() : undefined;
          if (back) {
            const since = parsePosition(back.reader.lastEventId)!;
            fans.push(stage.fan({ ...back.wish, since }, back.reader));
          }
          if (kind === 'freeze') one.sink.isFrozen = true;
          if (kind === 'thaw') {
            one.sink.thaw();
            stage.serve(stage.room.drained(one.fan));
          }
          if (kind === 'doc') stage.put(stage.writer.docPatch());
          if (kind === 'quiet') await stage.settle();
          if (kind === 'epoch') {
            stage.writer.startAnew((epoch++).toString(16).padStart(16, '0'));
            stage.put(stage.writer.nextTick(), stage.writer.keyframe());
          }
          if (kind === 'gap') {
            stage.writer.nextTick();
            stage.run(25);
          }
        }
        for (const { sink, fan } of fans) {
          sink.thaw();
          stage.serve(stage.room.drained(fan));
        }
        await stage.settle();
        for (const { reader, fan } of fans) {
          expect(stage.problems).toEqual([]);
          if (fan.wish.rate === 2) expect(reader.untold).toBe(0);
          if (reader.closed) expect(reader.closed.reason).toBe('timeout');
          else stage.expectTruth(reader, fan);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('get a snapshot and every tick once', () => {
    const stage = new Stage();
    const { reader } = stage.fan();
    stage.run(12);
    expect(reader.ticks).toEqual(Array.from({ length: 13 }, (_, n) => n));
    expect(reader.names).toEqual(['receipt', 'snapshot', ...Array(12).fill('patch')]);
    expect(reader.receipts).toMatchObject([{ kind: 'snapshot', reason: 'first', ticks: 0 }]);
    expect(reader.retryMs).toBe(1000);
  });

  it.each([
    ['in the ring', 20],
    ['before the ring, out of the stream', 200],
  ])('go on from a position %s: with every missed tick, or with one patch', async (_, missed) => {
    const stage = new Stage();
    const away = (['all', 'latest'] as const).map((history) => stage.fan({ history }));
    for (const { fan } of away) stage.room.remove(fan);
    stage.run(missed);
    const [all, latest] = away.map(({ fan, reader }) =>
      stage.fan({ ...fan.wish, since: parsePosition(reader.lastEventId)! }, reader),
    );
    await stage.settle();
    for (const { reader, fan } of [all!, latest!]) stage.expectTruth(reader, fan);
    expect(all!.reader.ticks).toEqual(Array.from({ length: missed + 1 }, (_, n) => n));
    expect(new Set(all!.reader.receipts.slice(1).map(({ kind }) => kind))).toEqual(new Set(['deltas']));
    expect(all!.reader.receipts.reduce((sum, { ticks }) => sum + ticks, 0)).toBe(missed);
    expect(latest!.reader.ticks.slice(0, 2)).toEqual([0, missed]);
    expect(latest!.reader.receipts[1]).toMatchObject({ kind: 'composite', ticks: missed });
    expect(latest!.reader.receipts[1]).not.toHaveProperty('conflated');
  });

  it('are told why they get a snapshot', async () => {
    const stage = new Stage();
    stage.run(200);
    const { epoch } = stage.writer;
    const reasons = async (since: NonNullable<JsonWish['since']>) => {
      const { reader } = stage.fan({ since });
      await stage.settle();
      stage.sweep(1000);
      return reader.receipts[0];
    };
    expect(await reasons('garbled')).toMatchObject({ kind: 'snapshot', reason: 'garbled' });
    expect(await reasons({ epoch: 'fedcba9876543210', seq: 7 })).toMatchObject({ reason: 'other_epoch' });
    const ahead = stage.fan({ since: { epoch, seq: 10_000 } });
    stage.run(7);
    stage.sweep(100);
    expect(ahead.reader.receipts[0]).toMatchObject({ reason: 'ahead' });
    stage.isReadable = false;
    const { reader } = stage.fan({ since: { epoch, seq: 20 } });
    await stage.settle();
    expect(reader.receipts).toEqual([]);
    stage.sweep(7000);
    expect(reader.receipts).toMatchObject([{ reason: 'unread' }]);
  });

  it('who come from before the keyframe that an edge began with, though from its tick, miss nothing and get no snapshot', async () => {
    for (const ticks of [0, 1]) {
      const stage = new Stage();
      stage.run(5);
      const { reader: before, fan: gone } = stage.fan();
      stage.room.remove(gone);
      stage.writer.document = { ...stage.writer.document, laps: 999 };
      stage.put(stage.writer.keyframe());
      stage.restart();
      const { reader, fan } = stage.fan({ since: parsePosition(before.lastEventId)! }, before);
      // The stream is read, and then the document goes on.
      for (let n = 0; n < 10; n++) await Promise.resolve();
      const had = reader.receipts.length;
      stage.put(stage.writer.docPatch());
      stage.run(ticks);
      await stage.settle();
      stage.expectTruth(reader, fan);
      expect(reader.receipts.slice(had - 1)).toMatchObject([{ kind: 'deltas', ticks: 0 }]);
    }
  });

  it('who read too slowly get one patch over all the ticks, are told, and cost no more than their budget', () => {
    const stage = new Stage();
    const { fan, sink, reader } = stage.fan();
    sink.isFrozen = true;
    stage.run(3);
    const waiting = sink.bufferedBytes();
    stage.run(20);
    expect(sink.bufferedBytes()).toBeLessThan(waiting + 2000);
    sink.thaw();
    stage.serve(stage.room.drained(fan));
    expect(reader.held).toMatchObject({ tick: 23 });
    expect(reader.receipts.at(-1)).toMatchObject({ kind: 'composite', conflated: true });
    expect(reader.untold).toBe(0);
    sink.isFrozen = true;
    stage.run(60);
    sink.thaw();
    stage.serve(stage.room.drained(fan));
    expect(reader.receipts.at(-1)).toMatchObject({ kind: 'snapshot', reason: 'too_old', conflated: true });
    expect(stage.room.tally.conflated).toBe(2);
    sink.isFrozen = true;
    stage.run(10);
    stage.sweep(50_000);
    expect(sink.closed).toBeUndefined();
    stage.sweep(10_000);
    expect(sink.closed).toBe('timeout');
    expect(stage.room.size).toBe(0);
  });

  it('who see the same share the work', () => {
    const stage = new Stage();
    const watch = [
      { car: '0', view: 'full' },
      { car: '1', view: 'driver' },
    ];
    const fans = [stage.fan({ watch }), stage.fan({ watch: watch.toReversed() }), stage.fan({ watch: watch.slice(1) })];
    stage.run(6);
    const { made } = stage.room;
    stage.run(4);
    expect(stage.room.made).toBe(made + 4 * 2);
    expect(fans[0]!.reader.held).toEqual(fans[1]!.reader.held);
    expect(fans[0]!.reader.held).not.toEqual(fans[2]!.reader.held);
  });

  it('at a lower rate get a patch for so many ticks, and the newest one in a race that stands still', async () => {
    const stage = new Stage();
    const { reader, fan } = stage.fan({ rate: 0.5 });
    stage.run(13);
    const steps = reader.ticks.slice(1).map((tick, n) => tick - reader.ticks[n]!);
    expect(steps.slice(1).every((step) => step === 4)).toBe(true);
    expect(reader.receipts).toHaveLength(1);
    await stage.settle();
    stage.expectTruth(reader, fan);
  });

  it('are told once that the race is stale, whoever comes meanwhile too, and hear from the edge', () => {
    const stage = new Stage();
    const early = stage.fan();
    stage.run(2);
    stage.sweep(1600);
    stage.sweep(1500);
    stage.sweep(1000);
    const late = stage.fan();
    const stale = { tick: 2, reason: 'no_ticks' };
    for (const { reader } of [early, late]) expect(reader.stale).toMatchObject([stale]);
    const { bytes } = stage.room.tally;
    stage.sweep(10_000);
    expect(stage.room.tally.bytes).toBe(bytes + 2 * ':\n\n'.length);
    stage.run(1);
    stage.sweep(1600);
    stage.sweep(1500);
    for (const { reader } of [early, late]) expect(reader.stale).toHaveLength(2);
  });

  it('go on in another catalogue with what there is of their choice', () => {
    const stage = new Stage();
    const { reader, fan } = stage.fan({
      watch: [
        { car: '0', view: 'own' },
        { car: '1', view: 'full' },
      ],
      channels: ['c9', 'c1'],
    });
    stage.writer.changeCatalogue(testCatalogue('smaller', 10));
    stage.put(stage.writer.keyframe());
    stage.run(3);
    expect(reader.receipts.at(-1)).toMatchObject({ kind: 'snapshot', reason: 'restart' });
    stage.expectTruth(reader, fan);
    expect(reader.held).toMatchObject({ catalogue: stage.writer.catalogue.hash });
  });

  it('are sent away when the edge leaves, some at a time', () => {
    const stage = new Stage();
    const fans = [stage.fan(), stage.fan(), stage.fan()];
    expect(stage.room.dismiss(2)).toBe(true);
    expect(stage.room.dismiss(2)).toBe(false);
    expect(fans.map(({ reader }) => reader.closed?.reason)).toEqual(Array(3).fill('going_away'));
    expect(stage.room.size).toBe(0);
  });
});
