import { build, decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';

/** What happened to fans in the measured span of ticks, and since the start. */
export interface CrowdCounts {
  /** Fans that hold a state of the race now. */
  live: number;
  /** Tick frames of the measured span that came, each for one tick or for several joined. */
  frames: number;
  /** Ticks of the span that came one by one. */
  ticks: number;
  /** Frames over several ticks, because the fan or the edge was too slow. */
  conflated: number;
  /** Frames that did not build on what the fan held. */
  gaps: number;
  /** Ticks between what a fan held and what a frame built on, or what a snapshot came with. */
  lostTicks: number;
  /** Connections that fans left because their edge asked them to. */
  moved: number;
  /** Ticks that a fan had already. */
  doubles: number;
  /** Ticks that came more than 500 ms after their close. */
  late: number;
  bytes: number;
  /** Connections that ended, and handshakes that were refused, since the start. */
  lost: number;
  refused: number;
  /** Fans whose position could not be resumed. */
  snapshots: number;
  /** Snapshots of another epoch than that of what the fan held. */
  epochs: number;
  /** Receipts by kind, without those of a first join, and the ticks and bytes of tick frames that they told. */
  deltas: number;
  composites: number;
  repairTicks: number;
  repairBytes: number;
  /** Repairs in which other bytes came than their receipts told. */
  untrueReceipts: number;
  /** Fans who were whole again later than 2 s after the end of their reconnect window. */
  overdue: number;
}

export const noCounts = (): CrowdCounts => ({
  live: 0,
  frames: 0,
  ticks: 0,
  conflated: 0,
  gaps: 0,
  lostTicks: 0,
  moved: 0,
  doubles: 0,
  late: 0,
  bytes: 0,
  lost: 0,
  refused: 0,
  snapshots: 0,
  epochs: 0,
  deltas: 0,
  composites: 0,
  repairTicks: 0,
  repairBytes: 0,
  untrueReceipts: 0,
  overdue: 0,
});

/** Histogram of microseconds up to a minute, exact to 0.1%. */
export const latencyHistogram = (): Histogram =>
  build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });

/** What one process of the crowd reports. */
export interface CrowdReport {
  readonly counts: CrowdCounts;
  /** Longest reconnect window that a fan was told. */
  readonly windowMs: number;
  /** Tick frames of the span that the worst and the best served fan got. */
  readonly fewestFrames: number;
  readonly mostFrames: number;
  /** Tick of the fan that is furthest behind. */
  readonly oldestTick: number;
  /** Compressed histogram of µs from the close of a tick to the fan that reads it. */
  readonly latency: string;
  /** Where given: compressed histograms of other spans by name. */
  readonly spans: Readonly<Record<string, string>>;
}

/** Sums the reports of several processes. */
export function sumReports(reports: readonly CrowdReport[]): {
  counts: CrowdCounts;
  windowMs: number;
  fewestFrames: number;
  mostFrames: number;
  oldestTick: number;
  latency: Histogram;
  spans: Record<string, Histogram>;
} {
  const counts = noCounts();
  const latency = latencyHistogram();
  const spans: Record<string, Histogram> = {};
  for (const report of reports) {
    for (const key of Object.keys(counts) as (keyof CrowdCounts)[]) counts[key] += report.counts[key];
    latency.add(decodeFromCompressedBase64(report.latency));
    for (const [name, packed] of Object.entries(report.spans)) {
      spans[name] ??= latencyHistogram();
      spans[name].add(decodeFromCompressedBase64(packed));
    }
  }
  const windowMs = Math.max(...reports.map((report) => report.windowMs));
  const fewestFrames = Math.min(...reports.map((report) => report.fewestFrames));
  const mostFrames = Math.max(...reports.map((report) => report.mostFrames));
  const oldestTick = Math.min(...reports.map((report) => report.oldestTick));
  return { counts, windowMs, fewestFrames, mostFrames, oldestTick, latency, spans };
}
