import { expect } from 'vitest';
import type { Catalogue } from '../../protocol/catalogue.ts';
import type { CloseReason } from '../../protocol/codes.ts';
import type { History, Rate, Watch, Wish } from '../../protocol/control.ts';
import type { Field } from '../../protocol/field.ts';
import { parsePosition } from '../../protocol/position.ts';
import { type Fan, type FanSink, SENT } from '../fan.ts';
import { FanSet } from '../fan-set.ts';
import { DEFAULT_LIMITS, type EdgeLimits } from '../limits.ts';
import type { ReadStream } from '../past.ts';
import { RaceState } from '../race-state.ts';
import { RaceWriter, testCatalogue } from './publisher.ts';
import { carsOf, expectedCars, FanReader } from './test-fan.ts';

/** A socket that can be frozen; what it holds back is read when it thaws. */
export class FakeSink implements FanSink {
  readonly transport = 'websocket';
  isFrozen = false;
  /** How often several frames left together. */
  writes = 0;
  /** How often somebody asked what waits. */
  looks = 0;
  closed: CloseReason | undefined;
  readonly #reader: FanReader;
  #waiting: (string | Uint8Array)[] = [];

  readonly #onFrame: () => void;

  constructor(reader: FanReader, onFrame = () => {}) {
    this.#reader = reader;
    this.#onFrame = onFrame;
  }

  #send(message: string | Uint8Array): void {
    if (this.closed) throw new Error('Nothing may be sent after the close.');
    // As a socket does: the frame is good until this returns.
    this.#waiting.push(typeof message === 'string' ? message : message.slice());
    if (!this.isFrozen) this.read(Number.POSITIVE_INFINITY);
  }

  read(count: number): void {
    for (const message of this.#waiting.splice(0, count)) {
      if (typeof message === 'string') this.#reader.readText(message);
      else {
        this.#reader.readFrame(message);
        this.#onFrame();
      }
    }
  }

  sendText(text: string): void {
    this.#send(text);
  }
  sendFrame(frame: Uint8Array): void {
    this.#send(frame);
  }
  sendFrames(frames: readonly Uint8Array[], last: Uint8Array): void {
    this.writes++;
    for (const frame of [...frames, last]) this.#send(frame);
  }
  bufferedBytes(): number {
    this.looks++;
    return this.#waiting.reduce((sum, message) => sum + message.length, 0);
  }
  close(reason: CloseReason): void {
    this.closed = reason;
  }
  batch(send: () => void): void {
    send();
  }
  readonly direct = {
    send: (frame: Uint8Array) => {
      this.#send(frame);
      return this.#waiting.length === 0 ? SENT : 0;
    },
  };
  noted(): void {}
}

/** A stream in memory with the truth of every tick. */
export class World {
  readonly writer: RaceWriter;
  readonly log: Uint8Array[] = [];
  readonly truth = new Map<string, Field>();
  readonly catalogues = new Map<number, Catalogue>();
  nowMs = 0;

  /** @param channels Of its first catalogue, 10 at least. */
  constructor(seed: number, channels = 10) {
    this.writer = new RaceWriter({ seed, cars: 5, catalogue: testCatalogue('test', channels) });
    this.begin();
  }

  begin(): void {
    this.catalogues.set(this.writer.catalogue.tag, this.writer.catalogue);
    this.log.push(this.writer.nextTick().bytes, this.writer.keyframe().bytes);
    this.#remember();
  }

  #remember(): void {
    const { epoch, tick, catalogue, field } = this.writer;
    this.truth.set(`${epoch}:${tick}:${catalogue.hash}`, field);
  }

  publish(ticks: number): void {
    for (let n = 0; n < ticks; n++) {
      this.log.push(...this.writer.next().map(({ bytes }) => bytes));
      this.#remember();
    }
  }

  /** One tick in which a car leaves the field. */
  publishWithout(car: string): void {
    this.log.push(this.writer.nextTick(car).bytes);
    this.#remember();
  }

  /** The next keyframe holds a document to which no patch leads. */
  replaceDocument(): void {
    this.writer.document = { ...this.writer.document, laps: (this.writer.document.laps as number) + 100 };
    this.log.push(this.writer.keyframe().bytes);
  }

  /** The checkered flag is shown. */
  finish(): void {
    this.log.push(this.writer.docPatch([{ op: 'add', path: '/flag', value: 'checkered' }]).bytes);
  }

  changeCatalogue(): void {
    this.writer.changeCatalogue(testCatalogue(`catalogue-${this.catalogues.size}`));
    this.catalogues.set(this.writer.catalogue.tag, this.writer.catalogue);
    this.log.push(this.writer.keyframe().bytes);
    this.#remember();
  }

  catalogueOf(hash: string): Catalogue {
    return [...this.catalogues.values()].find((catalogue) => catalogue.hash === hash)!;
  }
}

/** An edge without sockets and NATS. */
export class FakeEdge {
  readonly world: World;
  readonly fans: FanSet;
  state: RaceState;
  #read = 0;
  /** The stream cannot be read. */
  isCutOff = false;
  expectsErrors = false;
  /** Two fans have been served, and others are left. */
  onPiece = () => {};
  #reads: (() => void)[] = [];
  #hasReplays = false;

  /** What went wrong, and was kept with the fan that it met. */
  readonly errors: unknown[] = [];

  constructor(world: World, limits: Partial<EdgeLimits> = {}) {
    this.world = world;
    this.state = new RaceState(world.writer.catalogue, 30);
    this.fans = new FanSet({
      race: 'oval',
      edge: 'e',
      tickMs: 500,
      limits: { ...DEFAULT_LIMITS, ...limits },
      fansOnEdge: () => this.fans.size,
      readStream: (...asked) => this.#reads.push(() => this.#readStream(...asked)),
      onRead: () => {},
      onReplay: () => {
        this.#hasReplays = true;
      },
      isStreamAway: () => this.isCutOff,
      report: (_, error) => this.errors.push(error),
    });
    this.catchUp();
  }

