import type { Catalogue } from '../protocol/catalogue.ts';
import { CAR_ID } from '../protocol/field.ts';
import { CarIds } from './car-ids.ts';
import { type FrameReader, FrameRefused, quote } from './frame-reader.ts';
import { createJsonReader } from './json-frame.ts';
import { createMsgpackReader, isMap } from './msgpack-frame.ts';
import { createPackedReader, PACKED_MAGIC } from './packed-frame.ts';
import { createFrame, type SourceSink } from './source.ts';

export const MAX_FRAME_BYTES = 64 * 1024;
/** Beyond this, a Date can no longer hold the time. */
const MAX_AT_MS = 8.64e15;

/** What the address of a frame says: the car in its NATS subject or its URL. */
interface FrameAddress {
  readonly car?: string | undefined;
}

/** Turns bytes from outside into frames. One decoder serves one sink at a time and reuses its frame. */
export interface FrameDecoder {
  /**
   * Delivers the frame in `bytes` to `sink`, or tells it why not; never throws for anything in `bytes`.
   *
   * The form is recognised by the first byte: packed, JSON or a MessagePack map. `bytes` is not kept.
   *
   * @returns Whether the frame was delivered. A delivered frame can still have had unknown channels refused.
   */
  decode(bytes: Uint8Array, address: FrameAddress, sink: SourceSink): boolean;
}

/** @param limits.maxFrameBytes Larger frames are refused unread. @defaultValue 65536 */
export function createFrameDecoder(catalogue: Catalogue, limits: { maxFrameBytes?: number } = {}): FrameDecoder {
  const maxFrameBytes = limits.maxFrameBytes ?? MAX_FRAME_BYTES;
  const frame = createFrame(catalogue);
  const cars = new CarIds();
  const readers = {
    packed: createPackedReader(catalogue, cars),
    json: createJsonReader(catalogue),
    msgpack: createMsgpackReader(catalogue, cars),
  };

  const read = (bytes: Uint8Array, address: FrameAddress, sink: SourceSink) => {
    if (bytes.length > maxFrameBytes) {
      throw new FrameRefused('oversized', `A frame of ${bytes.length} bytes is above the limit of ${maxFrameBytes}.`);
    }
    chooseReader(readers, bytes)(bytes, frame, sink);
    const { car } = address;
    if (car !== undefined) {
      if (frame.car !== '' && frame.car !== car) {
        throw new FrameRefused('bad_car', `The frame is of car ${quote(frame.car)}, its address of ${quote(car)}.`);
      }
      frame.car = car;
    }
    if (!CAR_ID.test(frame.car)) {
      const detail =
        frame.car === ''
          ? 'Neither the frame nor its address names the car.'
          : `Car ${quote(frame.car)} must match ${CAR_ID}.`;
      throw new FrameRefused('bad_car', detail);
    }
    if (!(frame.atMs >= 0 && frame.atMs < MAX_AT_MS)) {
      throw new FrameRefused('bad_time', `The time of a frame must be a number of ms from 0 to ${MAX_AT_MS}.`);
    }
  };

  return {
    decode(bytes, address, sink) {
      try {
        read(bytes, address, sink);
      } catch (error) {
        if (error instanceof FrameRefused) sink.refuse(error.reason, error.detail);
        else sink.refuse('malformed', 'The frame ends before it is complete.');
        return false;
      }
      sink.frame(frame);
      return true;
    },
  };
}

function chooseReader(readers: Record<'packed' | 'json' | 'msgpack', FrameReader>, bytes: Uint8Array): FrameReader {
  const first = bytes[0];
  if (first === undefined) throw new FrameRefused('malformed', 'The frame is empty.');
  if (first === PACKED_MAGIC) return readers.packed;
  if (isMap(first)) return readers.msgpack;
  const text = bytes.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  if (text === 0x7b) return readers.json;
  throw new FrameRefused('malformed', `A frame cannot begin with byte 0x${first.toString(16).padStart(2, '0')}.`);
}
