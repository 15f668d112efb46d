/** What one edge takes and for how long it waits. */
export interface EdgeLimits {
  /** Fans at once; the next one gets HTTP 503. An edge lowers it to what its process may hold descriptors for. */
  readonly maxFans: number;
  /** Handshakes that are let in per second, and as many at once after a quiet second; the next one gets HTTP 503. */
  readonly maxHandshakes: number;
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
  /** Without a tick for so long, and four ticks at least, fans are told that the race is stale; a standby takes less. */
  readonly staleAfterMs: number;
  /** Promised in the welcome. */
  readonly heartbeatMs: number;
  /** How long a fan that is ahead of this edge is held before it gets a snapshot. */
  readonly aheadTimeoutMs: number;
  /**
   * How long a fan whose position lies before the ring waits for the stream to be read, before it gets a snapshot. The
   * welcome comes after it: a client gives up a connection that brings none within 10 s, and would begin anew elsewhere.
   */
  readonly readTimeoutMs: number;
  /** A long poll for which nothing comes is answered after this; it must be below the time-outs of proxies. */
  readonly pollHoldMs: number;
  /** Part of the reconnect window for each fan, and its bounds. */
  readonly windowMsPerFan: number;
  readonly minWindowMs: number;
  readonly maxWindowMs: number;
}

export const DEFAULT_LIMITS: EdgeLimits = {
  maxFans: 60_000,
  maxHandshakes: 2_000,
  maxCars: 250,
  maxPendingBytes: 64 * 1024,
  maxControlBytes: 1024 * 1024,
  maxMessagesPerSecond: 20,
  helloTimeoutMs: 10_000,
  stallTimeoutMs: 60_000,
  quietMs: 10_000,
  staleAfterMs: 3_000,
  heartbeatMs: 15_000,
  aheadTimeoutMs: 3_000,
  readTimeoutMs: 7_000,
  pollHoldMs: 10_000,
  windowMsPerFan: 1,
  minWindowMs: 1_000,
  maxWindowMs: 60_000,
};

/**
 * The time within which fans come back after a loss: it grows with their number, so that they return spread out.
 *
 * @param fans Of this edge alone: it knows no others. They all come back at `1 / windowMsPerFan`, wherever they were; of
 *   several equal edges that die at once each sends its own fans back at that rate, so the ones that are left take
 *   that rate times the dead, divided by the living.
 */
export const reconnectWindowMs = (fans: number, limits: EdgeLimits): number =>
  Math.min(limits.maxWindowMs, Math.max(limits.minWindowMs, Math.round(fans * limits.windowMsPerFan)));
