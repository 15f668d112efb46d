import type { Catalogue } from '../../protocol/catalogue.ts';
import type { EdgeMessage, Rate, Receipt, Stale, Watch } from '../../protocol/control.ts';
import type { RaceDocument } from '../../protocol/document.ts';
import type { Position } from '../../protocol/position.ts';
import type { CarView } from './car-view.ts';
import type { ConnectionState } from './connection-state.ts';
import type { WatchRequest } from './options.ts';
import type { FanSession } from './session.ts';
import type { Statistics } from './statistics.ts';
import type { TickEvent } from './tick-event.ts';
import type { Transport } from './transports.ts';

/** What {@link Race.on} can tell. */
export interface RaceEvents {
  /** Every tick frame, in order, after it was applied. */
  readonly tick: TickEvent;
  /** The whole document, each time that something in it changed. */
  readonly document: RaceDocument;
  /** The connection entered another phase. */
  readonly status: ConnectionState;
  /** How a gap was closed; comes before the ticks that close it. */
  readonly receipt: Receipt;
  /** The edge took a choice of cars; `unknown` are not in the field yet. */
  readonly watching: Extract<EdgeMessage, { readonly type: 'watching' }>;
  /** The edge took a rate. */
  readonly rate: Extract<EdgeMessage, { readonly type: 'rate' }>;
  /** No tick comes any more, since when and why; `undefined` when they come again. What is held stays as it is. */
  readonly stale: Stale | undefined;
  /** Something was wrong and has been dealt with; for logs and for people. */
  readonly error: Error;
}

/** One race as one fan follows it. Reconnects by itself until {@link Race.close}. */
export interface Race {
  /**
   * Sets the choice of cars, all of it; kept cars go on without a break, new ones come whole with the next tick.
   * Holds across reconnects. The `watching` event tells when the edge has taken it; when it refuses, an `error` comes
   * and the last choice that it took stands again.
   * @param channels Keys of the channels of the view `own`. @defaultValue the list as last set
   * @throws {ConfigError} `bad_watch`; the choice is unchanged.
   */
  watch(choice: readonly WatchRequest[], channels?: readonly string[]): void;
  /** The session that the choice follows, if one was given. {@link watch} changes what this device watches, and not the session. */
  readonly session: FanSession | undefined;
  /** Takes one car out of the choice. */
  unwatch(car: string): void;
  /** The choice as last set. */
  readonly choice: readonly Watch[];
  /** The channels of the view `own` as last set. */
  readonly channels: readonly string[] | undefined;
  /**
   * Sets how many tick frames come in a second. Nothing is left out but the ticks in between; a higher rate is whole at
   * once. Holds across reconnects. The `rate` event tells when the edge has taken it.
   * @throws {ConfigError} `bad_option`.
   */
  setRate(rate: Rate): void;
  /** The rate as last set; while the page is out of sight a lower one may be in use. */
  readonly rate: Rate;
  /** Every watched car that is in the field. */
  cars(): CarView[];
  /** `undefined` while the car is not watched, not in the field or not here yet. */
  car(id: string): CarView | undefined;
  /** Quantised values by catalogue index; never changed in place and not to be written to. */
  state(id: string): Int32Array | undefined;
  /**
   * Calls `listener` on every event of that name; what it throws is counted and told to `error` listeners.
   * @returns Takes the listener off again.
   */
  on<Name extends keyof RaceEvents>(name: Name, listener: (value: RaceEvents[Name]) => void): () => void;
  /** `undefined` until it came, or when it was not asked for. */
  readonly document: RaceDocument | undefined;
  /** `undefined` until the first snapshot. */
  readonly catalogue: Catalogue | undefined;
  /** Epoch and sequence of the newest tick applied. */
  readonly position: Position | undefined;
  readonly status: ConnectionState;
  /** As the event of that name said last: the race gives no tick, whatever the connection does. */
  readonly stale: Stale | undefined;
  /** Name of the edge that welcomed this client last; `undefined` before one did. */
  readonly edge: string | undefined;
  /** By which way the edge is, or was last, reached. */
  readonly transport: Transport;
  statistics(): Statistics;
  /** Asks for a snapshot of everything; ticks are left out until it comes. */
  resync(): void;
  /** Finds out within 3 s whether the connection still lives; call it when a page wakes or the network changes. */
  probe(): void;
  /** Ends for good; nothing is left running. What was held stays readable. */
  close(): void;
}
