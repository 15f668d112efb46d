import type { Player } from '../../client/mod.ts';
import { channelsToAsk, type KnownLap, readLaps } from './lap-table.ts';

/** So many laps back it reads, and one or two more that are not whole. */
const LAPS = 10;
/** An edge gives so many ticks one by one. */
const MOST_TICKS = 1990;
/** A lap is read when its ticks and its official time are there. */
const SETTLE_MS = 3000;
/** Whoever drags the time bar jumps many times in a row: only the last one is read. */
const QUIET_MS = 150;
/** Where a race does not say when a car crossed the line, it is asked this often, in race time. */
const BLIND_MS = 60_000;

/** What is known of the laps of a car. */
export interface CarLaps {
  /** Oldest first. */
  readonly laps: readonly KnownLap[];
  /** Why there are none, or no newer ones, as a sentence. */
  readonly problem: string | undefined;
  /** The first answer is not here yet. */
  readonly isReading: boolean;
}

interface Entry {
  laps: readonly KnownLap[];
  /** Changes when the car crosses the line. */
  line: number | undefined;
  /** Race time from which on it is to be read again; `undefined` while there is no need. */
  dueAtMs: number | undefined;
  /** Race time up to which it was read. */
  readToMs: number;
  reading: AbortController;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Keeps the last laps of some cars, up to what a player shows and never newer: read at the beginning, after a jump, and
 * when a car has completed another lap.
 * @param onLaps Something is known anew of a car.
 */
export function followLaps(player: Player, cars: readonly string[], onLaps: (car: string, laps: CarLaps) => void) {
  const entries = new Map<string, Entry>();
  let tickMs = 500;

  const ask = async (car: string, toMs: number, signal: AbortSignal): Promise<readonly KnownLap[]> => {
    const trackLengthM = player.document?.session.trackLengthM ?? null;
    const channels = channelsToAsk((key) => player.catalogue?.indexOf(key) !== undefined, trackLengthM);
    if (!channels) throw new Error('This race does not tell where in the lap a car is.');
    const { lastLapS, bestLapS } = player.document?.standings[car] ?? {};
    const lapS = Math.max(lastLapS ?? 0, bestLapS ?? 0);
    const lapsMs = lapS > 0 ? (LAPS + 2) * 1000 * lapS : Number.POSITIVE_INFINITY;
    for (;;) {
      const fromMs = Math.max(0, Math.floor(toMs - Math.min(lapsMs, MOST_TICKS * tickMs)));
      const history = await player.history({ car, channels, fromMs, toMs, points: 2000 }, signal);
      if (history.ticksEach === 1 || history.tickMs >= tickMs) return readLaps(history, trackLengthM).slice(-LAPS);
      tickMs = history.tickMs;
    }
  };
  const read = async (car: string, entry: Entry) => {
    entry.reading.abort();
    entry.reading = new AbortController();
    const { signal } = entry.reading;
    const toMs = player.time;
    entry.dueAtMs = undefined;
    if (toMs === undefined) return;
    entry.readToMs = toMs;
    try {
      const laps = await ask(car, toMs, signal);
      if (signal.aborted) return;
      entry.laps = laps;
      onLaps(car, { laps, problem: undefined, isReading: false });
    } catch (error) {
      if (signal.aborted) return;
      onLaps(car, { laps: entry.laps, problem: (error as Error).message, isReading: false });
    }
  };
  const readSoon = (car: string, entry: Entry) => {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(read, QUIET_MS, car, entry);
  };
  const look = (car: string, entry: Entry, isJump: boolean) => {
    const { time } = player;
    if (time === undefined) return;
    if (time < entry.readToMs) {
      // What is newer than what is shown is not to be seen, from now on.
      entry.laps = entry.laps.filter(({ lap }) => lap.endMs <= time);
      entry.reading.abort();
      entry.readToMs = time;
      onLaps(car, { laps: entry.laps, problem: undefined, isReading: entry.laps.length === 0 });
    }
    const line = player.document?.standings[car]?.lineAtMs ?? Math.floor(time / BLIND_MS);
    if (isJump || entry.line === undefined) readSoon(car, entry);
    else if (line !== entry.line) entry.dueAtMs = time + SETTLE_MS;
    else if (entry.dueAtMs !== undefined && time >= entry.dueAtMs) void read(car, entry);
    entry.line = line;
  };
  for (const car of new Set(cars)) {
    const entry: Entry = {
      ...{ laps: [], line: undefined, dueAtMs: undefined, readToMs: 0 },
      ...{ reading: new AbortController(), timer: undefined },
    };
    entries.set(car, entry);
    onLaps(car, { laps: [], problem: undefined, isReading: true });
    look(car, entry, false);
  }
  const offTick = player.on('tick', ({ snapshot }) => {
    for (const [car, entry] of entries) look(car, entry, snapshot);
  });
  return {
    readAgain() {
      for (const [car, entry] of entries) readSoon(car, entry);
    },
    stop() {
      offTick();
      for (const { reading, timer } of entries.values()) {
        reading.abort();
        clearTimeout(timer);
      }
    },
  };
}
