import type { Catalogue } from '../protocol/catalogue.ts';
import { CAR_ID } from '../protocol/field.ts';
import type { CarIds } from './car-ids.ts';
import { type FrameReader, FrameRefused } from './frame-reader.ts';

/**
 * First byte of a packed frame; no MessagePack map and no JSON text begins with it. All numbers little-endian:
 *
 *     0  u8   magic 0xF5        8  8 bytes  car id, ASCII, NUL-padded; all NUL when the address names the car
 *     1  u8   version, 1       16  f64      time of the samples, Unix ms
 *     2  u16  count            24  f32 ×    count, one for each channel that is not derived,
 *     4  u32  catalogue tag        count    in catalogue order; NaN = no value
 */
export const PACKED_MAGIC = 0xf5;
const PACKED_HEADER_BYTES = 24;

const VERSION = 1;

/**
 * Encodes a packed frame: what a gateway sends, and the cheapest form to read.
 *
 * @param car Car id; empty when the address will name the car.
 * @param values In the order of `catalogue.packedOrder`; null and undefined travel as NaN.
 * @throws {RangeError} when the car cannot be called that or the number of values is not that of the catalogue.
 */
export function encodePackedFrame(
  catalogue: Catalogue,
  car: string,
  atMs: number,
  values: ArrayLike<number | null | undefined>,
): Uint8Array {
  const count = catalogue.packedOrder.length;
  if (car !== '' && !CAR_ID.test(car)) throw new RangeError(`Car ${car} must match ${CAR_ID}.`);
  if (values.length !== count) throw new RangeError(`A packed frame holds ${count} values, not ${values.length}.`);
  const bytes = new Uint8Array(PACKED_HEADER_BYTES + 4 * count);
  const view = new DataView(bytes.buffer);
  bytes[0] = PACKED_MAGIC;
  bytes[1] = VERSION;
  view.setUint16(2, count, true);
  view.setUint32(4, catalogue.tag, true);
  for (let i = 0; i < car.length; i++) bytes[8 + i] = car.charCodeAt(i);
  view.setFloat64(16, atMs, true);
  for (let i = 0; i < count; i++) view.setFloat32(PACKED_HEADER_BYTES + 4 * i, values[i] ?? Number.NaN, true);
  return bytes;
}

/** A reader of packed frames for one catalogue. */
export function createPackedReader(catalogue: Catalogue, cars: CarIds): FrameReader {
  const order = catalogue.packedOrder;
  const count = order.length;
  const size = PACKED_HEADER_BYTES + 4 * count;
  return (bytes, frame) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint8(1) !== VERSION) {
      throw new FrameRefused('malformed', `Packed frame version ${bytes[1]} is not ${VERSION}.`);
    }
    const counted = view.getUint16(2, true);
    const tag = view.getUint32(4, true);
    if (tag !== catalogue.tag || counted !== count) {
      const [theirs, ours] = [tag, catalogue.tag].map((one) => one.toString(16).padStart(8, '0'));
      const detail = `Packed for catalogue ${theirs} with ${counted} channels, but the race has ${ours} with ${count}.`;
      throw new FrameRefused('wrong_catalogue', detail);
    }
    if (bytes.length !== size) {
      throw new FrameRefused('malformed', `A packed frame of ${count} channels is ${size} bytes, not ${bytes.length}.`);
    }
    let end = 16;
    while (end > 8 && bytes[end - 1] === 0) end--;
    const car = end === 8 ? '' : cars.read(bytes, 8, end);
    if (car === undefined) throw new FrameRefused('bad_car', `The packed car id must match ${CAR_ID}.`);
    frame.car = car;
    frame.atMs = view.getFloat64(16, true);
    frame.channels.set(order);
    const { values } = frame;
    for (let i = 0; i < count; i++) values[i] = view.getFloat32(PACKED_HEADER_BYTES + 4 * i, true);
    frame.count = count;
  };
}
