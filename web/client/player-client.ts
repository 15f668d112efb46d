import { ConfigError } from '../../protocol/errors.ts';
import type { CarView } from './car-view.ts';
import { Emitter } from './emitter.ts';
import type { CarHistory, HistoryQuestion } from './history.ts';
import { HistoryReader } from './history-reader.ts';
import { readOptions } from './options.ts';
import { type PastMoment, PastReader, pause } from './past-reader.ts';
import type { Playback, Player, PlayerEvents, PlayerOptions } from './player.ts';
import { PlayerClock, RaceTime } from './player-clock.ts';
import { joinOf } from './player-join.ts';
import type { Race } from './race.ts';
import { connect } from './race-client.ts';
import { freeze, type Shown, showMoment } from './shown.ts';
import { describeStep, type TickEvent } from './tick-event.ts';
import { findTarget, type Place, type SeekTarget, type Timeline } from './timeline.ts';

const RETRY_MS = 1000;
const MAX_DELAY_MS = 3_600_000;
const [MIN_SPEED, MAX_SPEED] = [0.25, 60];
/** As old as a cache may keep the list. */
const LIST_MS = 2000;
/** Whoever is later than this has waited for the network: the clock goes on from what has come. */
const LATE_MS = 1000;
/** Where the race has a hole of more than this, nobody wants to sit through it. */
const HOLE_MS = 10_000;

/**
 * Follows one race as {@link connect} does, and plays its past.
 * @throws {ConfigError} when an option cannot be used; nothing was started.
 */
export function openPlayer(options: PlayerOptions): Player {
  const { urls, race, fetch, now, wantsDocument } = readOptions(options);
  const delayMs = readNumber('delayMs', options.delayMs ?? 0, 0, MAX_DELAY_MS);
  const source = { bases: urls.map(({ href }) => href), race, fetch, now };
  const readers = { past: new PastReader(source), history: new HistoryReader(source) };
  return new PlayerClient(connect(options), readers, { now, wantsDocument, delayMs });
}

function readNumber(name: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new ConfigError('bad_option', `${name} must be from ${min} to ${max}, but is ${String(value).slice(0, 40)}.`);
}

/** Finds out where to begin. */
type Find = (signal: AbortSignal) => Promise<Place>;

class PlayerClient implements Player {
  readonly race: Race;
  readonly #reader: PastReader;
  readonly #history: HistoryReader;
  readonly #now: () => number;
  readonly #wantsDocument: boolean;
  readonly #clock = new PlayerClock();
  readonly #raceTime = new RaceTime();
  readonly #emitter = new Emitter<PlayerEvents>();
  #mode: Playback['mode'] = 'live';
  #delayMs: number;
  #isWaiting = false;
  /** The newest live tick, and the epoch that it is in. */
  #live: TickEvent | undefined;
  #liveEpoch: string | undefined;
  /** What is on the screen, unless that is the live race. */
  #shown: Shown | undefined;
  /** Ends what is being played of the past. */
  #run: AbortController | undefined;
  #wake: () => void = () => undefined;

