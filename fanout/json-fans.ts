import type { CloseReason } from '../protocol/codes.ts';
import { formatPosition, type Position } from '../protocol/position.ts';
import type { Delivery } from './delivery.ts';
import type { FanSink } from './fan.ts';
import { type JsonReceipt, jsonEvents } from './json-events.ts';
import { JsonFan, type JsonWish } from './json-fan.ts';
import { JsonRace, type Shown, shownBy, wholeField } from './json-race.ts';
import type { EdgeLimits } from './limits.ts';
import { Paces } from './pace.ts';
import type { Applied, RaceState } from './race-state.ts';
import { type Awaited, planResume, type ResumePlan } from './resume-plan.ts';
import type { RingEntry } from './ring.ts';
import { SharedTexts } from './shared-texts.ts';
import type { Standstill } from './standstill.ts';

/** What the fans of one race are told of the place they live in. */
export interface JsonFansOptions {
  readonly race: string;
  readonly tickMs: number;
  readonly limits: EdgeLimits;
  readonly standstill: Pick<Standstill, 'isQuiet' | 'isStalled' | 'stale'>;
  /** What is served; `undefined` while there is nothing. */
  readonly delivery: () => Delivery | undefined;
  /** Told of what should never happen. */
  readonly report: (code: string, detail: unknown) => void;
}

/** Missed ticks that one fan gets before the others have their turn. */
const TICKS_AT_ONCE = 20;

/**
 * The people who read a race as JSON: a snapshot, then patches of it. Who is behind is brought up as every other fan
 * is ({@link planResume}); who reads too slowly gets one patch over all the ticks, and is told. What several read is made once.
 */
export class JsonFans {
  readonly #options: JsonFansOptions;
  readonly #fans = new Set<JsonFan>();
  readonly #due = new Set<JsonFan>();
  readonly #paces: Paces;
  readonly #texts = new SharedTexts();
  #state: RaceState | undefined;
  #json: JsonRace | undefined;
  /** Events by what is in them. */
  readonly tally = { snapshots: 0, patches: 0, conflated: 0, bytes: 0 };

  constructor(options: JsonFansOptions) {
    this.#options = options;
    this.#paces = new Paces(options.tickMs);
  }

  get size(): number {
    return this.#fans.size;
  }

  get pendingBytes(): number {
    let bytes = 0;
    for (const { sink } of this.#fans) bytes += sink.bufferedBytes();
    return bytes;
  }

  /** Events that were written, each for all who needed the same. */
  get made(): number {
    return this.#texts.made;
  }

  /** Takes a fan in, and begins to tell it what it lacks; {@link serve} must be called. There must be a state. */
  add(sink: FanSink, wish: JsonWish, retryMs: number, nowMs: number): JsonFan {
    const fan = new JsonFan(sink, wish, nowMs);
    fan.pace = this.#paces.take(wish.rate);
    this.#choose(fan, this.#options.delivery()!);
    this.#fans.add(fan);
    this.#say(fan, jsonEvents.retry(retryMs), nowMs);
    this.#due.add(fan);
    return fan;
  }

  #choose(fan: JsonFan, { book, state }: Delivery): void {
    const { watch, channels } = fan.wish;
    if (!watch) return;
    const { kept } = book.narrow({ watch, ...(channels && { channels }) });
    fan.choice = book.take(kept, state.head!.field);
  }

  /** Whoever read is gone. Safe to call twice. */
  remove(fan: JsonFan): void {
    if (fan.choice) this.#options.delivery()?.book.release(fan.choice);
    fan.choice = undefined;
    this.#fans.delete(fan);
    this.#due.delete(fan);
  }

