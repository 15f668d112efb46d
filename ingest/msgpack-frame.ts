import type { Catalogue } from '../protocol/catalogue.ts';
import { CAR_ID } from '../protocol/field.ts';
import type { CarIds } from './car-ids.ts';
import { ChannelKeys } from './channel-keys.ts';
import { type FrameReader, FrameRefused } from './frame-reader.ts';
import type { Frame, SourceSink } from './source.ts';

/** Bytes of a number, boolean or nil by its first byte, that byte included; 0 for everything else. */
const SCALAR_BYTES = new Uint8Array(256).map((_, tag) => {
  if (tag <= 0x7f || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return 1;
  return { 202: 5, 203: 9, 204: 2, 205: 3, 206: 5, 207: 9, 208: 2, 209: 3, 210: 5, 211: 9 }[tag] ?? 0;
});
/** Bytes in front of a text by its first byte; 0 for everything else. */
const TEXT_HEADER_BYTES = new Uint8Array(256).map((_, tag) => {
  return tag >= 0xa0 && tag <= 0xbf ? 1 : ({ 217: 2, 218: 3, 219: 5 }[tag] ?? 0);
});

const [CAR, AT, VALUES] = ['car', 'at', 'values'].map((text) => new TextEncoder().encode(text)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

/** Whether a frame that begins with this byte is a MessagePack map. */
export const isMap = (tag: number): boolean => (tag >= 0x80 && tag <= 0x8f) || tag === 0xde || tag === 0xdf;

/**
 * A reader of frames as MessagePack maps of the same shape as the JSON form.
 *
 * Reads exactly this shape in one pass: it makes no objects, follows no nesting and believes no declared length, so
 * that a frame costs what its bytes cost. Everything else, a key that comes twice included, is refused.
 */
export function createMsgpackReader(catalogue: Catalogue, cars: CarIds): FrameReader {
  const keys = new ChannelKeys(catalogue);
  const size = catalogue.channels.length;
  /** The number of the frame that last named a channel: finds duplicates without clearing anything. */
  const namedIn = new Float64Array(size);
  let frameNumber = 0;
  /**
   * Which channel followed a channel the last time, by index; the last entry is for the first key of a frame. The
   * first guess of all is channel 0, which cannot be a derived one.
   */
  const followers = new Uint16Array(size + 1);

  const readValues: Part = (bytes, view, start, frame, sink) => {
    let at = start + mapHeaderBytes(bytes[start]!);
    const { channels, values } = frame;
    let count = 0;
    let previous = size;
    for (let left = readMapLength(view, start); left > 0; left--) {
      const keyAt = at + textHeaderBytes(bytes, at);
      const keyEnd = keyAt + readTextLength(view, at);
      if (keyEnd >= bytes.length) throw endsEarly();
      const tag = bytes[keyEnd]!;
      at = keyEnd + SCALAR_BYTES[tag]!;
      if (at === keyEnd) throw new FrameRefused('malformed', 'A value must be a number, a boolean or nil.');
      let index = followers[previous]!;
      if (!keys.isAt(index, bytes, keyAt, keyEnd)) {
        index = keys.find(bytes, keyAt, keyEnd);
        if (index < 0) {
          sink.refuse('unknown_channel', new TextDecoder().decode(bytes.subarray(keyAt, Math.min(keyEnd, keyAt + 64))));
          continue;
        }
        followers[previous] = index;
      }
      if (namedIn[index] === frameNumber) {
        throw new FrameRefused('malformed', `Channel ${catalogue.channels[index]!.key} comes twice in a frame.`);
      }
      namedIn[index] = frameNumber;
      channels[count] = index;
      values[count++] = readScalar(view, keyEnd, tag);
      previous = index;
    }
    frame.count = count;
    return at;
  };

  const readCar: Part = (bytes, view, start, frame) => {
    const isText = TEXT_HEADER_BYTES[bytes[start]!]! > 0;
    const from = start + (isText ? textHeaderBytes(bytes, start) : 0);
    const end = isText ? from + readTextLength(view, start) : 0;
    if (end > bytes.length) throw endsEarly();
    const car = isText ? cars.read(bytes, from, end) : undefined;
    if (!car) throw new FrameRefused('bad_car', `The car id must be a text that matches ${CAR_ID}.`);
    frame.car = car;
    return end;
  };

  return (bytes, frame, sink) => {
    frameNumber++;
    frame.car = '';
    frame.atMs = Number.NaN;
    frame.count = -1;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = mapHeaderBytes(bytes[0]!);
    let fields = 0;
    for (let left = readMapLength(view, 0); left > 0; left--) {
      const nameAt = at + textHeaderBytes(bytes, at);
      at = nameAt + readTextLength(view, at);
      if (at >= bytes.length) throw endsEarly();
      const field = [CAR, AT, VALUES].findIndex((name) => isSame(name, bytes, nameAt, at));
      if (field < 0) throw new FrameRefused('malformed', 'A frame has no fields but car, at and values.');
      if (fields & (1 << field)) throw new FrameRefused('malformed', 'A field comes twice in a frame.');
      fields |= 1 << field;
      if (field === 0) at = readCar(bytes, view, at, frame, sink);
      else if (field === 1) at = readTime(bytes, view, at, frame, sink);
      else at = readValues(bytes, view, at, frame, sink);
    }
    if (frame.count < 0) throw new FrameRefused('malformed', 'The frame has no values.');
    if (at !== bytes.length) throw new FrameRefused('malformed', `${bytes.length - at} bytes follow the frame.`);
  };
}

/** Reads one field at `start` into the frame; returns where the next one begins. */
type Part = (bytes: Uint8Array, view: DataView, start: number, frame: Frame, sink: SourceSink) => number;

const readTime: Part = (bytes, view, start, frame) => {
  const tag = bytes[start]!;
  const length = SCALAR_BYTES[tag]!;
  if (length === 0 || (tag >= 0xc0 && tag <= 0xc3)) {
    throw new FrameRefused('bad_time', 'The time of a frame must be a number of ms.');
  }
  frame.atMs = readScalar(view, start, tag);
  return start + length;
};

const endsEarly = () => new FrameRefused('malformed', 'The frame ends before it is complete.');

function isSame(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
  return true;
}

function textHeaderBytes(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length) throw endsEarly();
  const length = TEXT_HEADER_BYTES[bytes[at]!]!;
  if (length === 0) throw new FrameRefused('malformed', 'A key must be a text.');
  return length;
}

function readTextLength(view: DataView, at: number): number {
  const tag = view.getUint8(at);
  if (tag <= 0xbf) return tag & 0x1f;
  if (tag === 0xd9) return view.getUint8(at + 1);
  return tag === 0xda ? view.getUint16(at + 1) : view.getUint32(at + 1);
}

function mapHeaderBytes(tag: number): number {
  if (!isMap(tag)) throw new FrameRefused('malformed', 'The frame and its values must be maps.');
  if (tag <= 0x8f) return 1;
  return tag === 0xde ? 3 : 5;
}

function readMapLength(view: DataView, at: number): number {
  const tag = view.getUint8(at);
  if (tag <= 0x8f) return tag & 0x0f;
  return tag === 0xde ? view.getUint16(at + 1) : view.getUint32(at + 1);
}

function readScalar(view: DataView, at: number, tag: number): number {
  if (tag === 0xcb) return view.getFloat64(at + 1);
  if (tag === 0xca) return view.getFloat32(at + 1);
  if (tag <= 0x7f) return tag;
  if (tag >= 0xe0) return tag - 256;
  switch (tag) {
    case 0xc2:
      return 0;
    case 0xc3:
      return 1;
    case 0xcc:
      return view.getUint8(at + 1);
    case 0xcd:
      return view.getUint16(at + 1);
    case 0xce:
      return view.getUint32(at + 1);
    case 0xcf:
      return view.getUint32(at + 1) * 2 ** 32 + view.getUint32(at + 5);
    case 0xd0:
      return view.getInt8(at + 1);
    case 0xd1:
      return view.getInt16(at + 1);
    case 0xd2:
      return view.getInt32(at + 1);
    case 0xd3:
      return view.getInt32(at + 1) * 2 ** 32 + view.getUint32(at + 5);
    default:
      return Number.NaN; // nil: the car says that it has no value
  }
}
