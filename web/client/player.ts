import type { Catalogue } from '../../protocol/catalogue.ts';
import type { Stale, Watch } from '../../protocol/control.ts';
import type { RaceDocument } from '../../protocol/document.ts';
import type { CarView } from './car-view.ts';
import type { ConnectionState } from './connection-state.ts';
import type { CarHistory, HistoryQuestion } from './history.ts';
import type { ConnectOptions, WatchRequest } from './options.ts';
import type { Race } from './race.ts';
import type { TickEvent } from './tick-event.ts';
import type { SeekTarget, Timeline } from './timeline.ts';

/** What {@link openPlayer} takes. */
export interface PlayerOptions extends ConnectOptions {
  /** TV delay: nothing is shown that is newer, from the first tick on; 0 to an hour. @defaultValue 0 */
  readonly delayMs?: number;
}

/** What is played. */
export interface Playback {
  /** `live`: the newest there is. `delayed`: that of `delayMs` ago. `past`: any other time, also while it stands still. */
  readonly mode: 'live' | 'delayed' | 'past';
  readonly isPaused: boolean;
  /** 0.25 to 60; in `live` and `delayed` 1. */
  readonly speed: number;
  readonly delayMs: number;
  /** What is to be shown next is not here yet. What is shown stays as it is, and is right for its time. */
  readonly isWaiting: boolean;
}

/** What {@link Player.on} can tell. */
export interface PlayerEvents {
  /** Every tick that is shown, when it is; `snapshot` after a jump. */
  readonly tick: TickEvent;
  /** The document as it was at the tick that is shown, each time that something in it changed. */
  readonly document: RaceDocument;
  /** What is played, or how, has changed. */
  readonly playback: Playback;
  /** Of the live connection, whatever is shown. */
  readonly status: ConnectionState;
  readonly stale: Stale | undefined;
  /** Something was wrong and has been dealt with, or is tried again; for logs and for people. */
  readonly error: Error;
}

/** A race with one clock for live and past: everything that can be read here belongs to one tick. */
export interface Player extends Playback {
  /** The live race behind it, which goes on all the time. What is read there is not delayed. */
  readonly race: Race;
  /** Race time that is shown, Unix ms; `undefined` while nothing is. */
  readonly time: number | undefined;
  /** Tick that is shown. */
  readonly tick: number | undefined;
  readonly document: RaceDocument | undefined;
  readonly catalogue: Catalogue | undefined;
  readonly choice: readonly Watch[];
  /** As {@link Race.watch}; what of the past is shown changes at once. */
  watch(choice: readonly WatchRequest[], channels?: readonly string[]): void;
  cars(): CarView[];
  car(id: string): CarView | undefined;
  state(id: string): Int32Array | undefined;
  on<Name extends keyof PlayerEvents>(name: Name, listener: (value: PlayerEvents[Name]) => void): () => void;
  /** What can be played, and laps, flags and pit stops to go to; at most 2 s old. @throws when no edge says. */
  timeline(): Promise<Timeline>;
  /**
   * What channels of a car were, for charts; it comes thinned to `points` rows, with every peak in it. Edges that are busy
   * are asked again for some seconds.
   *
   * What is asked for is the caller's business: whoever must not tell more than is shown, because of a TV delay or a
   * rewind, asks for nothing newer than {@link Player.time}.
   * @throws {ConfigError} `bad_option`: the question breaks a rule.
   * @throws {ProtocolError} `bad_query`: there is no such car or channel. `no_past`, retryable: no edge can say now.
   */
  history(question: HistoryQuestion, signal?: AbortSignal): Promise<CarHistory>;
  /** Everything stays as it is shown. */
  pause(): void;
  /** Goes on from what is shown; that is live only where nothing was missed. */
  play(): void;
  /**
   * Goes there and plays on, or stays paused; a place before the first that can be played is that one, one after the newest is live.
   * @returns when it is shown, or something else was asked for meanwhile.
   * @throws {ConfigError} `bad_seek`: there is no such lap or event. @throws when no edge says where it is. What is shown is unchanged.
   */
  seek(target: SeekTarget): Promise<void>;
  /** 0.25 to 60. Faster than the race is joined with it, at speed 1, when it reaches it. @throws {ConfigError} `bad_option`. */
  setSpeed(speed: number): void;
  /** Shows the newest, but for the TV delay. */
  goLive(): void;
  /** Sets the TV delay, 0 to an hour. @throws {ConfigError} `bad_option`. */
  setDelay(delayMs: number): void;
  /** Ends for good, with the race. What is shown stays readable. */
  close(): void;
}
