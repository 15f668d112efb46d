import type { Receipt, RepairKind } from '../../protocol/control.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { Transport } from './transports.ts';

/** Repairs of one kind, as the receipts told them. */
export interface RepairCount {
  readonly count: number;
  readonly ticks: number;
  readonly bytes: number;
  /** That the edges took for them, in ms, summed up. */
  readonly tookMs: number;
}

/** What a client has seen since it was made. A copy: it does not change. */
export interface Statistics {
  /** Tick frames applied. */
  readonly ticks: number;
  /** Bytes of every message from the edge. */
  readonly bytes: number;
  /** Frames that built on another tick than the one held. */
  readonly gaps: number;
  /** States that differed from the edge's checksum. */
  readonly digestMismatches: number;
  /** Messages that broke the protocol in another way. */
  readonly malformed: number;
  /** Tick frames left out while a snapshot was awaited. */
  readonly ignored: number;
  /** Frames in which the edge joined ticks because this client was slow. */
  readonly conflated: number;
  /** Connections that were made after the first one. */
  readonly reconnects: number;
  /** Of the connection that is, or was last, there. */
  readonly transport: Transport;
  readonly receipts: Readonly<Record<RepairKind, RepairCount>>;
  /** Times that a listener threw. */
  readonly listenerErrors: number;
  /**
   * Age of what is held, in ms. `byRaceTimeMs`: since the newest tick closed; both clocks must agree, and a recording
   * keeps its own time. `byWallClockMs`: since the newest tick arrived. `undefined` before the first tick.
   */
  readonly age: { readonly byRaceTimeMs: number | undefined; readonly byWallClockMs: number | undefined };
}

export type Counter = Exclude<keyof Statistics, 'receipts' | 'age' | 'transport'>;

/** Counts for one client. */
export class Tally {
  readonly #counts: Record<Counter, number> = {
    ticks: 0,
    bytes: 0,
    gaps: 0,
    digestMismatches: 0,
    malformed: 0,
    ignored: 0,
    conflated: 0,
    reconnects: 0,
    listenerErrors: 0,
  };
  readonly #receipts: Record<RepairKind, RepairCount> = {
    deltas: { count: 0, ticks: 0, bytes: 0, tookMs: 0 },
    composite: { count: 0, ticks: 0, bytes: 0, tookMs: 0 },
    snapshot: { count: 0, ticks: 0, bytes: 0, tookMs: 0 },
  };
  #newest: { closeAtMs: number; arrivedAtMs: number } | undefined;

  add(counter: Counter, amount = 1): void {
    this.#counts[counter] += amount;
  }

  /** Notes what came and was refused. */
  refused(error: unknown): void {
    const code = error instanceof ProtocolError ? error.code : '';
    this.add(code === 'gap' ? 'gaps' : code === 'digest' ? 'digestMismatches' : 'malformed');
  }

  receipt({ kind, ticks, bytes, tookMs }: Receipt): void {
    const sum = this.#receipts[kind];
    this.#receipts[kind] = {
      count: sum.count + 1,
      ticks: sum.ticks + ticks,
      bytes: sum.bytes + bytes,
      tookMs: sum.tookMs + tookMs,
    };
  }

  /** @param arrivedAtMs Wall clock, Unix ms. */
  tick(closeAtMs: number, arrivedAtMs: number): void {
    this.add('ticks');
    this.#newest = { closeAtMs, arrivedAtMs };
  }

  /** @param nowMs Wall clock, Unix ms. */
  read(nowMs: number, transport: Transport): Statistics {
    const newest = this.#newest;
    return {
      ...this.#counts,
      transport,
      receipts: { ...this.#receipts },
      age: {
        byRaceTimeMs: newest && nowMs - newest.closeAtMs,
        byWallClockMs: newest && nowMs - newest.arrivedAtMs,
      },
    };
  }
}
