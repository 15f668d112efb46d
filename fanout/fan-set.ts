import type { CloseReason } from '../protocol/codes.ts';
import type { Hello, Rate, Wish } from '../protocol/control.ts';
import { PROTOCOL_VERSION } from '../protocol/tick-message.ts';
import { Courier, type FanSetOptions, type FanTally } from './courier.ts';
import { Delivery } from './delivery.ts';
import { Fan, type FanSink, type OwedSnapshot } from './fan.ts';
import { chooseAnew, keepChoice, sayWatching, tellLost } from './fan-choice.ts';
import { countPendingBytes, countStages, countTransports } from './fan-counts.ts';
import { receiveNext } from './fan-messages.ts';
import { type Departure, Farewell } from './farewell.ts';
import type { EdgeLimits } from './limits.ts';
import { Paces } from './pace.ts';
import type { Applied, RaceState } from './race-state.ts';
import { Replays } from './replays.ts';
import { type Awaited, planResume } from './resume-plan.ts';
import { Standstill, type Verdict } from './standstill.ts';
import { TickPass } from './tick-pass.ts';

/**
 * The fans of one race: who they are, what they hold, what they get. Decides and sends in one synchronous turn, so
 * that a fan is attached before its snapshot is cut and no tick falls between the two. Time comes in as an argument.
 */
