import type { Contents } from '../../archive/contents.ts';
import type { OfflineRace } from '../../ingest/offline-race.ts';
import type { Flag } from '../../protocol/document.ts';

/** Most names of what was not understood that are shown to people; `--json` gives all that were kept apart. */
const MAX_SHOWN = 20;

/** What became of recordings. */
export interface MadeRace {
  readonly file: string;
  readonly race: string;
  readonly ticks: number;
  readonly cars: number;
  /** Lap of the leader at the end; `null` when no car has sent one. */
  readonly lap: number | null;
  /** In order, as they were shown. */
  readonly flags: readonly Flag[];
  /** Messages of each kind. */
  readonly messages: Readonly<Record<string, number>>;
  /** Frames that count; the others are among the dropped. */
  readonly frames: number;
  /** What was wrong with the first thing that was malformed. */
  readonly firstProblem?: string;
  /** What was not understood or came to nothing, by name, most frequent first. */
  readonly dropped: readonly { readonly what: string; readonly count: number }[];
}

export function summarise(
  file: string,
  { document, cars, counters, firstProblem }: OfflineRace,
  { messages }: Contents,
): MadeRace {
  const { frames = 0, ...others } = counters.toObject();
  const dropped = Object.entries(others).map(([what, count]) => ({ what, count }));
  return {
    file,
    race: document.session.race,
    ticks: messages.tick ?? 0,
    cars: cars.length,
    lap: document.lap,
    flags: (document.flags ?? []).map(({ flag }) => flag),
    messages,
    frames,
    ...(firstProblem && { firstProblem }),
    dropped: dropped.sort((a, b) => b.count - a.count),
  };
}

/** The same in words. */
export function describeMade({ file, race, ticks, cars, lap, flags, firstProblem, dropped }: MadeRace): string {
  const laps = lap === null ? '' : `, to lap ${lap}`;
  const rest = dropped.length - MAX_SHOWN;
  return [
    `${ticks} ticks of race ${race}, ${cars} cars${laps}, are in ${file}.`,
    ...(flags.length > 0 ? [`flags      ${flags.join(', ')}`] : []),
    ...(firstProblem ? [`malformed  ${firstProblem}`] : []),
    ...dropped.slice(0, MAX_SHOWN).map(describeDropped),
    ...(rest > 0 ? [`           ${rest} more, which --json names`] : []),
    '',
  ].join('\n');
}

/** `unused:a.b` → `unused     24 a.b`. */
function describeDropped({ what, count }: MadeRace['dropped'][number]): string {
  const [kind, ...name] = what.split(':');
  return `${kind!.padEnd(10)} ${count} ${name.join(':')}`.trimEnd();
}
