import { CAR_LENGTH_M, LANE, LAP_POINTS, MODE } from './cars.ts';
import type { Reading } from './sensors.ts';
import { PIT, zoneOf } from './track.ts';
import { distanceTo } from './traffic.ts';
import type { World } from './world.ts';

export const RACE_KEYS = [
  'session_time',
  'lap',
  'laps_completed',
  'lap_dist',
  'lap_dist_pct',
  'lap_time',
  'lap_time_last',
  'lap_time_best',
  'lap_best',
  'delta_best',
  'dist_ahead',
  'dist_behind',
  'on_pit_road',
  'in_pit_stall',
  'track_surface',
  'incidents',
] as const;

/** Numbers of `track_surface`, as iRacing counts them: off track, in the stall, pit road or its approach, on track. */
const SURFACE = { off: 0, stall: 1, approach: 2, track: 3 } as const;

/** Timing as the timing loops see it: exact, without noise. */
export function writeRace(w: World, r: Reading, out: Float64Array, at: number): void {
  const { cars, track } = w;
  const { i } = r;
  const z = zoneOf(track, r.s);
  const mode = cars.mode[i]!;
  const isInside = r.offset < -6 && z > PIT.inZ && z < PIT.outZ && mode !== MODE.spin;
  const isInStall = mode === MODE.stall || (mode === MODE.parked && cars.lane[i] === LANE.stall);
  const sinceLine = r.timeS - cars.lapStartS[i]!;
  out[at] = r.timeS;
  // Lap 0 is the one before the first crossing of the line.
  out[at + 1] = r.lap + 1;
  out[at + 2] = r.lap;
  out[at + 3] = r.s;
  out[at + 4] = (r.s / track.lengthM) * 100;
  // Between the crossing and the step that saw it, the lap before is still running.
  const lapTime = sinceLine < 0 ? cars.lapLastS[i]! + sinceLine : sinceLine;
  out[at + 5] = Math.max(0, Math.min(3600, lapTime));
  out[at + 6] = cars.lapLastS[i]!;
  out[at + 7] = cars.lapBestS[i]!;
  out[at + 8] = cars.lapBest[i]!;
  out[at + 9] = Math.max(-600, Math.min(600, deltaBest(w, r, lapTime)));
  out[at + 10] = toNext(w, i, 1);
  out[at + 11] = toNext(w, i, -1);
  out[at + 12] = isInside || isInStall ? 1 : 0;
  out[at + 13] = isInStall ? 1 : 0;
  out[at + 14] = isInStall
    ? SURFACE.stall
    : isInside || mode === MODE.pitIn
      ? SURFACE.approach
      : r.offset < -3.5
        ? SURFACE.off
        : SURFACE.track;
  out[at + 15] = cars.incidents[i]!;
}

function deltaBest(w: World, r: Reading, lapTime: number): number {
  const { cars, track } = w;
  if (cars.lapBest[r.i] === 0) return 0;
  const point = (r.s / track.lengthM) * LAP_POINTS;
  const k = point | 0;
  const from = k === 0 ? 0 : cars.bestTimes[r.i * LAP_POINTS + k]!;
  const to = k + 1 >= LAP_POINTS ? cars.lapBestS[r.i]! : cars.bestTimes[r.i * LAP_POINTS + k + 1]!;
  return lapTime - (from + (to - from) * (point - k));
}

/** Bumper to bumper to the next car on the road forward (1) or backward (−1), m; half a lap when there is none. */
function toNext(w: World, i: number, direction: 1 | -1): number {
  const { cars, onTrack } = w;
  const n = onTrack.length;
  const at = onTrack.indexOf(i);
  for (let q = 1; q < n; q++) {
    const j = onTrack[(at + direction * q + n) % n]!;
    if (cars.mode[j] === MODE.parked || cars.mode[j] === MODE.stall) continue;
    const gap = direction === 1 ? distanceTo(w, i, j) : distanceTo(w, j, i);
    return Math.max(0, gap - CAR_LENGTH_M);
  }
  return w.track.lengthM / 2;
}
