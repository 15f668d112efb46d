import {
  type ControlMessage,
  type ControlNews,
  MAX_CONTROL_MESSAGES,
  MAX_FLAG_CHANGES,
  MAX_LAP_STARTS,
  type RaceDocument,
} from '../protocol/document.ts';

/** The same words within this time are one message: two ingests heard it, or a source says it again. */
const SAME_WITHIN_MS = 10_000;
/** So many old entries are dropped at a time when there are too many: moving a list up is a large patch. */
const SPARE = 100;
const SPARE_MESSAGES = 25;

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

/** What race control has said, with what it says now. A message without a time is left out: nobody could tell where it belongs. */
export function appendControl(
  said: readonly ControlMessage[] = [],
  news: readonly ControlNews[],
): readonly ControlMessage[] {
  return news.reduce((list, { text, atMs }) => {
    const isKnown = (one: ControlMessage) => one.text === text && Math.abs(one.atMs - atMs!) < SAME_WITHIN_MS;
    if (atMs === undefined || list.some(isKnown)) return list;
    return append(list, { atMs, text }, MAX_CONTROL_MESSAGES, SPARE_MESSAGES);
  }, said);
}

function append<T>(list: readonly T[], entry: T, most: number, spare = SPARE): readonly T[] {
  return [...(list.length < most ? list : list.slice(-(most - spare))), entry];
}
