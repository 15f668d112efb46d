import type { Channel } from './catalogue.ts';

/** A missing value in a state; no quantised value can be this low. */
export const NULL_VALUE = -(2 ** 31);

/** A named set of channels with everything the codec needs to know of them, in typed arrays. */
export interface View {
  /** Id on the wire, 0–61; 0 is `full`, 61 the `own` of a connection. */
  readonly id: number;
  readonly name: string;
  /** Catalogue indices in ascending order. */
  readonly channels: Uint16Array;
  /** Catalogue indices of channels that are coded in every delta, ascending. */
  readonly busy: Uint16Array;
  /** Exp-Golomb order of each busy channel. */
  readonly busyK: Uint8Array;
  /** Catalogue index of the channel that predicts each busy one; −1 for none or when it is not in the view. */
  readonly busyFrom: Int32Array;
  /** Ratio of the prediction in 1/256. */
  readonly busyRatio: Int32Array;
  /** Catalogue indices of channels that are coded only when they change, ascending. */
  readonly quiet: Uint16Array;
  readonly quietK: Uint8Array;
  /** By catalogue index, for every channel of the catalogue: lowest and highest quantised value, bits of a value. */
  readonly lowest: Int32Array;
  readonly highest: Int32Array;
  readonly width: Uint8Array;
  /** Bytes of a whole state in which every channel is null: no whole state is smaller. */
  readonly fullBytesAtLeast: number;
}

/** Lowest and highest integer that a value of this channel can travel as. */
export function quantisedRange(channel: Channel): { lowest: number; highest: number } {
  return {
    // + 0 makes 0 of −0, which equality in tests tells apart.
    lowest: Math.round(channel.min / channel.resolution) + 0,
    highest: Math.round(channel.max / channel.resolution) + 0,
  };
}

/** Prepares the view `full` of validated channels for the codec. */
export function compileFullView(channels: readonly Channel[]): View {
  const indexByKey = new Map(channels.map((channel, index) => [channel.key, index]));
  const all = Uint16Array.from(channels.keys());
  const busy = all.filter((index) => channels[index]!.coding?.busy);
  const quiet = all.filter((index) => !channels[index]!.coding?.busy);
  const orders = (of: Uint16Array) => Uint8Array.from(of, (index) => channels[index]!.coding?.k ?? 2);
  const ranges = channels.map(quantisedRange);
  return {
    id: 0,
    name: 'full',
    channels: all,
    busy,
    busyK: orders(busy),
    busyFrom: Int32Array.from(busy, (index) => indexByKey.get(channels[index]!.coding?.from ?? '') ?? -1),
    busyRatio: Int32Array.from(busy, (index) => channels[index]!.coding?.ratio ?? 256),
    quiet,
    quietK: orders(quiet),
    lowest: Int32Array.from(ranges, (range) => range.lowest),
    highest: Int32Array.from(ranges, (range) => range.highest),
    fullBytesAtLeast: Math.ceil(channels.length / 8),
    width: Uint8Array.from(ranges, (range) => 32 - Math.clz32(range.highest - range.lowest)),
  };
}

/**
 * A view of some channels of `full`. The ranges are shared with it: thousands of fans may have views of their own.
 * @param channels Catalogue indices, ascending.
 */
export function narrowView(full: View, id: number, name: string, channels: Uint16Array): View {
  const inView = new Set(channels);
  const isIn = (index: number) => inView.has(index);
  const busyPlaces = Array.from(full.busy.keys()).filter((place) => isIn(full.busy[place]!));
  const quietPlaces = Array.from(full.quiet.keys()).filter((place) => isIn(full.quiet[place]!));
  return {
    ...full,
    id,
    name,
    channels,
    busy: full.busy.filter(isIn),
    busyK: Uint8Array.from(busyPlaces, (place) => full.busyK[place]!),
    busyFrom: Int32Array.from(busyPlaces, (place) => (isIn(full.busyFrom[place]!) ? full.busyFrom[place]! : -1)),
    busyRatio: Int32Array.from(busyPlaces, (place) => full.busyRatio[place]!),
    quiet: full.quiet.filter(isIn),
    quietK: Uint8Array.from(quietPlaces, (place) => full.quietK[place]!),
    fullBytesAtLeast: Math.ceil(channels.length / 8),
  };
}

/** Whether slices in one of the two views can be read in the other. Views of one catalogue only. */
export const isSameView = (a: View, b: View): boolean =>
  a === b ||
  (a.id === b.id && a.channels.length === b.channels.length && a.channels.every((index, n) => index === b.channels[n]));
