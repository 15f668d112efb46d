import type { Catalogue } from '../protocol/catalogue.ts';
import type { RaceFacts } from '../protocol/document.ts';

/**
 * The samples of one car at one instant, as a list of (channel, value) pairs in two parallel arrays.
 *
 * A source owns its frame and reuses it: whoever receives it copies what it keeps before returning.
 */
export interface Frame {
  /** Car id: 1–8 of A–Z a–z 0–9 - _; "07" and "7" are two cars. */
  car: string;
  /** Time of the samples on the car's own clock, Unix ms, fractions allowed. */
  atMs: number;
  /** How many leading entries of `channels` and `values` are set. */
  count: number;
  /** Catalogue indices; never a derived channel. */
  readonly channels: Uint16Array;
  /** In the channel's unit. NaN is a statement: the car says that it has no value. */
  readonly values: Float64Array;
}

/** Why something from outside was refused; the counters of ingest carry these names. */
export type RefusalReason =
  | 'malformed' // cannot be read as any accepted form
  | 'oversized' // larger than the limit of the source
  | 'wrong_catalogue' // packed for another catalogue or another number of channels
  | 'bad_car' // car id missing, not allowed, or not the one in the address
  | 'bad_time' // not a finite number of ms at or after 0
  | 'unknown_channel'; // named value for a channel the catalogue does not have; the rest of the frame counts

/** What a source delivers to. Calls are synchronous and never throw. */
export interface SourceSink {
  frame(frame: Frame): void;
  /** What is known of the race besides samples; later facts are merged over earlier ones. */
  facts(facts: RaceFacts): void;
  /** Counted by reason; `detail` is one sentence, or the channel name for `unknown_channel`. */
  refuse(reason: RefusalReason, detail: string): void;
}

/** Race time for sources and the race clock; virtual in tests, faster than real time for quick replays. */
export interface Clock {
  /** Race time, Unix ms, never going back. */
  nowMs(): number;
  /**
   * Calls `callback` once when race time reaches `atMs`; returns the way to cancel it.
   * @param isPrecise Within some 0.1 ms and not some ms, at the price of up to 2 ms in which the process does not
   *   sleep; other events are served meanwhile. @defaultValue false
   */
  callAt(atMs: number, callback: () => void, isPrecise?: boolean): () => void;
  /** Sets race time forward to `toMs`, if it is before that; missing when race time cannot be set. */
  skipTo?(toMs: number): void;
}

/** Anything that brings frames: a socket, a recording, the simulator. */
export interface Source {
  /** Name for people and logs, such as `udp 127.0.0.1:7001` or `ibt bristol.ibt`. */
  readonly name: string;
  /** What the data is; shown to fans wherever the race is named. */
  readonly kind: 'live' | 'recording' | 'simulation';
  /**
   * Begins delivering to `sink`; resolves when the source is ready to receive or has read its file.
   * @throws {SourceError} when it cannot be opened, with one sentence that says how to mend it.
   */
  start(sink: SourceSink): Promise<void>;
  /** Stops delivering and frees sockets and timers; resolves when nothing is left. Safe to call twice. */
  stop(): Promise<void>;
  /** Whether all of a recording that is played once has been delivered; missing where it goes on for ever. */
  isOver?(): boolean;
}

/** A frame with room for every channel of the catalogue. */
export function createFrame(catalogue: Catalogue): Frame {
  const size = catalogue.channels.length;
  return { car: '', atMs: 0, count: 0, channels: new Uint16Array(size), values: new Float64Array(size) };
}
