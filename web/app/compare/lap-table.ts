import type { CarHistory } from '../../client/mod.ts';
import type { NamedLap } from './compare-words.ts';
import { type Lap, splitLaps, withTime } from './laps.ts';

/** What the view asks of a car: distances, what names a lap, and what is drawn. */
export const DRAWN = ['speed', 'throttle', 'brake'] as const;
const DISTANCE = ['lap_dist_pct', 'lap_dist'] as const;
const OTHERS = ['lap', 'lap_time_last', 'on_pit_road'] as const;

/** A lap with its values. */
export interface KnownLap extends NamedLap {
  /** The same lap has the same one whenever it is read. */
  readonly id: string;
  readonly lap: Lap;
  /** By key of a channel and row of the series. */
  readonly channels: CarHistory['channels'];
}

/**
 * The channels to ask for, at most 8, of those that a race has.
 * @param has Whether there is such a channel.
 * @returns `undefined` when the race does not tell where in the lap a car is.
 */
export function channelsToAsk(has: (key: string) => boolean, trackLengthM: number | null): string[] | undefined {
  const distance = DISTANCE.find((key) => has(key) && (key === 'lap_dist_pct' || (trackLengthM ?? 0) > 0));
  return distance && [distance, ...[...DRAWN, ...OTHERS].filter(has)];
}

/** Official time of a lap and the time between ticks at its ends differ by no more than this part of it. */
const SAME_TIME = 0.05;
/** Where timing says the same of two laps in a row, the ticks have to agree with it more closely. */
const ALIKE_S = 0.02;
/** A lap that is over is timed within some ticks. */
const TIMED_WITHIN_MS = 4000;
/** The way between ticks that are up to so many apart is taken for known. */
const HOLE_TICKS = 4.5;

/** Laps of a car, oldest first. @throws {Error} when ticks were joined: their order is lost. */
export function readLaps(history: CarHistory, trackLengthM: number | null): KnownLap[] {
  const { atMs, channels, car, tickMs, ticksEach } = history;
  if (ticksEach > 1) throw new Error('It came in too few points; ask for a shorter time.');
  const percent = channels.get('lap_dist_pct');
  const [column, whole] = percent ? [percent, 100] : [channels.get('lap_dist') ?? [], trackLengthM ?? 0];
  const share = column.map((value) => (value === null || whole <= 0 ? null : Math.min(1, Math.max(0, value / whole))));
  return splitLaps({ atMs, share, holeMs: tickMs * HOLE_TICKS }).map((lap) => {
    const rows = lap.track.slice(1, -1).map(({ row }) => row);
    const timed = officialTime(history, lap);
    const number = channels.get('lap')?.[rows[rows.length >> 1] ?? -1] ?? undefined;
    const isPit = rows.some((row) => (channels.get('on_pit_road')?.[row] ?? 0) > 0);
    const exact = timed === undefined ? lap : withTime(lap, timed);
    return { id: `${Math.round(lap.startMs)}`, car, number, timeS: exact.timeS, isPit, lap: exact, channels };
  });
}

/** What timing says of a lap soon after it. */
function officialTime({ atMs, channels }: CarHistory, { endMs, timeS }: Lap): number | undefined {
  const column = channels.get('lap_time_last');
  const end = atMs.findIndex((at) => at >= endMs);
  if (!column || end < 1) return undefined;
  const late = atMs.findIndex((at) => at > endMs + TIMED_WITHIN_MS);
  const said = column.slice(end, late < 0 ? undefined : late).filter((value) => value !== null);
  const before = column[end - 1];
  // Until it changes it is the time of the lap before. It does not change where laps are alike.
  const changed = said.find((value) => value !== before);
  const most = changed === undefined ? ALIKE_S : SAME_TIME * timeS;
  const time = changed ?? said.at(-1);
  return time !== undefined && time > 0 && Math.abs(time - timeS) < most ? time : undefined;
}

/** A lap to choose: `best` and `last` become others as laps are completed. */
export type LapChoice = 'best' | 'last' | (string & {});

/** The lap that is chosen; of those in the pits none is the best. */
export function findLap(laps: readonly KnownLap[], choice: LapChoice): KnownLap | undefined {
  if (choice === 'last') return laps.at(-1);
  if (choice !== 'best') return laps.find(({ id }) => id === choice);
  const free = laps.filter(({ isPit }) => !isPit);
  const best = (free.length > 0 ? free : laps).toSorted((a, b) => a.timeS - b.timeS);
  return best[0];
}
