import { createSignal } from 'solid-js';
import type { FanSession, Player, Timeline } from '../../client/mod.ts';
import { sayLink } from '../words.ts';
import { NOTHING_SHOWN, type TimeActs, type TimeView } from './time-view.ts';

/** A segment is finished every ten seconds. */
const TIMELINE_EVERY_MS = 5000;

/** What is needed of the page. */
interface Surroundings {
  session(): FanSession;
  /** The address that leads to a moment, race time in Unix ms. */
  addressOf(atMs: number): string;
  /** Goes into the address of the page. */
  showAddress(address: string): void;
  /** Something is wrong. */
  say(problem: string): void;
  /** Something is to be known. */
  tell(notice: string): void;
  draw(): void;
}

/** The time of the race on the page: what is played of it, what could be, and what changes it. */
export class Playback {
  readonly view: () => TimeView;
  readonly acts: TimeActs;
  readonly #page: Surroundings;
  readonly #show: (view: TimeView) => void;
  #player: Player | undefined;
  #timeline: Timeline | undefined;
  #newestMs: number | undefined;
  /** Race time that a link asked for, until it is known where that is. */
  #wantedMs: number | undefined;

  constructor(page: Surroundings) {
    this.#page = page;
    const [view, show] = createSignal(NOTHING_SHOWN);
    this.view = view;
    this.#show = show;
    this.acts = {
      pause: () => this.#player?.pause(),
      play: () => this.#player?.play(),
      goLive: () => this.#player?.goLive(),
      seek: (target) => void this.#player?.seek(target).catch((error: Error) => page.say(error.message)),
      setSpeed: (speed) => this.#player?.setSpeed(speed),
      setDelay: (delayMs) => this.#delay(delayMs),
      link: () => void this.#link(),
    };
    setInterval(() => void this.#readTimeline(), TIMELINE_EVERY_MS);
  }

  /** @param wantedMs Race time from which to play. */
  follow(player: Player | undefined, wantedMs?: number): void {
    this.#player = player;
    this.#timeline = undefined;
    this.#newestMs = undefined;
    this.#wantedMs = wantedMs;
    player?.on('playback', () => this.#page.draw());
    player?.race.on('tick', ({ closeAtMs }) => {
      const isFirst = this.#newestMs === undefined;
      this.#newestMs = closeAtMs;
      if (isFirst) void this.#readTimeline();
      this.#page.draw();
    });
  }

  /** Another device may have set the delay. */
  followSession(): void {
    const { tvDelayMs } = this.#page.session();
    if (this.#player && this.#player.delayMs !== tvDelayMs) this.#player.setDelay(tvDelayMs);
  }

  /** @param car Whose stops are marked. */
  show(car: string | undefined): void {
    if (!this.#player) return;
    const { mode, isPaused, isWaiting, speed, delayMs, time: timeMs } = this.#player;
    const moment = { mode, isPaused, isWaiting, speed, delayMs, timeMs };
    this.#show({ ...moment, newestMs: this.#newestMs, timeline: this.#timeline, car });
  }

  /** The TV delay of this fan, on all devices. */
  #delay(delayMs: number): void {
    try {
      this.#player?.setDelay(delayMs);
      this.#page.session().setTvDelay(delayMs);
      this.#player?.goLive();
    } catch (error) {
      this.#page.say((error as Error).message);
    }
  }

  /** A link to the moment that is shown: copied where the browser allows it, and in any case the address of the page. */
  async #link(): Promise<void> {
    const atMs = this.#player?.time;
    if (atMs === undefined) return;
    const link = this.#page.addressOf(atMs);
    this.#page.showAddress(link);
    const copying = navigator.clipboard?.writeText(link) ?? Promise.reject(new Error('There is no clipboard here.'));
    this.#page.tell(
      await copying.then(
        () => sayLink(true),
        () => sayLink(false),
      ),
    );
  }

  async #readTimeline(): Promise<void> {
    const player = this.#player;
    if (!player || document.hidden) return;
    // Where no edge answers, the connection says so in its own place; what is known of the past stays.
    const timeline = await player.timeline().catch(() => undefined);
    if (!timeline || player !== this.#player) return;
    this.#timeline = timeline;
    this.#page.draw();
    const timeMs = this.#wantedMs;
    if (timeMs === undefined || timeline.segments.length === 0) return;
    this.#wantedMs = undefined;
    await player.seek({ timeMs }).catch((error: Error) => this.#page.say(error.message));
  }
}
