import type { FanTally } from './courier.ts';
import type { EdgeStats, RaceStats } from './edge-stats.ts';
import type { Sample } from './prometheus.ts';

/** One number of every race, or several under one more label. */
export interface RaceMetric {
  readonly name: string;
  readonly help: string;
  /** Name of the label beside `race`, where the metric has one. */
  readonly by?: string;
  of(race: RaceStats): number | Readonly<Record<string, number | undefined>>;
}

const sumOf = ({ repairs }: FanTally, what: keyof FanTally['repairs']['deltas']): Record<string, number> =>
  Object.fromEntries(Object.entries(repairs).map(([kind, sum]) => [kind, sum[what]]));

export const RACE_COUNTERS: readonly RaceMetric[] = [
  { name: 'ticks_total', help: 'Ticks that came live from the stream.', of: ({ tally }) => tally.ticks },
  { name: 'frames_total', help: 'Frames sent to fans.', of: ({ tally }) => tally.frames },
  { name: 'frame_bytes_total', help: 'Bytes of the frames sent to fans.', of: ({ tally }) => tally.bytes },
  {
    name: 'conflations_total',
    help: 'Frames that joined several ticks because a fan read too slowly.',
    of: ({ tally }) => tally.conflated,
  },
  {
    name: 'paced_frames_total',
    help: 'Frames that joined several ticks because a fan asked for fewer.',
    of: ({ tally }) => tally.paced,
  },
  {
    name: 'repairs_total',
    help: 'Repairs by kind; the first snapshot of a new fan is one.',
    by: 'kind',
    of: ({ tally }) => sumOf(tally, 'count'),
  },
  {
    name: 'repaired_ticks_total',
    help: 'Missed ticks that repairs covered, by kind.',
    by: 'kind',
    of: ({ tally }) => sumOf(tally, 'ticks'),
  },
  {
    name: 'repair_bytes_total',
    help: 'Bytes of the tick frames of repairs, by kind.',
    by: 'kind',
    of: ({ tally }) => sumOf(tally, 'bytes'),
  },
  {
    name: 'repair_ms_total',
    help: 'Time from the question of a fan to its receipt, summed up in ms, by kind.',
    by: 'kind',
    of: ({ tally }) => sumOf(tally, 'tookMs'),
  },
  {
    name: 'json_events_total',
    help: 'Events of streams of JSON by what is in them; conflated patches and snapshots are counted once more by themselves.',
    by: 'kind',
    of: ({ json: { snapshots, patches, conflated } }) => ({ snapshot: snapshots, patch: patches, conflated }),
  },
  { name: 'json_bytes_total', help: 'Bytes of the events of streams of JSON.', of: ({ json }) => json.bytes },
  {
    name: 'poll_answers_total',
    help: 'Answers to long polls by what was in them; one answer may serve many fans behind a cache.',
    by: 'kind',
    of: ({ polls }) => polls.answers,
  },
  { name: 'poll_bytes_total', help: 'Bytes of the answers to long polls.', of: ({ polls }) => polls.bytes },
  {
    name: 'poll_refusals_total',
    help: 'Long polls that got no answer, by reason.',
    by: 'reason',
    of: ({ polls }) => polls.refused,
  },
  {
    name: 'stretches_read_total',
    help: 'Stretches of the stream that were read for fans who came back from before the ring, in this life of the state.',
    of: ({ stretchesRead }) => stretchesRead,
  },
  {
    name: 'fans_closed_total',
    help: 'Fans whose connection the edge closed, by the reason that they were told.',
    by: 'reason',
    of: ({ tally }) => tally.closed,
  },
  {
    name: 'messages_refused_total',
    help: 'Messages of fans that were answered with an error.',
    of: ({ tally }) => tally.refused,
  },
  {
    name: 'slices_encoded_total',
    help: 'Slices encoded, each for all fans of its car and view.',
    of: ({ encodedSlices }) => encodedSlices,
  },
  {
    name: 'frames_joined_total',
    help: 'Frames joined from slices; far below frames_total where fans share a choice of more than four cars.',
    of: ({ joinedFrames }) => joinedFrames,
  },
  {
    name: 'losses_total',
    help: 'How often the state did not fit the stream and began anew, by reason.',
    by: 'reason',
    of: ({ losses }) => losses,
  },
  {
    name: 'problems_total',
    help: 'What was in the way of following the stream, by reason.',
    by: 'reason',
    of: ({ problems }) => problems,
  },
];

export const RACE_GAUGES: readonly (RaceMetric & { readonly merge: 'sum' | 'min' | 'max' })[] = [
  {
    name: 'fans',
    help: 'Fans by stage: new ones have not said what they want, parked ones are ahead of this edge, live ones get every tick.',
    by: 'stage',
    merge: 'sum',
    of: ({ stages }) => stages,
  },
  {
    name: 'fans_by_transport',
    help: 'Fans by what they are reached with: a WebSocket, a stream of events over HTTP, or one of JSON for people; and long polls that wait, which are no fans elsewhere.',
    by: 'transport',
    merge: 'sum',
    of: ({ transports }) => transports,
  },
  {
    name: 'waiting_bytes',
    help: 'Bytes that wait in the sockets of all fans.',
    merge: 'sum',
    of: ({ pendingBytes }) => pendingBytes,
  },
  {
    name: 'head_tick',
    help: 'Newest tick; of several workers the highest.',
    merge: 'max',
    of: ({ tick }) => tick ?? {},
  },
  {
    name: 'ring_ticks',
    help: 'Ticks kept for fans who come back; of several workers the fewest.',
    merge: 'min',
    of: ({ ringTicks }) => ringTicks,
  },
  {
    name: 'race_status',
    help: '1 for the status that the race has here and 0 for all others; the number of workers where there are several.',
    by: 'status',
    merge: 'sum',
    of: ({ status }) => ({ waiting: 0, live: 0, lost: 0, stale: 0, finished: 0, [status]: 1 }),
  },
  {
    name: 'stale_seconds',
    help: 'For how long no tick has come, while fans are told so; 0 otherwise. Of several workers the longest.',
    merge: 'max',
    of: ({ staleForMs }) => staleForMs / 1000,
  },
];

/** What a metric is right now, for every race. */
export function* samplesOf({ by, of }: RaceMetric, stats: EdgeStats): Iterable<Sample> {
  for (const [race, facts] of Object.entries(stats.races)) {
    const value = of(facts);
    if (typeof value === 'number') yield [{ race }, value];
    else for (const [name, part] of Object.entries(value)) if (by) yield [{ race, [by]: name }, part ?? 0];
  }
}
