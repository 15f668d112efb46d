import { BUNDLE, readBundle } from '../protocol/bundle.ts';
import { CLOSE, type CloseReason } from '../protocol/codes.ts';
import type { EdgeMessage } from '../protocol/control.ts';
import { FRAME, FRAME_FLAG, readFrameHead } from '../protocol/frames.ts';
import { formatPosition } from '../protocol/position.ts';
import type { SinkWriter } from './event-sink.ts';

/** A browser comes back after this at the earliest. */
const MIN_RETRY_MS = 250;
/** No position: whoever comes back with it gets a snapshot. */
const VOID = 'void';

/**
 * Writes what one fan is sent as a `text/event-stream`: control messages as their text, frames in base64 under the name
 * `frame`, the end under the name `close`. An event that moves the position has it as its id.
 */
export class EventWriter implements SinkWriter {
  readonly #random: number;
  #epoch = '';

  /** @param random Uniform in [0, 1): when this fan comes back within the window, if it is a browser that does so by itself. */
  constructor(random: number) {
    this.#random = random;
  }

  text(text: string): string {
    return `${this.#retryOf(JSON.parse(text))}data: ${text}\n\n`;
  }

  #retryOf(message: EdgeMessage): string {
    if (message.type === 'bye') return `retry: ${Math.max(MIN_RETRY_MS, message.reconnectInMs)}\n`;
    if (message.type !== 'welcome') return '';
    this.#epoch = message.epoch;
    return `retry: ${Math.max(MIN_RETRY_MS, Math.round(this.#random * message.reconnectWindowMs))}\n`;
  }

  /** @param frame Not kept. */
  frame(frame: Uint8Array): string {
    const base64 = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString('base64');
    return `event: frame\n${this.#idOf(frame)}data: ${base64}\n\n`;
  }

  #idOf(frame: Uint8Array): string {
    let last = frame;
    if (frame[0] === BUNDLE) for (const one of readBundle(frame)) last = one;
    const { type, flags, seq } = readFrameHead(last);
    if (type === FRAME.tick) return `id: ${formatPosition({ epoch: this.#epoch, seq })}\n`;
    // A whole document may be older than the ticks that the fan holds: it is not to be gone on from without what follows.
    const voids = FRAME_FLAG.snapshot | FRAME_FLAG.repair;
    return (flags & voids) === voids ? `id: ${VOID}\n` : '';
  }

  close(reason: CloseReason): string {
    return `event: close\ndata: ${JSON.stringify({ code: CLOSE[reason], reason })}\n\n`;
  }
}
