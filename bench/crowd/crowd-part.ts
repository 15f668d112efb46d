import type { Histogram } from 'hdr-histogram-js';
import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import type { Receipt } from '../../protocol/control.ts';
import { FRAME_FLAG } from '../../protocol/frames.ts';
import type { Position } from '../../protocol/position.ts';
import { continueFrom } from './continuity.ts';
import { CrowdFan, isSnapshot } from './crowd-fan.ts';
import { createDialect } from './dialects.ts';
import { type CrowdPlan, fanPath } from './plan.ts';
import { type CrowdReport, latencyHistogram, noCounts } from './tally.ts';

/** Later than this a tick has missed its own length. */
const LATE_MS = 500;
/** A fan is whole again with a tick no older than this. */
const FRESH_MS = 1000;
/** A fan that comes back later than this after the end of its window is overdue. */
const OVERDUE_MS = 2000;

const SWEEP_MS = 500;

/** As the histograms take it. */
const toMicros = (ms: number): number => Math.min(60_000_000, Math.max(1, Math.round(ms * 1000)));

export const clockMs = (): number => performance.timeOrigin + performance.now();

/** The fans of one process of the crowd. */
export class CrowdPart {
  readonly #plan: CrowdPlan;
  readonly #host: string;
  readonly #port: number;
  readonly #from: string;
  readonly #fans: CrowdFan[] = [];
  readonly #onLive = new Map<CrowdFan, () => void>();
  readonly #onOpen = new Map<CrowdFan, () => void>();
  #latency = latencyHistogram();
  #spans: Record<string, Histogram> = {};
  #counts = noCounts();
  #afterTick = 0;
  #lastTick = -1;
  /** Newest tick that a fan of this process has. */
  #newestTick = -1;
  #isLeaving = false;
  #sweeper: NodeJS.Timeout | undefined;

  /** @param from Source address of all fans. */
  constructor(plan: CrowdPlan, from: string) {
    this.#plan = plan;
    const { hostname, port } = new URL(plan.url);
    this.#host = hostname;
    this.#port = Number(port);
    this.#from = from;
    if (plan.patience) this.#sweeper = setInterval(() => this.#giveUp(plan.patience!), SWEEP_MS);
  }

