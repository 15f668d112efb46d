import { VirtualClock } from './clock.ts';
import type { OfflineSink } from './offline-race.ts';
import type { Clock, Source } from './source.ts';

/** A race that is read out of a recording as fast as somebody takes it. Not more than what is being delivered is held. */
export interface RecordedRace {
  /** Race time before its first tick, Unix ms. */
  readonly startMs: number;
  /** Delivers what happened up to race time `toMs`. @returns whether more may follow. */
  advance(sink: OfflineSink, toMs: number): Promise<boolean>;
  /** Frees what it has open. Safe to call twice. */
  stop(): Promise<void>;
}

/** Stands for the beginning of races that do not say when they were. */
export const UNDATED_MS = Date.UTC(2000, 0, 1);

/** What a source sends, by a clock that goes as fast as it is told. */
export function recordSource(startMs: number, createSource: (clock: Clock) => Source): RecordedRace {
  const clock = new VirtualClock(startMs);
  const source = createSource(clock);
  let isStarted = false;
  return {
    startMs,
    async advance(sink, toMs) {
      if (!isStarted) await source.start(sink);
      isStarted = true;
      clock.advanceTo(toMs);
      return !source.isOver?.();
    },
    stop: () => source.stop(),
  };
}
