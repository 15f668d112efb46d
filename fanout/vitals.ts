import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The timer that measures the event loop turns this often; a longer turn is what it was late. */
const RESOLUTION_MS = 20;
const NS_PER_S = 1e9;
const LAG_QUANTILES = [0.5, 0.99, 1] as const;

/** What this process takes and how it breathes. */
export class Vitals {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #hadFans = false;
  /** Resident memory before the first fan came, in bytes. */
  rssBeforeFans = process.memoryUsage.rss();

  constructor() {
    this.#delay.enable();
  }

  /** To be called at every tick: what the process holds of its races is there before the fans are. */
  noteFans(fans: number): void {
    if (this.#hadFans) return;
    if (fans > 0) this.#hadFans = true;
    else this.rssBeforeFans = process.memoryUsage.rss();
  }

  /** By how much turns of the event loop were late since this was last asked, in seconds, by quantile. */
  takeLags(): Record<string, number> {
    const lags = LAG_QUANTILES.map((quantile) => {
      const turnS = (quantile === 1 ? this.#delay.max : this.#delay.percentile(quantile * 100)) / NS_PER_S;
      return [quantile, Math.max(0, turnS - RESOLUTION_MS / 1000)] as const;
    });
    this.#delay.reset();
    return Object.fromEntries(lags);
  }

  stop(): void {
    this.#delay.disable();
  }
}

/** What one fan costs; 0 while there is none. */
export const memoryPerFan = (rss: number, rssBeforeFans: number, fans: number): number =>
  fans === 0 ? 0 : Math.max(0, rss - rssBeforeFans) / fans;
