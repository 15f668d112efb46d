import type { Catalogue, Channel, Limits } from '../../protocol/catalogue.ts';
import type { ClientState, WatchedCar } from '../../protocol/frames.ts';
import { dequantise } from '../../protocol/quantise.ts';

/** A channel of a car with its value at one tick. */
export interface ChannelValue {
  readonly key: string;
  readonly label: string;
  /** Unit symbol; empty for counts and flags. */
  readonly unit: string;
  readonly group: string;
  /** Smallest step of the value, in `unit`. */
  readonly resolution: number;
  /** Ends of the range, in `unit`: readings beyond are missing. */
  readonly min: number;
  readonly max: number;
  /** Where a value begins to be worth a warning or an alarm, in `unit`; `undefined` where nobody has said. */
  readonly limits: Limits | undefined;
  /** In `unit`; `null` while missing. */
  readonly value: number | null;
}

/** One watched car at one tick. Does not change: ask the client again after the next tick. */
export interface CarView {
  readonly car: string;
  /** Name of the view in which it is held; `own` for the channels that the fan listed. */
  readonly view: string;
  readonly tick: number;
  /** Race time at which the tick closed, Unix ms. */
  readonly closeAtMs: number;
  /** Value in the channel's unit; `null` while missing, and for channels outside the view. */
  value(key: string): number | null;
  /** `undefined` for channels outside the view. */
  channel(key: string): ChannelValue | undefined;
  /** Every channel of the view, in catalogue order. */
  channels(): ChannelValue[];
  /** Every channel of the view as `{key: value}`. */
  values(): Record<string, number | null>;
}

export function viewCar(
  catalogue: Catalogue,
  at: Pick<ClientState, 'tick' | 'closeAtMs'>,
  watched: WatchedCar,
): CarView {
  const { view } = watched;
  const read = (index: number): ChannelValue => describe(catalogue.channels[index]!, watched.state[index]!);
  const indexInView = (key: string): number | undefined => {
    const index = catalogue.indexOf(key);
    return index !== undefined && view.channels.includes(index) ? index : undefined;
  };
  return {
    car: watched.car,
    view: view.name,
    tick: at.tick,
    closeAtMs: at.closeAtMs,
    value(key) {
      const index = catalogue.indexOf(key);
      return index === undefined ? null : dequantise(catalogue.channels[index]!, watched.state[index]!);
    },
    channel(key) {
      const index = indexInView(key);
      return index === undefined ? undefined : read(index);
    },
    channels: () => Array.from(view.channels, read),
    values: () => Object.fromEntries(Array.from(view.channels, read).map(({ key, value }) => [key, value])),
  };
}

function describe(channel: Channel, steps: number): ChannelValue {
  const { key, label, unit, group, resolution, min, max, limits } = channel;
  return { key, label, unit, group, resolution, min, max, limits, value: dequantise(channel, steps) };
}
