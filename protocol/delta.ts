import { BitReader, BitWriter } from './bits.ts';
import { NULL_VALUE, type View } from './coding-plan.ts';
import { ProtocolError } from './errors.ts';

/** Predictions are kept within this, so that every residual fits 31 bits whatever the ratio. */
const MAX_PREDICTION = 2 ** 29;
const TOGGLE_GAP_K = 3;
const COUNT_K = 1;

// One set of buffers for the whole process: nothing here is re-entrant and nothing outlives a call.
const writer = new BitWriter();
const reader = new BitReader();
let differences = new Int32Array(512);
/** Positions among the quiet channels of a view. */
let changedQuiet = new Uint16Array(512);

/** What the difference of one channel lets expect of another; `ratio` in 1/256. */
export const predict = (difference: number, ratio: number): number => {
  const predicted = Math.floor((difference * ratio + 128) / 256);
  return Math.min(Math.max(predicted, -MAX_PREDICTION), MAX_PREDICTION);
};

/** Signed to unsigned: 0, −1, 1, −2, 2 … become 0, 1, 2, 3, 4 … */
export const zigzag = (n: number): number => (n < 0 ? -2 * n - 1 : 2 * n);
const unzigzag = (z: number): number => (z % 2 === 0 ? z / 2 : -(z + 1) / 2);

/** Order of the gaps between `count` changed ones among `size` channels: floor(log2(size / count)). */
const gapOrder = (size: number, count: number): number => 31 - Math.clz32(Math.floor(size / count));

function scratchFor(size: number): Int32Array {
  if (differences.length < size) {
    differences = new Int32Array(size * 2);
    changedQuiet = new Uint16Array(size * 2);
  }
  return differences;
}

/**
 * Encodes what changed of one car between two states, in one view.
 *
 * @param before, after Quantised values by catalogue index, {@link NULL_VALUE} for missing. Values of channels
 *   outside the view are not looked at. Every value must lie in the range of its channel.
 * @returns `undefined` when nothing in the view changed. Otherwise bytes valid until the next call of this module.
 */
export function encodeDelta(view: View, before: Int32Array, after: Int32Array): Uint8Array | undefined {
  const d = scratchFor(before.length);
  const { busy, busyK, busyFrom, busyRatio, quiet, quietK } = view;
  let changed = 0;
  let toggles = 0;
  for (let i = 0; i < busy.length; i++) {
    const c = busy[i]!;
    const a = before[c]!;
    const b = after[c]!;
    d[c] = 0;
    if (a === b) continue;
    changed++;
    if (a === NULL_VALUE || b === NULL_VALUE) toggles++;
    else d[c] = b - a;
  }
  let quietChanged = 0;
  for (let i = 0; i < quiet.length; i++) {
    const c = quiet[i]!;
    const a = before[c]!;
    const b = after[c]!;
    if (a === b) continue;
    changed++;
    if (a === NULL_VALUE || b === NULL_VALUE) toggles++;
    else changedQuiet[quietChanged++] = i;
  }
  if (changed === 0) return undefined;
  writer.start();
  writer.write(toggles === 0 ? 0 : 1, 1);
  if (toggles > 0) writeToggles(view, before, after, toggles);
  for (let i = 0; i < busy.length; i++) {
    const c = busy[i]!;
    if (before[c] === NULL_VALUE || after[c] === NULL_VALUE) continue;
    const from = busyFrom[i]!;
    const residual = from < 0 ? d[c]! : d[c]! - predict(d[from]!, busyRatio[i]!);
    writer.writeGolomb(zigzag(residual), busyK[i]!);
  }
  writer.writeGolomb(quietChanged, COUNT_K);
  const gapK = quietChanged === 0 ? 0 : gapOrder(quiet.length, quietChanged);
  for (let n = 0, last = -1; n < quietChanged; n++) {
    const i = changedQuiet[n]!;
    const c = quiet[i]!;
    writer.writeGolomb(i - last - 1, gapK);
    writer.writeGolomb(zigzag(after[c]! - before[c]!) - 1, quietK[i]!);
    last = i;
  }
  return writer.finish();
}

/** Channels that became null, and channels that were null and have a value now, in one list: the state before tells which. */
function writeToggles(view: View, before: Int32Array, after: Int32Array, toggles: number): void {
  const { channels, lowest, width } = view;
  writer.writeGolomb(toggles - 1, COUNT_K);
  let last = -1;
  for (let i = 0; i < channels.length; i++) {
    const c = channels[i]!;
    const value = after[c]!;
    if ((before[c] === NULL_VALUE) === (value === NULL_VALUE)) continue;
    writer.writeGolomb(i - last - 1, TOGGLE_GAP_K);
    if (value !== NULL_VALUE) writer.writeWide(value - lowest[c]!, width[c]!);
    last = i;
  }
}

