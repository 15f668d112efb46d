import type { Timeline } from '../../client/mod.ts';

/** A stretch or a moment of the race, on a line that goes from 0 to 1. */
export interface Mark {
  readonly kind: 'yellow' | 'red' | 'lap' | 'pit';
  readonly from: number;
  /** The same as `from` for a moment. */
  readonly to: number;
  readonly title: string;
}

/** The line: race times, Unix ms. */
export interface Line {
  readonly fromMs: number;
  readonly toMs: number;
}

/** More laps than this are not marked one by one. */
const MOST_LAPS = 25;

/** What can be played; `undefined` while nothing can. @param newestMs Of the newest tick. */
export function lineOf({ segments, epoch }: Timeline, newestMs: number | undefined): Line | undefined {
  const own = segments.filter((segment) => segment.epoch === epoch);
  const [first, last] = [own[0], own.at(-1)];
  if (!first || !last) return undefined;
  return { fromMs: first.closeAtMs[0], toMs: Math.max(last.closeAtMs[1], newestMs ?? 0) };
}

/** Cautions, laps, and the stops of one car, as far as they lie on the line. */
export function marksOf({ flags, laps, pitStops }: Timeline, line: Line, car: string | undefined): Mark[] {
  const { fromMs, toMs } = line;
  const at = (ms: number) => Math.min(1, Math.max(0, (ms - fromMs) / (toMs - fromMs)));
  const marks: Mark[] = [];
  for (const [n, { flag, atMs }] of flags.entries()) {
    const endMs = flags[n + 1]?.atMs ?? toMs;
    if ((flag !== 'yellow' && flag !== 'red') || endMs <= fromMs || atMs >= toMs) continue;
    marks.push({ kind: flag, from: at(atMs), to: at(endMs), title: flag === 'red' ? 'Red flag' : 'Caution' });
  }
  const step = Math.max(1, Math.ceil(laps.length / MOST_LAPS));
  for (const { lap, atMs } of laps)
    if (lap % step === 0 && atMs > fromMs && atMs < toMs)
      marks.push({ kind: 'lap', from: at(atMs), to: at(atMs), title: `Lap ${lap}` });
  for (const { car: whose, inAtMs } of pitStops)
    if (whose === car && inAtMs > fromMs && inAtMs < toMs)
      marks.push({ kind: 'pit', from: at(inAtMs), to: at(inAtMs), title: `Pit stop of ${whose}` });
  return marks;
}

/** The lap that the leader was in; `undefined` before the first that is known. */
export const lapAt = ({ laps }: Timeline, timeMs: number): number | undefined =>
  laps.findLast(({ atMs }) => atMs <= timeMs)?.lap;
