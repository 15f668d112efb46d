import type { CDPSession } from 'playwright-core';

/** The network of a fan, as round trip and width. */
export interface Network {
  readonly name: string;
  readonly rttMs: number;
  readonly downBytesPerS: number;
  readonly upBytesPerS: number;
}

const mbit = (value: number) => (value * 1e6) / 8;

/** "4G" of WebPageTest. */
export const FOUR_G: Network = { name: '4g', rttMs: 170, downBytesPerS: mbit(9), upBytesPerS: mbit(9) };
/** "Slow 4G" of Lighthouse. */
export const SLOW_4G: Network = { name: 'slow 4g', rttMs: 150, downBytesPerS: mbit(1.6), upBytesPerS: mbit(0.75) };

/** Has every request of a page wait for the network; what a socket carries is narrowed by this, but not delayed. */
export async function slowNetwork(devtools: CDPSession, { rttMs, downBytesPerS, upBytesPerS }: Network): Promise<void> {
  await devtools.send('Network.enable');
  await devtools.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: rttMs,
    downloadThroughput: downBytesPerS,
    uploadThroughput: upBytesPerS,
  });
}
