/** What one edge takes and for how long it waits. */
export interface EdgeLimits {
  /** Fans at once; the next one gets HTTP 503. */
  readonly maxFans: number;
  /** Cars that one fan may watch. */
  readonly maxCars: number;
  /** Bytes that may wait in the socket of a fan before its ticks are conflated. */
  readonly maxPendingBytes: number;
  /** Bytes waiting at which a fan is closed: only control messages can pile up so far. */
  readonly maxControlBytes: number;
  readonly maxMessagesPerSecond: number;
  /** A fan must say hello within this. */
  readonly helloTimeoutMs: number;
  /** A fan over its budget that takes no byte for this long is closed. */
  readonly stallTimeoutMs: number;
  /** Something is sent to every fan at least so often; the promise to clients is heartbeatMs. */
  readonly quietMs: number;
  /** Promised in the welcome. */
  readonly heartbeatMs: number;
  /** How long a fan that is ahead of this edge is held before it gets a snapshot. */
  readonly aheadTimeoutMs: number;
  /** Part of the reconnect window for each fan, and its bounds. */
  readonly windowMsPerFan: number;
  readonly minWindowMs: number;
  readonly maxWindowMs: number;
}

export const DEFAULT_LIMITS: EdgeLimits = {
  maxFans: 60_000,
  maxCars: 250,
  maxPendingBytes: 64 * 1024,
  maxControlBytes: 1024 * 1024,
  maxMessagesPerSecond: 20,
  helloTimeoutMs: 10_000,
  stallTimeoutMs: 60_000,
  quietMs: 10_000,
  heartbeatMs: 15_000,
  aheadTimeoutMs: 3_000,
  windowMsPerFan: 1,
  minWindowMs: 1_000,
  maxWindowMs: 60_000,
};

/** The moment within which fans come back after a loss: it grows with their number, so that they return spread out. */
export const reconnectWindowMs = (fans: number, limits: EdgeLimits): number =>
  Math.min(limits.maxWindowMs, Math.max(limits.minWindowMs, Math.round(fans * limits.windowMsPerFan)));
