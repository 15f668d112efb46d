import type { Frame, RefusalReason, SourceSink } from './source.ts';

/**
 * Reads one form of frame into the frame that the decoder shares between its readers.
 *
 * Sets `count`, the leading channels and values, `atMs` (NaN when the bytes do not say) and `car` (empty when they
 * do not say); the decoder checks the last two against the address.
 *
 * @param sink Told of unknown channels only, which do not stop the rest of the frame.
 * @throws {FrameRefused} or a RangeError of DataView for bytes that end early; the frame then holds no news.
 */
export type FrameReader = (bytes: Uint8Array, frame: Frame, sink: SourceSink) => void;

/** Why a frame is refused. Not an Error: a stack trace for each hostile frame would be a gift to its sender. */
export class FrameRefused {
  readonly reason: RefusalReason;
  readonly detail: string;

  constructor(reason: RefusalReason, detail: string) {
    this.reason = reason;
    this.detail = detail;
  }
}

/** Text from outside, short and printable enough for a log line. */
export const quote = (text: string): string => JSON.stringify(text.length > 64 ? `${text.slice(0, 61)}...` : text);