export class FanSet {
  readonly #options: FanSetOptions;
  readonly #fans = new Set<Fan>();
  readonly #pass = new TickPass({
    serve: (fan, nowMs) => this.#serve(fan, nowMs),
    onError: (fan, error) => this.#excuse(fan, error),
  });
  #delivery: Delivery | undefined;
  readonly #courier: Courier;
  readonly #paces: Paces;
  readonly #replays: Replays;
  readonly #parked = new Set<Fan>();
  readonly standstill: Standstill;
  #farewell: Farewell | undefined;

  constructor(options: FanSetOptions) {
    this.#options = options;
    this.standstill = new Standstill(this.#fans, options);
    this.#courier = new Courier(options, this.standstill);
    this.#paces = new Paces(options.tickMs);
    this.#replays = new Replays(options.onReplay);
  }

  get tally(): FanTally {
    return this.#courier.tally;
  }

  get size(): number {
    return this.#fans.size;
  }

  /** How many fans have everything, and get each tick in one go with the others. */
  get inLockstep(): number {
    return this.#pass.inLockstep;
  }

  get stages() {
    return countStages(this.#fans);
  }

  get transports() {
    return countTransports(this.#fans);
  }

  get pendingBytes(): number {
    return countPendingBytes(this.#fans);
  }

  get delivery(): Delivery | undefined {
    return this.#delivery;
  }

  get limits(): EdgeLimits {
    return this.#options.limits;
  }

  /** How the race stands here. */
  get verdict(): Verdict {
    return this.standstill.judge(this.#delivery?.state);
  }

  add(sink: FanSink, nowMs: number): Fan {
    const fan = new Fan(sink, nowMs, this.limits.helloTimeoutMs);
    this.#fans.add(fan);
    this.#pass.add(fan);
    return fan;
  }

  /** Forgets a fan whose socket is closed. Safe to call twice. */
  remove(fan: Fan): void {
    if (fan.choice) this.#delivery?.book.release(fan.choice);
    fan.choice = undefined;
    fan.stage = 'gone';
    this.#fans.delete(fan);
    this.#pass.remove(fan);
    this.#parked.delete(fan);
    this.#replays.forget(fan);
  }

  close(fan: Fan, reason: CloseReason): void {
    if (fan.stage === 'gone') return;
    this.remove(fan);
    this.tally.closed[reason] = (this.tally.closed[reason] ?? 0) + 1;
    fan.sink.close(reason);
  }

  /** Brings a fan in: welcome, receipt, repair. From then on it is live. */
  greet(fan: Fan, hello: Hello, nowMs: number): void {
    const delivery = this.#delivery;
    if (!delivery || hello.version !== PROTOCOL_VERSION) {
      this.close(fan, delivery ? 'bad_version' : 'not_ready');
      return;
    }
    if (fan.stage === 'new') fan.askedAtMs = nowMs;
    const { epoch, seq, ring } = delivery.state;
    const older = (position: number) => delivery.past.at(position);
    const late = nowMs >= fan.deadlineAtMs ? fan.parkedFor : undefined;
    const isStalled = this.standstill.isStalled(nowMs, delivery.state);
    const plan = planResume(hello.since, hello.history, { epoch, seq, ring, older, late, isStalled });
    if (plan.kind === 'wait' && plan.for === late) {
      // Another edge may know more.
      this.close(fan, 'not_ready');
      return;
    }
    if (plan.kind === 'wait') {
      this.#park(fan, hello, plan.for, nowMs);
      return;
    }
    this.#parked.delete(fan);
    fan.stage = 'live';
    fan.hello = undefined;
    fan.parkedFor = undefined;
    fan.wantsDoc = hello.doc;
    fan.pace = this.#paces.take(hello.rate);
    fan.choice = delivery.book.take(hello, delivery.state.head!.field);
    const { since, lost } = hello;
    if (lost) tellLost(fan, delivery, lost);
    if (plan.kind === 'deltas' && plan.base.tick < ring.head!.tick && since && since !== 'garbled') {
      this.#courier.beginReplay(fan, delivery, plan.base, since.seq);
      this.#replay(fan, nowMs);
    } else this.#courier.join(fan, delivery, delivery.repair(plan, fan.choice, hello, nowMs - fan.askedAtMs));
    receiveNext(this, fan, hello, nowMs);
    this.#farewell?.bye(fan, nowMs);
  }

  /** Whoever comes from an edge that is a moment faster waits: a snapshot would take it back in time. */
  #park(fan: Fan, hello: Hello, reason: Awaited, nowMs: number): void {
    // An edge that has come up with the fan may find that the stream has to be read: that takes its own time.
    if (fan.parkedFor === reason) return;
    fan.parkedFor = reason;
    const { aheadTimeoutMs, readTimeoutMs } = this.limits;
    fan.stage = 'parked';
    fan.hello = hello;
    fan.deadlineAtMs = nowMs + (reason === 'edge' ? aheadTimeoutMs : readTimeoutMs);
    this.#parked.add(fan);
  }

  /** Goes on with the fans that get tick by tick what they missed, `count` parts of it. @returns whether there is more to do at once. */
  replay(nowMs: number, count: number): boolean {
    return this.#replays.run(count, (fan) => this.#serve(fan, nowMs));
  }

  #replay(fan: Fan, nowMs: number): void {
    const step = this.#courier.replay(fan, this.#delivery!, nowMs);
    if (step === 'more') this.#replays.add(fan);
    else if (step === 'unread') this.#replays.wait(fan, nowMs);
    else if (step === 'gone') this.#giveAnew(fan, 'too_old', nowMs);
  }

  /** Ends a replay, if there is one: the fan gets everything anew, and is told why. */
  #giveAnew(fan: Fan, reason: OwedSnapshot['reason'], nowMs: number): void {
    this.#replays.forget(fan);
    fan.replay = undefined;
    fan.owed ??= { reason, hasWelcome: false, isConflated: false, sinceMs: nowMs };
    fan.dueTick = -1;
    this.#serve(fan, nowMs);
  }

  /** More of the stream is known. */
  #hasRead(nowMs: number): void {
    for (const fan of this.#parked) this.#serve(fan, nowMs);
    this.#replays.wake();
    this.#options.onRead();
  }

  /**
   * Takes what a message of the stream did to `state`. A state that was not seen before, or began anew, gives every
   * fan a snapshot.
   * @param tickAtMs When the tick of a state that began came to the stream.
   * @returns whether the fans must be served now.
   */
  advance(state: RaceState, applied: Applied, nowMs: number, tickAtMs = nowMs): boolean {
    if (this.#delivery?.state !== state || applied.kind === 'begin') this.#begin(state, nowMs);
    if (applied.kind === 'tick') this.tally.ticks++;
    if (applied.kind === 'tick' || applied.kind === 'begin') {
      this.standstill.end(nowMs, applied.kind === 'tick' ? nowMs : tickAtMs);
      return true;
    }
    if (applied.kind !== 'lost') for (const fan of this.#parked) this.#serve(fan, nowMs);
    return false;
  }

  /**
   * Sends fans what they miss, `count` of them and those after them with the next call. Must be called until the pass
   * is over before the state changes again: else the first fans get every tick and the last ones never do.
   * @returns whether there are more.
   */
  serve(nowMs: number, count: number): boolean {
    const delivery = this.#delivery;
    return delivery !== undefined && this.#pass.serve(delivery, this.tally, nowMs, count);
  }

  /** {@link guard} without a closure for every fan and tick. */
  #serve(fan: Fan, nowMs: number): void {
    try {
      this.flush(fan, nowMs);
    } catch (error) {
      this.#excuse(fan, error);
    }
  }

  /** Keeps an error of ours with the fan that it met: the others are served, and this one may come back. */
  guard(fan: Fan, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#excuse(fan, error);
    }
  }

  #excuse(fan: Fan, error: unknown): void {
    this.#options.report('internal', error);
    this.close(fan, 'not_ready');
  }

  #begin(state: RaceState, nowMs: number): void {
    const before = this.#delivery;
    this.#pass.breakAllSteps();
    const delivery = new Delivery(state, this.#options.readStream, (readAtMs) => {
      // What was read for an earlier state comes too late.
      if (this.#delivery === delivery) this.#hasRead(readAtMs);
    });
    this.#delivery = delivery;
    const isNewCatalogue = before?.state.catalogue.hash !== state.catalogue.hash;
    // What those who wait have asked for was read by another catalogue: they say it again.
    if (isNewCatalogue) for (const fan of this.#parked) this.close(fan, 'not_ready');
    for (const fan of this.#fans) {
      if (fan.stage !== 'live' || !fan.choice) continue;
      const isNewEpoch = fan.epoch !== state.epoch;
      fan.dueTick = -1;
      fan.owed = {
        reason: isNewEpoch ? 'other_epoch' : 'restart',
        hasWelcome: isNewEpoch || isNewCatalogue || (fan.owed?.hasWelcome ?? false),
        isConflated: false,
        sinceMs: nowMs,
      };
      fan.replay = undefined;
      this.#replays.forget(fan);
      keepChoice(fan, delivery);
    }
  }

  /**
   * Sends a fan everything that it misses, if its socket has room: the next tick, or one frame over all the ticks
   * that it was too slow for. Otherwise nothing: the fan keeps its place, and memory stays bounded.
   */
  flush(fan: Fan, nowMs: number): void {
    const delivery = this.#delivery;
    if (!delivery || fan.stage === 'new' || fan.stage === 'gone') return;
    this.#pass.breakStep(fan);
    if (fan.stage === 'parked') {
      this.greet(fan, fan.hello!, nowMs);
      return;
    }
    const buffered = fan.sink.bufferedBytes();
    if (!this.#hasRoom(fan, buffered)) {
      if (fan.noteBlocked(nowMs, buffered) >= this.limits.stallTimeoutMs) this.close(fan, 'timeout');
      return;
    }
    if (fan.blockedSinceMs !== undefined) fan.blockedSinceMs = undefined;
    if (fan.replay) this.#replay(fan, nowMs);
    else this.#courier.catchUp(fan, delivery, nowMs);
  }

  /** A fan that was over its budget first reads nearly all of it: what it gets then is fresh, not always a bit late. */
  #hasRoom(fan: Fan, bufferedBytes: number): boolean {
    const { maxPendingBytes } = this.limits;
    return bufferedBytes <= (fan.blockedSinceMs === undefined ? maxPendingBytes : maxPendingBytes / 8);
  }

  /** Gives a fan everything anew, because it asked. */
  resync(fan: Fan, nowMs: number): void {
    this.#pass.breakStep(fan);
    this.#giveAnew(fan, 'resync', nowMs);
  }

  /** Changes the choice of a live fan in place and says so. @param id Of the message that asked for it. */
  watch(fan: Fan, id: number, wish: Wish): void {
    this.#pass.breakStep(fan);
    chooseAnew(fan, wish, this.#delivery!);
    sayWatching(fan, this.#delivery!, id);
  }

  /** Changes how often a live fan gets a frame; what it misses by then it gets at once. */
  setRate(fan: Fan, id: number, rate: Rate, nowMs: number): void {
    const { tick } = this.#delivery!.state.head!;
    this.#pass.breakStep(fan);
    fan.pace = this.#paces.take(rate);
    fan.say({ type: 'rate', id, rate });
    if (fan.replay) return;
    // What is due already stays so, or a fan that reads too slowly would not be told.
    if (fan.dueTick > tick) fan.dueTick = fan.tick < tick ? tick : fan.pending ? tick + 1 : fan.pace.after(tick);
    this.flush(fan, nowMs);
  }

  /** Does what is due by the clock; to be called about once a second. */
  sweep(nowMs: number): void {
    const { isQuiet, isPongDue } = this.standstill.sweep(nowMs, this.#delivery?.state);
    this.#delivery?.past.sweep(nowMs);
    for (const fan of this.#replays.late(nowMs, this.limits.readTimeoutMs)) this.#giveAnew(fan, 'unread', nowMs);
    this.#replays.wake();
    // What is due by the clock is due to those who wait for something; all do when no tick comes.
    if (isQuiet || isPongDue) this.#pass.breakAllSteps();
    for (const fan of this.#pass.others) {
      if (fan.stage === 'new') {
        if (nowMs >= fan.deadlineAtMs) this.close(fan, 'timeout');
        continue;
      }
      const isWaiting = isQuiet && this.#makeDue(fan);
      if (isWaiting || fan.stage === 'parked' || fan.blockedSinceMs !== undefined) this.#serve(fan, nowMs);
      if (isQuiet && fan.stage === 'live' && fan.blockedSinceMs === undefined)
        this.guard(fan, () => this.#courier.catchUpDocument(fan, this.#delivery!));
      if (!isPongDue || fan.stage !== 'live' || fan.blockedSinceMs !== undefined) continue;
      // The stream stands still: the fan must be able to tell that from a dead connection.
      fan.say({ type: 'pong', id: 0 });
    }
  }

  /** The tick for which a fan waits may never come: the newest one is due. @returns whether it does not have it. */
  #makeDue(fan: Fan): boolean {
    const tick = this.#delivery?.state.head?.tick ?? -1;
    if (fan.tick >= tick || fan.replay) return false;
    fan.dueTick = Math.min(fan.dueTick, tick);
    return true;
  }

  /** From now on {@link sayBye} tells the fans when to leave, and {@link greet} those who come yet. Only the first call counts. */
  leave(departure: Departure, random: () => number): void {
    this.#farewell ??= new Farewell(this.#fans, departure, random);
  }

  /** Tells `count` fans when to leave, and those after them with the next call. @returns whether there are more. */
  sayBye(nowMs: number, count: number): boolean {
    return this.#farewell?.tell(nowMs, count) ?? false;
  }

  /** Closes `count` fans, and those after them with the next call. @returns whether there are more. */
  dismiss(count: number): boolean {
    let closed = 0;
    for (const fan of this.#fans) {
      if (closed++ === count) return true;
      this.close(fan, 'going_away');
    }
    return false;
  }
}
