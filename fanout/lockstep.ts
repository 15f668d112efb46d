import { FRAME_FLAG } from '../protocol/frames.ts';
import type { FanTally } from './courier.ts';
import type { Delivery } from './delivery.ts';
import { type DirectSocket, type Fan, OUTSIDE, SENT } from './fan.ts';
import { NO_FRAMES } from './frame-maker.ts';

/** So many cars of a choice lie here, and to join them costs less than to find out who chose the same. */
const MOST_CODES = 4;
const FIRST_ROOM = 64;

/** Told of a fan that has left during a pass. @param error Of ours, which this fan met. */
type OnLeave = (fan: Fan, error?: unknown) => void;

/** Where fans stand: what they hold once they have read all that was sent. */
interface Standing {
  readonly tick: number;
  readonly seq: number;
}

/**
 * The fans who have everything and want every tick: nearly all of them, nearly always. What a tick needs of each lies side
 * by side here, and where they stand is written down once for all: to fetch one fan after the other from memory is what a
 * tick costs beside the send.
 *
 * A fan to whom anything else happens leaves, and comes back when it has everything again.
 */
export class Lockstep {
  // By place. Who has left leaves a hole.
  readonly #fans: (Fan | undefined)[] = [];
  readonly #sockets: (DirectSocket | undefined)[] = [];
  #codes = new Uint16Array(FIRST_ROOM * MOST_CODES);
  /** How many; 0 for a fan with more, or none. */
  #counts = new Uint8Array(FIRST_ROOM);
  #wantsDoc = new Uint8Array(FIRST_ROOM);
  /** How many of them want the document. */
  #readers = 0;
  readonly #holes: number[] = [];
  /** Where those stand who were served in this pass, and those who were not. */
  #now: Standing = { tick: 0, seq: 0 };
  #before: Standing = this.#now;
  /** Those before this place have been served. */
  #served = 0;
  /** Cars of the field when codes were taken: a new one may be in choices that had none for it. */
  #cars = -1;

  get size(): number {
    return this.#fans.length - this.#holes.length;
  }

  /** Whether a fan that was just served has everything, and wants each tick as it comes. */
  mayJoin(fan: Fan, { state }: Delivery): boolean {
    const hasAll = fan.stage === 'live' && fan.seq === state.seq && fan.dueTick === fan.tick + 1 && !fan.pending;
    if (!hasAll || fan.pace.stride > 1 || !fan.choice || fan.choice.list || fan.blockedSinceMs !== undefined)
      return false;
    return fan.sink.direct !== undefined && fan.sink.bufferedBytes() === 0;
  }

  /** Takes a fan in, after all who are here have been served. */
  join(fan: Fan, { state }: Delivery): void {
    const { field, tick } = state.head!;
    if (this.size === 0) {
      this.#now = { tick, seq: state.seq };
      this.#cars = field.cars.length;
    }
    const place = this.#holes.pop() ?? this.#fans.length;
    this.#reserve(place + 1);
    const { watch } = fan.choice!;
    const codes = watch.length <= MOST_CODES ? fan.choice!.codesIn(field) : [];
    this.#fans[place] = fan;
    this.#sockets[place] = fan.sink.direct;
    this.#wantsDoc[place] = fan.wantsDoc ? 1 : 0;
    if (fan.wantsDoc) this.#readers++;
    this.#counts[place] = codes.length;
    this.#codes.set(codes, place * MOST_CODES);
    fan.place = place;
    this.#served = this.#fans.length;
  }