/**
 * Applies a delta in place.
 *
 * @param state The state that the delta builds on; afterwards the new one. When this throws, `state` is spoilt:
 *   apply to a copy or drop the car.
 * @param bytes, start, end The slice of a message that holds the delta. Not kept.
 * @throws {ProtocolError} `cut`, `overlong`, `bad_code`, `out_of_range`: the bytes are no delta on this state.
 */
export function applyDelta(view: View, state: Int32Array, bytes: Uint8Array, start = 0, end = bytes.length): void {
  const d = scratchFor(state.length);
  const { busy, busyK, busyFrom, busyRatio, quiet, quietK, lowest, highest } = view;
  reader.start(bytes, start, end);
  const toggled = reader.read(1) === 1 ? readToggles(view, state) : undefined;
  for (let i = 0; i < busy.length; i++) {
    const c = busy[i]!;
    const value = state[c]!;
    if (value === NULL_VALUE || toggled?.has(c)) {
      d[c] = 0;
      continue;
    }
    const from = busyFrom[i]!;
    let difference = unzigzag(reader.readGolomb(busyK[i]!));
    if (from >= 0) difference += predict(d[from]!, busyRatio[i]!);
    const next = value + difference;
    if (next < lowest[c]! || next > highest[c]!) throw outOfRange(c);
    d[c] = difference;
    state[c] = next;
  }
  const count = reader.readGolomb(COUNT_K);
  if (count > quiet.length)
    throw new ProtocolError('bad_code', `A delta names ${count} of ${quiet.length} quiet channels.`);
  if (count > 0) {
    const gapK = gapOrder(quiet.length, count);
    let i = -1;
    for (let n = 0; n < count; n++) {
      i += 1 + reader.readGolomb(gapK);
      if (i >= quiet.length)
        throw new ProtocolError('bad_code', 'A delta names a channel that the view does not have.');
      const c = quiet[i]!;
      const value = state[c]!;
      const next = value + unzigzag(reader.readGolomb(quietK[i]!) + 1);
      if (value === NULL_VALUE || toggled?.has(c) || next < lowest[c]! || next > highest[c]!) throw outOfRange(c);
      state[c] = next;
    }
  }
  reader.finish();
}

const outOfRange = (channel: number) =>
  new ProtocolError('out_of_range', `A delta takes channel ${channel} to a value that it cannot have.`);

function readToggles(view: View, state: Int32Array): Set<number> {
  const { channels, lowest, highest, width } = view;
  const toggled = new Set<number>();
  const count = reader.readGolomb(COUNT_K) + 1;
  if (count > channels.length)
    throw new ProtocolError('bad_code', `A delta toggles ${count} of ${channels.length} channels.`);
  let i = -1;
  for (let n = 0; n < count; n++) {
    i += 1 + reader.readGolomb(TOGGLE_GAP_K);
    if (i >= channels.length)
      throw new ProtocolError('bad_code', 'A delta names a channel that the view does not have.');
    const c = channels[i]!;
    if (state[c] === NULL_VALUE) {
      const value = reader.read(width[c]!) + lowest[c]!;
      if (value > highest[c]!) throw outOfRange(c);
      state[c] = value;
    } else {
      state[c] = NULL_VALUE;
    }
    toggled.add(c);
  }
  return toggled;
}

/**
 * Encodes the whole state of one car in one view: the keyframe slice.
 * @returns Bytes valid until the next call of this module.
 */
export function encodeFull(view: View, state: Int32Array): Uint8Array {
  const { channels, lowest, width } = view;
  writer.start();
  for (let i = 0; i < channels.length; i++) {
    const c = channels[i]!;
    const value = state[c]!;
    if (value === NULL_VALUE) {
      writer.write(0, 1);
    } else {
      writer.write(1, 1);
      writer.writeWide(value - lowest[c]!, width[c]!);
    }
  }
  return writer.finish();
}

/**
 * Reads what {@link encodeFull} wrote into `state`; channels outside the view are left as they are.
 * @throws {ProtocolError} `cut`, `overlong`, `out_of_range`; `state` is spoilt then.
 */
export function decodeFull(view: View, state: Int32Array, bytes: Uint8Array, start = 0, end = bytes.length): void {
  const { channels, lowest, highest, width } = view;
  reader.start(bytes, start, end);
  for (let i = 0; i < channels.length; i++) {
    const c = channels[i]!;
    if (reader.read(1) === 0) {
      state[c] = NULL_VALUE;
      continue;
    }
    const value = reader.read(width[c]!) + lowest[c]!;
    if (value > highest[c]!) throw outOfRange(c);
    state[c] = value;
  }
  reader.finish();
}