  #close(fan: JsonFan, reason: CloseReason): void {
    this.remove(fan);
    fan.sink.close(reason);
  }

  /** Takes what a message of the stream did. @returns whether {@link serve} must be called. */
  advance(applied: Applied): boolean {
    const delivery = this.#options.delivery()!;
    if (delivery.state !== this.#state || applied.kind === 'begin') this.#begin(delivery);
    this.#texts.clear();
    const isTick = applied.kind === 'tick' || applied.kind === 'begin';
    const tick = delivery.state.head?.tick ?? -1;
    for (const fan of this.#fans)
      if (isTick ? fan.dueTick <= tick : fan.waitsFor === 'edge' && applied.kind !== 'lost') this.#due.add(fan);
    return this.#due.size > 0;
  }

  #begin(delivery: Delivery): void {
    const isNewEpoch = this.#state !== undefined && this.#json?.epoch !== delivery.state.epoch;
    this.#state = delivery.state;
    this.#json = new JsonRace(this.#options.race, delivery.state);
    for (const fan of this.#fans) {
      if (!fan.isBehind) fan.restart = isNewEpoch ? 'other_epoch' : 'restart';
      fan.dueTick = -1;
      this.#choose(fan, delivery);
    }
  }

  /** More of the stream is known. @returns as {@link advance}. */
  hasRead(): boolean {
    for (const fan of this.#fans) if (fan.waitsFor === 'stream') this.#due.add(fan);
    return this.#due.size > 0;
  }

  /** The connection of a fan takes more. @returns as {@link advance}. */
  drained(fan: JsonFan): boolean {
    if (fan.blockedSinceMs !== undefined && this.#fans.has(fan)) this.#due.add(fan);
    return this.#due.size > 0;
  }

  /** Does what is due by the clock; to be called about once a second. @returns as {@link advance}. */
  sweep(nowMs: number): boolean {
    const { standstill, limits } = this.#options;
    const isQuiet = standstill.isQuiet(nowMs);
    for (const fan of this.#fans) {
      const isLate = fan.waitsFor !== undefined && nowMs >= fan.lateAtMs;
      // The tick that it waits for may never come: the newest one is due.
      const tick = this.#state?.head?.tick ?? -1;
      if (isQuiet && fan.tick < tick) fan.dueTick = Math.min(fan.dueTick, tick);
      if (isLate || isQuiet || fan.blockedSinceMs !== undefined) this.#due.add(fan);
      if (fan.blockedSinceMs === undefined && nowMs - fan.saidAtMs >= limits.quietMs)
        this.#say(fan, jsonEvents.alive(), nowMs);
    }
    return this.#due.size > 0;
  }

  /** Serves `count` of those who lack something, and those after them with the next call. @returns whether there are more. */
  serve(nowMs: number, count: number): boolean {
    let served = 0;
    for (const fan of this.#due) {
      if (served++ === count) break;
      this.#due.delete(fan);
      try {
        if (this.#serveOne(fan, nowMs) === 'more') this.#due.add(fan);
      } catch (error) {
        // An error of ours stays with the fan that met it.
        this.#options.report('internal', error);
        this.#close(fan, 'not_ready');
      }
    }
    return this.#due.size > 0;
  }

  #serveOne(fan: JsonFan, nowMs: number): 'more' | 'done' {
    const delivery = this.#options.delivery()!;
    if (!this.#hasRoom(fan, nowMs)) return 'done';
    const { state } = delivery;
    if (fan.restart) {
      this.#snapshot(fan, state, fan.restart, nowMs);
      return 'done';
    }
    const late = nowMs >= fan.lateAtMs ? fan.waitsFor : undefined;
    const { epoch, seq, ring } = state;
    // Nobody reads the stream for who is slow: where the ring has lost the tick that the fan holds, a snapshot follows.
    const older = (position: number) => (fan.isBehind ? delivery.past.at(position) : (ring.byTick(fan.tick) ?? 'gone'));
    const isStalled = this.#options.standstill.isStalled(nowMs, state);
    const present = { epoch, seq, ring, late, older, isStalled };
    // Ticks that came all at once, as after an outage, are no fault of the fan.
    const isJoined = !fan.isBehind && (fan.wasSlow || fan.pace.stride > 1);
    const plan = planResume(fan.since, isJoined ? 'latest' : fan.wish.history, present);
    if (plan.kind === 'wait' && plan.for === late) {
      // Another edge may know more.
      this.#close(fan, 'not_ready');
      return 'done';
    }
    return this.#follow(fan, plan, delivery, nowMs);
  }

  #hasRoom(fan: JsonFan, nowMs: number): boolean {
    const { maxPendingBytes, stallTimeoutMs } = this.#options.limits;
    const bytes = fan.sink.bufferedBytes();
    if (bytes <= (fan.blockedSinceMs === undefined ? maxPendingBytes : maxPendingBytes / 8)) {
      fan.blockedSinceMs = undefined;
      return true;
    }
    fan.blockedSinceMs ??= nowMs;
    fan.wasSlow = true;
    if (nowMs - fan.blockedSinceMs >= stallTimeoutMs) this.#close(fan, 'timeout');
    return false;
  }

  #follow(fan: JsonFan, plan: ResumePlan, delivery: Delivery, nowMs: number): 'more' | 'done' {
    const { state } = delivery;
    if (plan.kind === 'wait') return this.#wait(fan, plan.for, nowMs);
    fan.waitsFor = undefined;
    if (plan.kind === 'snapshot') {
      if (!fan.isBehind) this.tally.conflated++;
      this.#snapshot(fan, state, plan.reason, nowMs);
      return 'done';
    }
    const { base } = plan;
    fan.tick = base.tick;
    if (base.tick === state.head!.tick) this.#rest(fan, base, nowMs);
    else if (plan.kind === 'composite') this.#join(fan, base, nowMs);
    else return this.#replay(fan, base, delivery, nowMs);
    return 'done';
  }

  #wait(fan: JsonFan, what: Awaited, nowMs: number): 'done' {
    if (fan.waitsFor === what) return 'done';
    const { aheadTimeoutMs, readTimeoutMs } = this.#options.limits;
    fan.waitsFor = what;
    fan.lateAtMs = nowMs + (what === 'edge' ? aheadTimeoutMs : readTimeoutMs);
    return 'done';
  }

  #snapshot(fan: JsonFan, state: RaceState, reason: JsonReceipt['reason'], nowMs: number): void {
    const { epoch, seq } = state;
    const from = fan.since && fan.since !== 'garbled' ? formatPosition(fan.since) : undefined;
    const isSameEpoch = fan.since !== 'garbled' && fan.since?.epoch === epoch && !fan.isBehind;
    const ticks = isSameEpoch ? Math.max(0, state.head!.tick - fan.tick) : 0;
    const isConflated = !fan.isBehind && !fan.restart;
    this.#receipt(
      fan,
      { kind: 'snapshot', ...(from && { from }), to: formatPosition(state), ticks, reason },
      isConflated,
      nowMs,
    );
    const text = this.#share(fan, `snapshot ${seq}`, () => {
      const data = JSON.stringify(this.#json!.snapshot(this.#shownBy(fan), fan.wish.doc));
      return jsonEvents.snapshot(data, formatPosition({ epoch, seq }));
    });
    this.tally.snapshots++;
    this.#say(fan, text, nowMs);
    this.#arrive(fan, { epoch, seq }, state.head!.tick);
    fan.isBehind = false;
    fan.restart = undefined;
    fan.wasSlow = false;
    fan.wasToldStale = false;
    this.#tellStale(fan, nowMs);
  }

  #receipt(
    fan: JsonFan,
    receipt: Omit<JsonReceipt, 'tookMs' | 'conflated'>,
    isConflated: boolean,
    nowMs: number,
  ): void {
    const tookMs = fan.isBehind ? nowMs - fan.askedAtMs : 0;
    this.#say(fan, jsonEvents.receipt({ ...receipt, tookMs, ...(isConflated && { conflated: true }) }), nowMs);
  }

  /** It has the newest tick: what is left is the document, which waits for the next one if there will be one. */
  #rest(fan: JsonFan, base: RingEntry, nowMs: number): void {
    const since = fan.since as Position;
    fan.wasSlow = false;
    if (fan.isBehind) {
      const at = formatPosition(since);
      this.#receipt(fan, { kind: 'deltas', from: at, to: at, ticks: 0 }, false, nowMs);
      fan.isBehind = false;
      fan.dueTick = fan.pace.after(base.tick);
    }
    const docSeq = base.docs.at(-1)?.seq ?? 0;
    if (fan.wish.doc && docSeq > since.seq && this.#options.standstill.isQuiet(nowMs))
      this.#patch(fan, [base], docSeq, nowMs);
    this.#tellStale(fan, nowMs);
  }

  /** One patch from what it has to the newest tick. */
  #join(fan: JsonFan, base: RingEntry, nowMs: number): void {
    const { ring } = this.#state!;
    const head = ring.head!;
    if (!fan.isBehind && head.tick < fan.dueTick) return;
    const since = fan.since as Position;
    const isConflated = !fan.isBehind && head.tick > fan.dueTick;
    if (isConflated) this.tally.conflated++;
    if (isConflated || fan.isBehind) {
      const to = formatPosition({ epoch: since.epoch, seq: head.seq });
      const ticks = head.tick - base.tick;
      this.#receipt(fan, { kind: 'composite', from: formatPosition(since), to, ticks }, isConflated, nowMs);
    }
    fan.isBehind = false;
    fan.wasSlow = false;
    fan.wasToldStale = false;
    if (ring.byTick(base.tick)) this.#patch(fan, [base, ...ring.after(base.tick)], head.seq, nowMs);
    else this.#leap(fan, base, head, nowMs);
  }

  /** The next ticks that it missed, one by one. */
  #replay(fan: JsonFan, base: RingEntry, { past, state }: Delivery, nowMs: number): 'more' | 'done' {
    const since = fan.since as Position;
    const found = past.from(base.tick, since.seq);
    if (found === 'unread') return this.#wait(fan, 'stream', nowMs);
    if (found === 'gone') {
      this.#snapshot(fan, state, 'too_old', nowMs);
      return 'done';
    }
    const run = found.slice(0, TICKS_AT_ONCE + 1);
    const to = formatPosition({ epoch: since.epoch, seq: run.at(-1)!.seq });
    if (fan.isBehind)
      this.#receipt(fan, { kind: 'deltas', from: formatPosition(since), to, ticks: run.length - 1 }, false, nowMs);
    for (let place = 1; place < run.length; place++)
      this.#patch(fan, run.slice(place - 1, place + 1), run[place]!.seq, nowMs);
    if (run.at(-1)!.tick < state.head!.tick) return 'more';
    fan.isBehind = false;
    fan.wasToldStale = false;
    return 'done';
  }

  #patch(fan: JsonFan, entries: readonly RingEntry[], toSeq: number, nowMs: number): void {
    const since = fan.since as Position;
    const to = { epoch: since.epoch, seq: toSeq };
    const text = this.#share(fan, `${since.seq} ${toSeq}`, () => {
      const json = this.#json!;
      const cars = json.changesOfCars(entries[0]!, entries.at(-1)!, this.#shownBy(fan));
      return jsonEvents.patch(json.patch(entries, since.seq, toSeq, cars, fan.wish.doc), formatPosition(to));
    });
    this.tally.patches++;
    this.#say(fan, text, nowMs);
    this.#arrive(fan, to, entries.at(-1)!.tick);
  }

  /** As {@link #patch} from a tick that lies before the ring: of the document only the whole is known. */
  #leap(fan: JsonFan, base: RingEntry, head: RingEntry, nowMs: number): void {
    const { epoch, seq } = this.#state!;
    const since = fan.since as Position;
    const text = this.#share(fan, `leap ${since.seq} ${seq}`, () => {
      const json = this.#json!;
      const cars = json.changesOfCars(base, head, this.#shownBy(fan));
      return jsonEvents.patch(json.leap(base, since.seq, cars, fan.wish.doc), formatPosition({ epoch, seq }));
    });
    this.tally.patches++;
    this.#say(fan, text, nowMs);
    this.#arrive(fan, { epoch, seq }, head.tick);
  }

  #arrive(fan: JsonFan, at: Position, tick: number): void {
    fan.since = at;
    fan.tick = tick;
    fan.dueTick = fan.pace.after(tick);
  }

  #tellStale(fan: JsonFan, nowMs: number): void {
    const { stale } = this.#options.standstill;
    if (stale && !fan.wasToldStale) this.#say(fan, jsonEvents.stale(stale), nowMs);
    fan.wasToldStale = stale !== undefined;
  }

  #say(fan: JsonFan, event: string, nowMs: number): void {
    fan.saidAtMs = nowMs;
    this.tally.bytes += event.length;
    fan.sink.sendText(event);
  }

  #shownBy({ choice }: JsonFan): Shown {
    return choice ? shownBy(choice) : wholeField(this.#state!.catalogue);
  }

  /** Made once for all who hold the same and see the same. */
  #share({ choice, wish }: JsonFan, what: string, make: () => string): string {
    return this.#texts.get(`${what} ${wish.doc} ${choice ? choice.key : '*'}`, make);
  }

  /** Closes `count` fans, and those after them with the next call. @returns whether there are more. */
  dismiss(count: number): boolean {
    let closed = 0;
    for (const fan of this.#fans) {
      if (closed++ === count) return true;
      this.#close(fan, 'going_away');
    }
    return false;
  }
}