  #readStream(...[first, last, take]: Parameters<ReadStream>): void {
    const { log, nowMs } = this.world;
    const stored = log.slice(first - 1, last).map((data, index) => ({ seq: first + index, data }));
    if (this.isCutOff) {
      take(undefined, true, nowMs);
      return;
    }
    take(stored.slice(0, 7), false, nowMs);
    take(stored.slice(7), true, nowMs);
  }

  /** Reads what was asked of the stream, and gives fans what they missed, until there is nothing more to do. */
  settle(): void {
    do {
      for (const read of this.#reads.splice(0)) read();
      this.#hasReplays = false;
      while (this.fans.replay(this.world.nowMs, 2));
    } while (this.#reads.length > 0 || this.#hasReplays);
  }

  /**
   * @param spoil Alters the first of them on its way.
   * @param isBusy Takes all of them before it serves a fan.
   */
  catchUp(count = Number.POSITIVE_INFINITY, spoil = false, isBusy = false): void {
    let isDue = false;
    const end = Math.min(this.world.log.length, this.#read + count);
    let isSpoilt = spoil;
    while (this.#read < end) {
      const bytes = this.world.log[this.#read++]!;
      const given = isSpoilt ? bytes.with(bytes.length - 1, bytes.at(-1)! ^ 255) : bytes;
      isSpoilt = false;
      let applied = this.state.apply(this.#read, given);
      if (applied.kind === 'catalogue') {
        const tag = new DataView(bytes.buffer, bytes.byteOffset).getUint32(20, true);
        this.state = new RaceState(this.world.catalogues.get(tag)!, 30);
        applied = this.state.apply(this.#read, given);
      }
      if (this.state.head && this.fans.advance(this.state, applied, this.world.nowMs)) isDue = true;
      if (isDue && !isBusy) this.#serve();
    }
    if (isDue) this.#serve();
  }

  /** Tells all fans to go, at moments within so many ms; they are served until then. */
  leave(windowMs: number, random: () => number): void {
    this.fans.leave({ beganAtMs: this.world.nowMs, leadMs: 0, windowMs }, random);
    while (this.fans.sayBye(this.world.nowMs, 1));
  }

  #serve(): void {
    while (this.fans.serve(this.world.nowMs, 2)) this.onPiece();
    this.settle();
    // Only a test that made one itself knows what to do with it.
    if (this.errors.length > 0 && !this.expectsErrors) throw this.errors[0];
  }
}

/** A faithful client that checks every tick against the truth. */
export class FakeFan {
  readonly world: World;
  readonly reader: FanReader;
  sink!: FakeSink;
  fan!: Fan;
  edge!: FakeEdge;
  readonly history: History;
  rate: Rate;
  #checked = 0;

  constructor(world: World, wish: Wish | readonly Watch[], history: History, rate: Rate = 2) {
    this.world = world;
    this.history = history;
    this.rate = rate;
    this.reader = new FanReader((hash) => world.catalogueOf(hash), 'watch' in wish ? wish : { watch: wish });
  }

  /** @param isFrozen Whether what the edge sends waits to be read. */
  connect(edge: FakeEdge, isFrozen = false): void {
    this.edge = edge;
    const wanted = this.reader.wish;
    const since = this.reader.welcome && this.reader.state ? parsePosition(this.reader.position) : undefined;
    const wish = since ? this.reader.resume() : wanted;
    this.sink = new FakeSink(this.reader, () => this.check());
    this.sink.isFrozen = isFrozen;
    this.fan = edge.fans.add(this.sink, this.world.nowMs);
    edge.fans.greet(
      this.fan,
      { version: 1, ...wish, history: this.history, doc: true, rate: this.rate, ...(since ? { since } : {}) },
      this.world.nowMs,
    );
    edge.settle();
    if (this.fan.stage === 'parked') {
      this.world.nowMs += 60_000;
      edge.catchUp(1);
      edge.fans.sweep(this.world.nowMs);
      if (this.sink.closed) {
        // No tick came: it was sent away, and finds an edge that has come up; one that had lost the race begins anew.
        this.world.publish(21);
        edge.catchUp();
        this.connect(edge, isFrozen);
        return;
      }
    }
    if (since && wanted.watch.length !== wish.watch.length) edge.fans.watch(this.fan, 1, wanted);
  }

  cut(): void {
    this.edge.fans.remove(this.fan);
    this.sink.closed = 'going_away';
  }

  watch(wish: Wish): void {
    this.edge.fans.watch(this.fan, 1, wish);
  }

  setRate(rate: Rate): void {
    this.rate = rate;
    this.edge.fans.setRate(this.fan, 1, rate, this.world.nowMs);
  }

  thaw(count = Number.POSITIVE_INFINITY): void {
    this.sink.isFrozen = count !== Number.POSITIVE_INFINITY;
    this.sink.read(count);
    this.edge.fans.flush(this.fan, this.world.nowMs);
    this.edge.settle();
  }

  /** Every tick that was read is the truth. */
  check(): void {
    const { ticks, welcome, catalogue } = this.reader;
    for (const { tick, state, wish } of ticks.slice(this.#checked)) {
      const field = this.world.truth.get(`${welcome!.epoch}:${tick}:${catalogue!.hash}`)!;
      expect(carsOf(state)).toEqual(expectedCars(catalogue!, field, wish));
    }
    this.#checked = ticks.length;
  }
}
