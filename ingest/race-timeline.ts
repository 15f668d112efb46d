import { MAX_FLAG_CHANGES, MAX_LAP_STARTS, type RaceDocument } from '../protocol/document.ts';

/** So many old entries are dropped at a time when there are too many: moving a list up is a large patch. */
const SPARE = 100;

/** When the laps of the leader began and the flags changed, after a tick. Lists that stay the same are the same. */
export function advanceTimeline(
  { laps = [], flags = [], flag }: Pick<RaceDocument, 'laps' | 'flags' | 'flag'>,
  lap: number | null,
  closeAtMs: number,
): Required<Pick<RaceDocument, 'laps' | 'flags'>> {
  // A leader that is passed by a car of an earlier lap, as after a stop, does not begin a lap anew; a race that does, does.
  const isNewLap = lap !== null && (lap > (laps.at(-1)?.lap ?? -1) || lap < (laps[0]?.lap ?? 0));
  return {
    laps: isNewLap ? append(lap < (laps[0]?.lap ?? 0) ? [] : laps, { lap, atMs: closeAtMs }, MAX_LAP_STARTS) : laps,
    flags: flag === (flags.at(-1)?.flag ?? 'none') ? flags : append(flags, { flag, atMs: closeAtMs }, MAX_FLAG_CHANGES),
  };
}

function append<T>(list: readonly T[], entry: T, most: number): readonly T[] {
  return [...(list.length < most ? list : list.slice(-(most - SPARE))), entry];
}
