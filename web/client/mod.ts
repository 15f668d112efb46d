/**
 * The Slipstream SDK: follows a race over a WebSocket, or a stream of events where none gets through, in browsers and in Node 22 or newer.
 *
 * ```ts
 * const race = connect({ url: 'http://127.0.0.1:8080', race: 'demo', watch: [{ car: '24', view: 'essentials' }] });
 * race.on('tick', ({ tick }) => console.log(tick, race.car('24')?.value('speed')));
 * ```
 */

export type { Channel, Limits } from '../../protocol/catalogue.ts';
export type { History, Rate, Receipt, Stale, Watch } from '../../protocol/control.ts';
export type { PitStop, RaceDocument, Standing } from '../../protocol/document.ts';
export { ConfigError, ProtocolError } from '../../protocol/errors.ts';
export type { Position } from '../../protocol/position.ts';
export type { CarView, ChannelValue } from './car-view.ts';
export type { ConnectionState, Deadlines, Phase } from './connection-state.ts';
export type { CarHistory, HistoryQuestion } from './history.ts';
export type { ConnectOptions, WatchRequest } from './options.ts';
export type { Page, PageEvent } from './page.ts';
export type { Playback, Player, PlayerEvents, PlayerOptions } from './player.ts';
export { openPlayer } from './player-client.ts';
export type { Race, RaceEvents } from './race.ts';
export { connect } from './race-client.ts';
export {
  type FanSession,
  openSession,
  readSessionLink,
  type SessionEvents,
  type SessionOptions,
  type SessionStatus,
} from './session.ts';
export type { SessionStorage } from './session-storage.ts';
export type { Statistics } from './statistics.ts';
export type { CarChange, ChannelChange, TickEvent } from './tick-event.ts';
export type { AtTick, SeekTarget, Timeline, TimelineSegment } from './timeline.ts';
export type { Transport } from './transports.ts';
