import type { CarView, Player } from '../../client/mod.ts';
import type { Projection } from './projection.ts';
import type { TrackOutline } from './track-outline.ts';

/** Long enough for a lap anywhere but on the longest tracks, which the cars then draw on. */
const BACK_MS = 150_000;
const KEYS = ['lap_dist_pct', 'on_pit_road', 'lat', 'lon', 'x', 'y'] as const;

/** Draws what one car drove before this page was opened into the outline. Where no edge tells, the cars draw it as they go. */
export async function seedOutline(
  player: Player,
  car: string,
  outline: TrackOutline,
  projection: Projection,
  signal: AbortSignal,
): Promise<void> {
  const toMs = player.time;
  const known = KEYS.filter((key) => player.catalogue?.indexOf(key) !== undefined);
  if (toMs === undefined || !known.includes('lap_dist_pct')) return;
  const question = { car, channels: known, fromMs: Math.max(0, toMs - BACK_MS), toMs, points: 1000 };
  const history = await player.history(question, signal).catch(() => undefined);
  if (!history || signal.aborted) return;
  for (let row = 0; row < history.atMs.length; row++) {
    const value: CarView['value'] = (key) => history.channels.get(key)?.[row] ?? null;
    const [share, place] = [value('lap_dist_pct'), projection.placeOf({ value })];
    if (share !== null && place && value('on_pit_road') !== 1) outline.add(share / 100, place);
  }
}