  constructor(
    race: Race,
    readers: { readonly past: PastReader; readonly history: HistoryReader },
    how: { now: () => number; wantsDocument: boolean; delayMs: number },
  ) {
    this.race = race;
    this.#reader = readers.past;
    this.#history = readers.history;
    this.#now = how.now;
    this.#wantsDocument = how.wantsDocument;
    this.#delayMs = how.delayMs;
    if (how.delayMs > 0) this.#mode = 'delayed';
    race.on('tick', (tick) => this.#hearLive(tick));
    race.on('document', (document) => this.#isLive && this.#emitter.emit('document', document));
    race.on('status', (state) => this.#emitter.emit('status', state));
    race.on('stale', (stale) => this.#emitter.emit('stale', stale));
    race.on('error', (error) => this.#emitter.emit('error', error));
  }

  // ---- what the fan sees ----

  /** The live race itself is on the screen. */
  get #isLive(): boolean {
    return this.#mode === 'live' && !this.#clock.isPaused;
  }

  get mode() {
    return this.#mode;
  }

  get isPaused() {
    return this.#clock.isPaused;
  }

  get speed() {
    return this.#clock.speed;
  }

  get delayMs() {
    return this.#delayMs;
  }

  get isWaiting() {
    return this.#isWaiting;
  }

  get choice() {
    return this.race.choice;
  }

  get tick(): number | undefined {
    return this.#isLive ? this.#live?.tick : this.#shown?.tick;
  }

  get time(): number | undefined {
    return this.#isLive ? this.#live?.closeAtMs : this.#shown?.closeAtMs;
  }

  get document() {
    return this.#isLive ? this.race.document : this.#shown?.document;
  }

  get catalogue() {
    return this.#isLive ? this.race.catalogue : this.#shown?.catalogue;
  }

  car(id: string): CarView | undefined {
    return this.#isLive ? this.race.car(id) : this.#shown?.car(id);
  }

  cars(): CarView[] {
    return this.choice.flatMap(({ car }) => this.car(car) ?? []);
  }

  state(id: string): Int32Array | undefined {
    return this.#isLive ? this.race.state(id) : this.#shown?.state(id);
  }

  watch(...wish: Parameters<Race['watch']>): void {
    this.race.watch(...wish);
  }

  on<Name extends keyof PlayerEvents>(name: Name, listener: (value: PlayerEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  timeline(): Promise<Timeline> {
    return this.#reader.list(new AbortController().signal, LIST_MS);
  }

  history(question: HistoryQuestion, signal = new AbortController().signal): Promise<CarHistory> {
    return this.#history.read(question, signal);
  }

  // ---- what the fan does ----

  pause(): void {
    if (this.#clock.isPaused) return;
    if (this.#isLive) this.#leaveLive();
    this.#clock.pause(this.#now());
    if (this.#shown) this.#clock.set(this.#shown.closeAtMs, this.#now());
    if (this.#mode === 'delayed') this.#mode = 'past';
    this.#tellPlayback();
  }

  play(): void {
    if (!this.#clock.isPaused) return;
    this.#clock.play(this.#now());
    if (!this.#shown) {
      this.goLive();
      return;
    }
    this.#tellPlayback();
    this.#tryJoin();
  }

  /** What is live now stays on the screen, and what follows it is read as the past. */
  #leaveLive(): void {
    const shown = freeze(this.race, this.#live);
    if (!shown) return;
    this.#shown = shown;
    this.#mode = 'past';
    this.#clock.set(shown.closeAtMs, this.#now());
    void this.#playFrom(async () => shown, false);
  }

  async seek(target: SeekTarget): Promise<void> {
    const before = this.#run;
    const { signal } = new AbortController();
    const shown = this.#isLive ? freeze(this.race, this.#live) : this.#shown;
    const timeline = await this.#reader.list(signal, LIST_MS);
    let place = findTarget(timeline, target, shown);
    if ('timeMs' in target) place = await this.#reader.tickAt(place, target.timeMs, signal);
    // Something else was asked for meanwhile.
    if (this.#run !== before || this.race.status.phase === 'closed') return;
    const newest = this.#live?.tick ?? timeline.head?.tick ?? 0;
    if (place.epoch === (this.#liveEpoch ?? timeline.epoch) && place.tick >= newest) {
      if (!this.#clock.isPaused) {
        this.goLive();
        return;
      }
      place = { epoch: place.epoch, tick: Math.max(0, newest - 1) };
    }
    this.#shown = shown;
    this.#mode = 'past';
    this.#tellPlayback();
    await this.#playFrom(async () => place, true);
  }

  setSpeed(speed: number): void {
    readNumber('speed', speed, MIN_SPEED, MAX_SPEED);
    // Nothing is ahead of what is live.
    if (this.#mode !== 'past' && speed >= 1) return;
    if (this.#isLive) this.#leaveLive();
    if (this.#mode === 'delayed') this.#goPast();
    this.#clock.setSpeed(speed, this.#now());
    this.#tellPlayback();
  }

  #goPast(): void {
    this.#mode = 'past';
    if (this.#shown) this.#clock.set(this.#shown.closeAtMs, this.#now());
  }

  goLive(): void {
    this.#stopRun();
    const before = this.#shown;
    this.#clock.play(this.#now());
    this.#clock.setSpeed(1, this.#now());
    this.#isWaiting = false;
    if (this.#delayMs > 0) {
      this.#mode = 'delayed';
      this.#tellPlayback();
      if (this.#live) void this.#playFrom((signal) => this.#findDelayed(signal), true);
      return;
    }
    this.#mode = 'live';
    this.#shown = undefined;
    this.#tellPlayback();
    const after = freeze(this.race, this.#live);
    if (before && after) this.#tellStep(before, after, 0);
  }

  setDelay(delayMs: number): void {
    this.#delayMs = readNumber('delayMs', delayMs, 0, MAX_DELAY_MS);
    const edge = this.#edgeMs();
    // What was seen already is hidden again: the picture on TV is not there yet.
    const isAhead = edge !== undefined && this.#shown && this.#shown.closeAtMs > edge;
    if (this.#isLive || this.#mode === 'delayed' || (isAhead && !this.#clock.isPaused)) {
      if (this.#isLive || isAhead) this.#shown = undefined;
      this.goLive();
    } else this.#tellPlayback();
    this.#wake();
  }

  close(): void {
    this.#stopRun();
    if (this.#isLive) {
      this.#shown = freeze(this.race, this.#live);
      this.#clock.pause(this.#now());
    }
    this.race.close();
    this.#emitter.clear();
  }

  // ---- live ----

  #hearLive(tick: TickEvent): void {
    const epoch = this.race.position?.epoch;
    if (epoch !== this.#liveEpoch) this.#raceTime.forget();
    this.#liveEpoch = epoch;
    const isFirst = this.#live === undefined;
    this.#live = tick;
    this.#raceTime.heard(tick.closeAtMs, this.#now());
    if (this.#isLive) this.#emitter.emit('tick', tick);
    else if (this.#mode === 'delayed' && isFirst) void this.#playFrom((signal) => this.#findDelayed(signal), true);
    else this.#tryJoin();
  }

  /** Race time up to which may be shown; `undefined` before the first live tick. */
  #edgeMs(): number | undefined {
    const at = this.#raceTime.at(this.#now());
    return at === undefined ? undefined : at - this.#delayMs;
  }

  async #findDelayed(signal: AbortSignal): Promise<Place> {
    const timeMs = this.#edgeMs()!;
    const place = findTarget(await this.#reader.list(signal, LIST_MS), { timeMs }, undefined);
    return this.#reader.tickAt(place, timeMs, signal);
  }

  /** Whoever has come as near to the race as one can is live from now on. */
  #tryJoin(): void {
    const shown = this.#shown;
    if (!shown || !this.#live) return;
    const missingTicks = this.#live.tick - shown.tick;
    const outcome = joinOf({
      mode: this.#mode,
      isPaused: this.isPaused,
      speed: this.speed,
      isSameEpoch: shown.epoch === this.#liveEpoch,
      missingTicks,
      delayMs: this.#delayMs,
      behindMs: this.#edgeMs()! - shown.closeAtMs,
      tickMs: this.#reader.timeline?.tickMs ?? 0,
    });
    if (!outcome) return;
    this.#mode = outcome;
    this.#clock.setSpeed(1, this.#now());
    if (outcome === 'live') {
      this.#stopRun();
      this.#shown = undefined;
      this.#isWaiting = false;
    }
    this.#tellPlayback();
    if (outcome === 'live') this.#tellStep(shown, freeze(this.race, this.#live)!, missingTicks);
  }

  // ---- the past ----

  #stopRun(): void {
    this.#run?.abort();
    this.#run = undefined;
  }

  /** @param isJump The first tick is shown at once. @returns when it is, or never will be. */
  #playFrom(find: Find, isJump: boolean): Promise<void> {
    this.#stopRun();
    if (this.race.status.phase === 'closed') return Promise.resolve();
    const run = new AbortController();
    this.#run = run;
    return new Promise((resolve) => {
      run.signal.addEventListener('abort', () => resolve(), { once: true });
      void this.#keepPlaying(find, isJump, run.signal, resolve);
    });
  }

  async #keepPlaying(find: Find, isJump: boolean, signal: AbortSignal, onShown: () => void): Promise<void> {
    let from = find;
    let isFirst = isJump;
    while (!signal.aborted) {
      try {
        for await (const moment of this.#reader.play(await from(signal), signal)) {
          await this.#due(moment, isFirst, signal);
          if (signal.aborted) return;
          this.#show(showMoment(moment, this.race, this.#wantsDocument), isFirst);
          onShown();
          isFirst = false;
          from = async () => moment.head;
          this.#tryJoin();
          if (signal.aborted) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        // Tried again and again until it is there: told once.
        if (!this.#isWaiting) this.#emitter.emit('error', error as Error);
        this.#setWaiting(true);
        this.#reader.tryAnother();
        // Ended by whatever is asked for next.
        await pause(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  /** Waits until a moment may be shown. */
  async #due({ head }: PastMoment, isJump: boolean, signal: AbortSignal): Promise<void> {
    const shown = this.#shown;
    const isAgain = shown?.epoch === head.epoch && shown.tick === head.tick;
    const isHole = shown && (shown.epoch !== head.epoch || head.closeAtMs - shown.closeAtMs > HOLE_MS);
    for (;;) {
      if (signal.aborted) return;
      const now = this.#now();
      const edgeMs = this.#delayMs > 0 ? head.closeAtMs - (this.#edgeMs() ?? Number.NEGATIVE_INFINITY) : 0;
      const isFree = isJump || isAgain || (isHole && !this.#clock.isPaused) || this.#mode === 'delayed';
      const waitMs = Math.max(edgeMs, isFree ? 0 : this.#clock.waitMs(head.closeAtMs, now));
      if (waitMs <= 0) break;
      await this.#sleep(waitMs, signal);
    }
    const late = this.#clock.time(this.#now()) - head.closeAtMs;
    if (isJump || isHole || this.#mode === 'delayed' || late > LATE_MS * this.#clock.speed)
      this.#clock.set(head.closeAtMs, this.#now());
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms < 2 ** 31 ? setTimeout(done, ms) : undefined;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #show(shown: Shown, isJump: boolean): void {
    this.#setWaiting(false);
    const before = this.#shown;
    this.#shown = shown;
    const isSame = before?.epoch === shown.epoch;
    const span = isSame && !isJump ? shown.tick - before.tick : 0;
    if (isSame && !isJump && span === 0) {
      // The same tick, known better: cars that were chosen since, or what came of the document behind it.
      if (shown.document && before.document !== shown.document) this.#emitter.emit('document', shown.document);
    } else this.#tellStep(before, shown, span);
  }

  #tellStep(before: Shown | undefined, after: Shown, span: number): void {
    if (after.document && after.document !== before?.document) this.#emitter.emit('document', after.document);
    const cars = this.choice.map(({ car }) => ({ car, before: before?.state(car), after: after.state(car) }));
    if (span > 0 || before?.tick !== after.tick || before.epoch !== after.epoch)
      this.#emitter.emit('tick', describeStep(after.catalogue, after, span, cars));
  }

  #setWaiting(isWaiting: boolean): void {
    if (this.#isWaiting === isWaiting) return;
    this.#isWaiting = isWaiting;
    this.#tellPlayback();
  }

  #tellPlayback(): void {
    const { mode, isPaused, speed, delayMs, isWaiting } = this;
    this.#emitter.emit('playback', { mode, isPaused, speed, delayMs, isWaiting });
    this.#wake();
  }
}
