import type { CloseReason } from '../protocol/codes.ts';
import type { EdgeMessage, Hello, Receipt } from '../protocol/control.ts';
import type { Choice } from './choice.ts';
import { EVERY_TICK, type Pace } from './pace.ts';
import type { Awaited } from './resume-plan.ts';

/** By what a fan is reached. */
export const TRANSPORTS = ['websocket', 'sse'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** What {@link DirectSocket.send} gives back when the operating system took all of it. */
export const SENT = 1;

/** A socket that sends without anything in between; what `send` gives back, unless it is {@link SENT}, is for {@link FanSink.noted}. */
export interface DirectSocket {
  send(frame: Uint8Array, isBinary: boolean, compress: boolean): number;
}

/** The socket of one fan, as narrow as the fan needs it. Nothing here throws, also not on a socket that is gone. */
export interface FanSink {
  readonly transport: Transport;
  sendText(text: string): void;
  /** @param frame Shared with other fans: copied or written before this returns. */
  sendFrame(frame: Uint8Array): void;
  /** As {@link sendFrame} for several, which leave together in one write. */
  sendFrames(frames: readonly Uint8Array[], last: Uint8Array): void;
  /** Bytes that were sent and not yet taken by the operating system. */
  bufferedBytes(): number;
  /** Ends the connection; the fan is told of it by {@link FanSet.remove} at once or later. */
  close(reason: CloseReason): void;
  /** What is sent inside leaves in as few packets as possible. */
  batch(send: () => void): void;
  /** For whoever sends to thousands in a row; `undefined` where there is none, or it is gone. */
  readonly direct: DirectSocket | undefined;
  /** Something was sent past this sink, and not all of it was taken. */
  noted(sent: number): void;
}

/** Place of a fan that is served on its own. */
export const OUTSIDE = -1;

/** A tick that never comes. */
export const NEVER = 2 ** 30 - 1;

/** A whole state that the fan is to get as soon as its socket takes it. */
export interface OwedSnapshot {
  readonly reason: NonNullable<Receipt['reason']>;
  /** The epoch or the catalogue is another one: say so first. */
  readonly hasWelcome: boolean;
  /** The fan read too slowly for the ring. */
  readonly isConflated: boolean;
  /** Since when it is owed. */
  readonly sinceMs: number;
}

/** A fan that gets the ticks that it missed one by one; it holds {@link Fan.tick} meanwhile. */
export interface Replay {
  /** Position of the document that it was sent at the beginning. */
  readonly docSeq: number;
  /** Since when the stream is read for it. */
  readingSinceMs: number | undefined;
}

/**
 * - `new`: connected, has not said what it wants.
 * - `parked`: is ahead of this edge by a moment, or so far behind that the stream has to be read; waits for that.
 * - `live`: gets every tick, or one frame for every so many.
 */
export type FanStage = 'new' | 'parked' | 'live' | 'gone';

/**
 * What the edge knows of one fan. With thousands of fans every field counts, and fetching them from memory is what a
 * tick costs beside the send: those that every tick needs come first and lie together.
 */
export class Fan {
  /** Nothing is sent before this tick; whatever is sent after it comes late. */
  dueTick = -1;
  stage: FanStage = 'new';
  readonly sink: FanSink;
  /** Since when the socket has been over its budget without taking a byte. */
  blockedSinceMs: number | undefined;
  owed: OwedSnapshot | undefined;
  /** The tick that the fan holds once it has read all that was sent, and the position that goes with it. */
  tick = -1;
  seq = 0;
  choice: Choice | undefined;
  /** In {@link Lockstep}, which then knows where the fan stands; {@link OUTSIDE} otherwise. */
  place = OUTSIDE;
  /** Chosen cars whose whole state goes into the next frame. */
  pending: Set<string> | undefined;
  wantsDoc = false;
  pace: Pace = EVERY_TICK;
  epoch = '';
  /** While it gets missed ticks one by one; live ones follow when it has them all. */
  replay: Replay | undefined;
  /** When it connected or, later, last said hello. */
  askedAtMs: number;
  /** When `new` or `parked` ends. */
  deadlineAtMs: number;
  /** What it waits for while it is parked. */
  parkedFor: Awaited | undefined;
  /** Kept only while the fan is parked. */
  hello: Hello | undefined;
  blockedBytes = 0;
  #secondStartedAtMs = 0;
  #messagesInSecond = 0;

  constructor(sink: FanSink, nowMs: number, helloTimeoutMs: number) {
    this.sink = sink;
    this.askedAtMs = nowMs;
    this.deadlineAtMs = nowMs + helloTimeoutMs;
  }

  say(message: EdgeMessage): void {
    this.sink.sendText(JSON.stringify(message));
  }

  /** Counts a message of the fan. @returns whether it is one too many within a second. */
  isTalkingTooMuch(nowMs: number, maxPerSecond: number): boolean {
    if (nowMs - this.#secondStartedAtMs >= 1000) {
      this.#secondStartedAtMs = nowMs;
      this.#messagesInSecond = 0;
    }
    this.#messagesInSecond++;
    return this.#messagesInSecond > maxPerSecond;
  }

  /** Notes that the socket is over its budget. @returns for how long it has taken nothing, in ms. */
  noteBlocked(nowMs: number, bufferedBytes: number): number {
    if (this.blockedSinceMs === undefined || bufferedBytes < this.blockedBytes) this.blockedSinceMs = nowMs;
    this.blockedBytes = bufferedBytes;
    return nowMs - this.blockedSinceMs;
  }
}