  #giveUp({ connectMs, silenceMs }: NonNullable<CrowdPlan['patience']>): void {
    const nowMs = performance.now();
    for (const fan of this.#fans) {
      const isLate = nowMs - fan.soundAtMs > (fan.isOpen ? silenceMs : connectMs);
      if (isLate && fan.isConnected && !fan.isFrozen) fan.destroy();
    }
  }

  /** Adds fans, at most `inFlight` handshakes at once; resolves when each of them has its first tick. */
  join(firstId: number, count: number, inFlight: number): Promise<void> {
    return this.#each(firstId, count, inFlight, async (fan) => {
      const live = new Promise<void>((resolve) => this.#onLive.set(fan, resolve));
      this.#connect(fan);
      await live;
    });
  }

  /**
   * Adds fans who come back with the position of a tick; resolves when all of them are whole: each holds the newest tick
   * that any fan of this process has. One that is live already tells which that is.
   */
  async resume(firstId: number, count: number, inFlight: number, from: Position & { tick: number }): Promise<void> {
    const whole: Promise<void>[] = [];
    await this.#each(firstId, count, inFlight, async (fan) => {
      const open = new Promise<void>((resolve) => this.#onOpen.set(fan, resolve));
      whole.push(new Promise((resolve) => this.#onLive.set(fan, resolve)));
      fan.resumeFrom(from, clockMs());
      this.#connect(fan);
      await open;
    });
    await Promise.all(whole);
  }

  async #each(firstId: number, count: number, inFlight: number, add: (fan: CrowdFan) => Promise<void>): Promise<void> {
    let next = firstId;
    const line = async () => {
      while (next < firstId + count) {
        const id = next++;
        const fan = new CrowdFan(id, this.#events, createDialect(this.#plan, id));
        this.#fans.push(fan);
        await add(fan);
      }
    };
    await Promise.all(Array.from({ length: Math.min(inFlight, count) }, line));
  }

  #connect(fan: CrowdFan): void {
    fan.isRepaired = false;
    fan.owedBytes = 0;
    const since = fan.tick >= 0 ? `${fan.epoch}:${fan.seq}` : undefined;
    fan.connect(this.#host, this.#port, this.#from, fanPath(this.#plan, fan.id, since));
  }

  /** As the SDK does: ends the old connection, then makes a new one. */
  #move(fan: CrowdFan): void {
    if (this.#isLeaving) return;
    fan.leaves = fan.isConnected ? 'going' : undefined;
    if (fan.isConnected) fan.destroy();
    else this.#connect(fan);
  }

  readonly #events = {
    tick: (fan: CrowdFan, tick: number, span: number, flags: number, closeAtMs: number) => {
      const nowMs = clockMs();
      const ageMs = nowMs - closeAtMs;
      const isFirst = fan.tick < 0;
      if (!isFirst) fan.worstGapMs = Math.max(fan.worstGapMs, nowMs - fan.heardAtMs);
      fan.heardAtMs = nowMs;
      this.#newestTick = Math.max(this.#newestTick, tick);
      if ((flags & FRAME_FLAG.repair) === 0 && fan.owedBytes !== 0) {
        this.#counts.untrueReceipts++;
        fan.owedBytes = 0;
      }
      if (isFirst) this.#beginLive(fan);
      else this.#compare(fan, tick, span, isSnapshot(flags));
      if (isSnapshot(flags)) fan.epoch = fan.nextEpoch;
      const isWhole = fan.awaits === 'resume' ? tick >= this.#newestTick : ageMs < FRESH_MS;
      if (fan.awaits && isWhole) {
        const tookMs = nowMs - fan.awaitsSinceMs;
        this.#spans[fan.awaits] ??= latencyHistogram();
        this.#spans[fan.awaits]!.recordValue(toMicros(tookMs));
        if (fan.awaits === 'recovery' && tookMs > fan.windowMs + OVERDUE_MS) this.#counts.overdue++;
        if (fan.awaits === 'resume') this.#beginLive(fan);
        fan.awaits = undefined;
      }
      if (isFirst || !fan.isUndisturbed || tick <= this.#afterTick || tick > this.#lastTick) return;
      this.#counts.frames++;
      fan.frames++;
      if (span === 1) this.#counts.ticks++;
      else this.#counts.conflated++;
      if (ageMs > LATE_MS) this.#counts.late++;
      this.#latency.recordValue(toMicros(ageMs));
    },
    opened: (fan: CrowdFan) => {
      this.#onOpen.get(fan)?.();
      this.#onOpen.delete(fan);
    },
    receipt: (fan: CrowdFan, { kind, ticks, bytes }: Receipt) => {
      fan.owedBytes += bytes;
      if (fan.tick < 0) return;
      // The parts of what many missed ticks come in have a receipt each.
      if (!fan.isRepaired && kind !== 'snapshot') this.#counts[kind === 'deltas' ? 'deltas' : 'composites']++;
      fan.isRepaired = true;
      this.#counts.repairTicks += ticks;
      this.#counts.repairBytes += bytes;
    },
    welcome: (fan: CrowdFan, epoch: string) => {
      fan.nextEpoch = epoch;
    },
    bye: (fan: CrowdFan, reconnectInMs: number) => {
      if (!this.#plan.returns || fan.leaves) return;
      fan.leaves = 'told';
      setTimeout(() => this.#move(fan), reconnectInMs);
    },
    bytes: (count: number) => {
      this.#counts.bytes += count;
    },
    end: (fan: CrowdFan, isRefused: boolean) => {
      if (this.#isLeaving) return;
      if (fan.leaves === 'going') {
        this.#counts.moved++;
        fan.leaves = undefined;
        this.#connect(fan);
        return;
      }
      if (isRefused) this.#counts.refused++;
      else this.#counts.lost++;
      if (!isRefused && !this.#plan.returns && fan.tick >= 0) return;
      // Its moment stands, whether the edge waits for it or not.
      if (fan.leaves === 'told') return;
      // As the SDK does: a browser does not see Retry-After.
      setTimeout(() => this.#connect(fan), Math.random() * fan.windowMs);
    },
  };

  #compare(fan: CrowdFan, tick: number, span: number, isSnapshot: boolean): void {
    if (isSnapshot && fan.epoch !== fan.nextEpoch) {
      this.#counts.epochs++;
      return;
    }
    const { lost, doubled } = continueFrom(fan.tick, tick, span, isSnapshot);
    this.#counts.lostTicks += lost;
    this.#counts.doubles += doubled;
    if (isSnapshot) this.#counts.snapshots++;
    else if (lost > 0 || doubled > 0) this.#counts.gaps++;
  }

  #beginLive(fan: CrowdFan): void {
    this.#counts.live++;
    this.#onLive.get(fan)?.();
    this.#onLive.delete(fan);
  }

  /** Counts from zero, ticks after `afterTick` up to `lastTick`. */
  measure(afterTick: number, lastTick: number): void {
    this.#afterTick = afterTick;
    this.#lastTick = lastTick;
    const { live } = this.#counts;
    this.#counts = { ...noCounts(), live };
    this.#latency = latencyHistogram();
    this.#spans = {};
    for (const fan of this.#fans) {
      fan.isUndisturbed = true;
      fan.frames = 0;
      fan.worstGapMs = 0;
    }
  }

  /** Cuts all connections at once. */
  cut(): void {
    const nowMs = clockMs();
    for (const fan of this.#fans) fan.cut(nowMs);
  }

  freeze(): void {
    for (const fan of this.#fans) fan.freeze();
  }

  thaw(): void {
    const nowMs = clockMs();
    for (const fan of this.#fans) fan.thaw(nowMs);
  }

  leave(): void {
    this.#isLeaving = true;
    clearInterval(this.#sweeper);
    for (const fan of this.#fans) fan.cut(0);
    this.#fans.length = 0;
    this.#counts.live = 0;
  }

  report(): CrowdReport {
    const gap = latencyHistogram();
    for (const { worstGapMs } of this.#fans) gap.recordValue(toMicros(worstGapMs));
    const spans = Object.entries({ ...this.#spans, gap }).map(
      ([name, span]) => [name, encodeIntoCompressedBase64(span)] as const,
    );
    return {
      counts: { ...this.#counts },
      windowMs: this.#fans.reduce((longest, { windowMs }) => Math.max(longest, windowMs), 0),
      fewestFrames: this.#fans.reduce((fewest, { frames }) => Math.min(fewest, frames), Number.MAX_SAFE_INTEGER),
      oldestTick: this.#fans.reduce((oldest, { tick }) => Math.min(oldest, tick), Number.MAX_SAFE_INTEGER),
      mostFrames: this.#fans.reduce((most, { frames }) => Math.max(most, frames), 0),
      latency: encodeIntoCompressedBase64(this.#latency),
      spans: Object.fromEntries(spans),
    };
  }
}