  /** Lets a fan go, who knows by itself again where it stands. */
  leave(fan: Fan): void {
    const { place } = fan;
    const { tick, seq } = place < this.#served ? this.#now : this.#before;
    fan.tick = tick;
    fan.seq = seq;
    fan.dueTick = tick + 1;
    fan.place = OUTSIDE;
    if (this.#wantsDoc[place] === 1) this.#readers--;
    this.#fans[place] = undefined;
    this.#sockets[place] = undefined;
    this.#holes.push(place);
  }

  /** Lets all go. */
  dissolve(onLeave: (fan: Fan) => void): void {
    for (const fan of this.#fans) {
      if (!fan) continue;
      this.leave(fan);
      onLeave(fan);
    }
    this.#fans.length = 0;
    this.#sockets.length = 0;
    this.#holes.length = 0;
    this.#served = 0;
  }

  /** Begins a pass that brings all to the newest tick. @returns whether it can: else they are to be let go, and served one by one. */
  begin({ state }: Delivery): boolean {
    const { field, tick } = state.head!;
    if (this.size === 0 || tick === this.#now.tick) return true;
    if (this.#cars !== field.cars.length || tick < this.#now.tick || !state.ring.byTick(this.#now.tick)) return false;
    this.#before = this.#now;
    this.#now = { tick, seq: state.seq };
    this.#served = 0;
    return true;
  }

  get hasMore(): boolean {
    return this.#served < this.#fans.length;
  }

  /**
   * Serves the next `count`.
   * @param onLeave Told of fans whose socket did not take all of it. Runs for every fan and tick: makes nothing that other
   *   fans cannot share.
   */
  serve(count: number, { maker, state }: Delivery, tally: FanTally, onLeave: OnLeave): void {
    const head = state.head!;
    const base = state.ring.byTick(this.#before.tick)!;
    const flags = head.tick - base.tick > 1 ? FRAME_FLAG.conflated : 0;
    const step = flags === 0 ? maker.step(base) : undefined;
    const documents = this.#readers > 0 ? maker.documentSince(base, this.#before.seq, flags) : NO_FRAMES;
    const end = Math.min(this.#served + count, this.#fans.length);
    let [frames, bytes] = [0, 0];
    while (this.#served < end) {
      const place = this.#served++;
      const socket = this.#sockets[place];
      if (!socket) continue;
      const fan = this.#fans[place]!;
      try {
        const from = place * MOST_CODES;
        const codes = this.#counts[place]!;
        const isOwn = step !== undefined && codes > 0;
        const frame = isOwn ? step.join(this.#codes, from, from + codes) : maker.frame(fan.choice!, base, flags);
        frames++;
        if (isOwn) maker.made++;
        bytes += frame.length;
        if (documents.length > 0 && this.#wantsDoc[place] === 1) this.#sendWith(documents, frame, fan, tally, onLeave);
        else {
          const sent = socket.send(frame, true, false);
          if (sent !== SENT) this.#note(fan, sent, onLeave);
        }
      } catch (error) {
        this.#drop(fan, onLeave, error);
      }
    }
    tally.frames += frames;
    tally.bytes += bytes;
    if (flags !== 0) tally.conflated += frames;
  }

  #note(fan: Fan, sent: number, onLeave: OnLeave): void {
    this.#drop(fan, onLeave);
    fan.sink.noted(sent);
  }

  #sendWith(documents: readonly Uint8Array[], frame: Uint8Array, fan: Fan, tally: FanTally, onLeave: OnLeave): void {
    fan.sink.sendFrames(documents, frame);
    tally.frames += documents.length;
    for (const document of documents) tally.bytes += document.length;
    if (fan.sink.bufferedBytes() > 0) this.#drop(fan, onLeave);
  }

  #drop(fan: Fan, onLeave: OnLeave, error?: unknown): void {
    // Its connection may have ended meanwhile, and it has left with that.
    if (fan.place !== OUTSIDE) this.leave(fan);
    onLeave(fan, error);
  }

  #reserve(places: number): void {
    if (places <= this.#counts.length) return;
    const room = 2 * places;
    const grow = <Array extends Uint8Array | Uint16Array>(larger: Array, before: Array): Array => {
      larger.set(before);
      return larger;
    };
    this.#codes = grow(new Uint16Array(room * MOST_CODES), this.#codes);
    this.#counts = grow(new Uint8Array(room), this.#counts);
    this.#wantsDoc = grow(new Uint8Array(room), this.#wantsDoc);
  }
}
