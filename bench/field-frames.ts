import { VirtualClock } from '../ingest/clock.ts';
import { createSimulatorSource } from '../ingest/simulator-source.ts';
import { type Catalogue, parseCatalogue } from '../protocol/catalogue.ts';

const START_MS = 1_700_000_000_000;

/** One frame of one car as parallel arrays, kept for good. */
export interface KeptFrame {
  readonly car: string;
  /** From the start of the recording, ms. */
  readonly offsetMs: number;
  /** By position in a packed frame. */
  readonly values: Float32Array;
}

/** The catalogue cut down to its first `raw` channels that frames carry, with the derived ones that live on them. */
export function cutCatalogue(catalogue: Catalogue, raw: number): Catalogue {
  const kept = new Set(Array.from(catalogue.packedOrder.subarray(0, raw), (index) => catalogue.channels[index]!.key));
  const channels = catalogue.channels.filter((channel) => kept.has(channel.of ?? channel.key));
  const keys = new Set(channels.map((channel) => channel.key));
  const strip = (channel: (typeof channels)[number]) =>
    channel.coding?.from !== undefined && !keys.has(channel.coding.from) ? { ...channel, coding: { k: 2 } } : channel;
  return parseCatalogue({ name: `${catalogue.name}-${raw}`, channels: channels.map(strip) });
}

/** Frames of a simulated field, in order of time, made as fast as the machine can. */
export async function recordFrames(
  catalogue: Catalogue,
  cars: number,
  rateHz: number,
  seconds: number,
): Promise<KeptFrame[]> {
  const clock = new VirtualClock(START_MS);
  const position = new Map(Array.from(catalogue.packedOrder, (channel, at) => [channel, at]));
  const frames: KeptFrame[] = [];
  const source = createSimulatorSource({ catalogue, clock, seed: 24, cars, rateHz });
  await source.start({
    facts: () => {},
    refuse: () => {},
    frame: ({ car, atMs, count, channels, values }) => {
      const packed = new Float32Array(catalogue.packedOrder.length).fill(Number.NaN);
      for (let i = 0; i < count; i++) packed[position.get(channels[i]!)!] = values[i]!;
      frames.push({ car, offsetMs: atMs - START_MS, values: packed });
    },
  });
  clock.advanceTo(START_MS + seconds * 1000);
  await source.stop();
  return frames;
}
