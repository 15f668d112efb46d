import { ByteReader } from '../protocol/bytes.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { Field } from '../protocol/field.ts';
import type { StreamRecord } from '../protocol/poll-answer.ts';
import { dequantise } from '../protocol/quantise.ts';
import { applySlice, readCarId, readSlice, SLICE } from '../protocol/slice.ts';
import { decodeKeyframe, readStreamHead, STREAM_HEAD_BYTES, STREAM_MESSAGE } from '../protocol/tick-message.ts';
import type { Series } from './history-points.ts';

/**
 * Reads channels of one car out of a stretch of the stream that begins with a keyframe, one row for each tick from that of
 * the keyframe on. Slices of other cars are passed over, which costs a hundredth of reading them; so the digests of the
 * ticks, which cover all of the field, are not compared, only those of keyframes.
 * @param catalogue That of the keyframe; `undefined` where there are no messages.
 * @param ticks First tick, and the one behind the last. NaN is what is not in the messages or cannot be read, and what
 *   follows it up to the next keyframe.
 * @param records Ticks, keyframes and changes of the document, in order.
 */
export function readCarColumns(
  catalogue: Catalogue | undefined,
  epoch: string,
  ticks: readonly [first: number, end: number],
  records: readonly StreamRecord[],
  car: string,
  channels: readonly string[],
): Series {
  const [first, end] = ticks;
  const atMs = new Float64Array(end - first).fill(Number.NaN);
  const columns = channels.map(() => new Float64Array(end - first).fill(Number.NaN));
  if (!catalogue) return { atMs, columns };
  const read = readerOf(catalogue, channels);
  const follower = new CarFollower(catalogue, epoch, car);
  for (const { message } of records) {
    const closeAtMs = follower.take(message);
    const row = (follower.tick ?? -1) - first;
    if (closeAtMs === undefined || row < 0 || row >= atMs.length) continue;
    atMs[row] = closeAtMs;
    for (const [n, column] of columns.entries()) column[row] = read(follower.state, n);
  }
  return { atMs, columns };
}

/** Follows one car through the stream. */
class CarFollower {
  readonly #catalogue: Catalogue;
  readonly #epoch: string;
  readonly #car: string;
  #slot = -1;
  /** `undefined` while the car is not there. */
  state: Int32Array | undefined;
  /** The tick that the state is of; `undefined` before the first keyframe, and after a loss. */
  tick: number | undefined;

  constructor(catalogue: Catalogue, epoch: string, car: string) {
    this.#catalogue = catalogue;
    this.#epoch = epoch;
    this.#car = car;
  }

  /** @returns when the tick closed that the state is of now; `undefined` when the message says nothing of it. */
  take(message: Uint8Array): number | undefined {
    try {
      return this.#take(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // What follows builds on it: the next keyframe mends it.
      this.tick = undefined;
      return undefined;
    }
  }

  #take(message: Uint8Array): number | undefined {
    const { type, tick, epoch, catalogueTag, closeAtMs } = readStreamHead(message);
    if (epoch !== this.#epoch || catalogueTag !== this.#catalogue.tag || type === STREAM_MESSAGE.doc) return undefined;
    if (type === STREAM_MESSAGE.keyframe) {
      // Of the tick that is known it says nothing new, and reading it takes time.
      if (this.tick !== undefined) return undefined;
      const { field } = decodeKeyframe(message, this.#catalogue);
      this.#slot = field.cars.indexOf(this.#car);
      this.state = field.states[this.#slot];
    } else {
      if (this.tick === undefined || tick <= this.tick) return undefined;
      if (tick > this.tick + 1) {
        this.tick = undefined;
        return undefined;
      }
      this.#follow(message);
    }
    this.tick = tick;
    return closeAtMs;
  }

  /** Takes what a tick says of the car. */
  #follow(message: Uint8Array): void {
    const reader = new ByteReader(message, STREAM_HEAD_BYTES);
    reader.u32('the digest');
    while (reader.left > 0) {
      const slice = readSlice(reader);
      if (slice.kind !== SLICE.delta && this.#slot < 0 && readCarId(message, slice).car === this.#car)
        this.#slot = slice.slot;
      if (slice.slot !== this.#slot) continue;
      const [full] = this.#catalogue.views;
      this.state =
        slice.kind === SLICE.gone ? undefined : applySlice(this.#catalogue, full!, message, slice, this.state);
      return;
    }
  }
}

/** The same of ticks that are decoded already. */
export function seriesOfTicks(
  catalogue: Catalogue,
  ticks: readonly { readonly closeAtMs: number; readonly field: Field }[],
  car: string,
  channels: readonly string[],
): Series {
  const read = readerOf(catalogue, channels);
  const stateIn = ({ cars, states }: Field) => states[cars.indexOf(car)];
  return {
    atMs: Float64Array.from(ticks, ({ closeAtMs }) => closeAtMs),
    columns: channels.map((_, n) => Float64Array.from(ticks, ({ field }) => read(stateIn(field), n))),
  };
}

/** Reads the nth channel in its unit; NaN where there is no value, or no such channel. */
function readerOf(catalogue: Catalogue, channels: readonly string[]) {
  const indices = channels.map((key) => catalogue.indexOf(key));
  return (state: Int32Array | undefined, n: number): number => {
    const index = indices[n];
    if (index === undefined || !state) return Number.NaN;
    return dequantise(catalogue.channels[index]!, state[index]!) ?? Number.NaN;
  };
}
