import { describe, expect, it } from 'vitest';
import type { Since } from '../protocol/control.ts';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { type PollPlan, planPoll } from './poll-plan.ts';
import type { Awaited } from './resume-plan.ts';
import { Ring, type RingEntry } from './ring.ts';

const EPOCH = '00000000000000aa';
const NO_BYTES = new Uint8Array();

const entry = (tick: number): RingEntry => ({
  tick,
  seq: tick * 10,
  message: NO_BYTES,
  closeAtMs: 0,
  field: EMPTY_FIELD,
  fullSlices: undefined,
  docs: [],
  slices: [],
});

/** Ticks 10005–10009; a document patch at 100095 is behind the newest of them, and a keyframe at 100098. */
const RING = new Ring(5);
for (let tick = 10_005; tick < 10_010; tick++) RING.push(entry(tick));
RING.head!.docs.push({ seq: 100_095, patch: NO_BYTES, message: NO_BYTES });
const SEQ = 100_098;

const at = (seq: number): Since => ({ epoch: EPOCH, seq });
const PLACES = {
  none: undefined,
  garbled: 'garbled',
  'another epoch': { epoch: '00000000000000bb', seq: 100_070 },
  ahead: at(SEQ + 1),
  newest: at(SEQ),
  'the newest document': at(100_095),
  'the newest tick': at(100_090),
  'a tick before': at(100_080),
  'the oldest tick': at(100_050),
  'before the ring': at(100_049),
} as const satisfies Record<string, Since | undefined>;
type Place = keyof typeof PLACES;

const STREAM = { unread: 'unread', gone: 'gone', near: entry(10_000), far: entry(10_009 - 7201) } as const;
type Stream = keyof typeof STREAM;

const MOMENTS = {
  'just now': { isQuiet: false, isOver: false },
  'in a quiet race': { isQuiet: true, isOver: false },
  'after all its time': { isQuiet: false, isOver: true },
  'after all its time in a quiet race': { isQuiet: true, isOver: true },
} as const;
type Moment = keyof typeof MOMENTS;

const tell = (plan: PollPlan): string => {
  if (plan.kind === 'snapshot') return `snapshot: ${plan.reason}`;
  if (plan.kind === 'wait') return `wait for the ${plan.for}`;
  return plan.kind === 'nothing' ? plan.kind : `${plan.kind} from ${plan.base.tick}`;
};

type Row = Record<Moment, string>;
const always = (what: string): Row => ({
  'just now': what,
  'in a quiet race': what,
  'after all its time': what,
  'after all its time in a quiet race': what,
});
const NOTHING_NEW: Row = {
  'just now': 'wait for the tick',
  'in a quiet race': 'wait for the tick',
  'after all its time': 'nothing',
  'after all its time in a quiet race': 'nothing',
};

/** A case that is missing here does not compile. */
const TABLE: Record<Exclude<Place, 'before the ring'>, Row> & { 'before the ring': Record<Stream, Row> } = {
  none: always('snapshot: first'),
  garbled: always('snapshot: garbled'),
  'another epoch': always('snapshot: other_epoch'),
  ahead: always('wait for the edge'),
  newest: NOTHING_NEW,
  'the newest document': NOTHING_NEW,
  'the newest tick': { ...always('documents from 10009'), 'just now': 'wait for the tick' },
  'a tick before': always('deltas from 10008'),
  'the oldest tick': always('deltas from 10005'),
  'before the ring': {
    unread: always('wait for the stream'),
    gone: always('snapshot: too_old'),
    near: always('deltas from 10000'),
    far: always('snapshot: too_old'),
  },
};

const LATE: Record<Awaited | 'nothing', Record<string, string>> = {
  nothing: {},
  edge: { 'wait for the edge': 'snapshot: ahead' },
  stream: { 'wait for the stream': 'snapshot: unread' },
};

const CASES = (Object.keys(PLACES) as Place[]).flatMap((place) =>
  (Object.keys(STREAM) as Stream[]).flatMap((stream) =>
    (Object.keys(MOMENTS) as Moment[]).flatMap((moment) =>
      (Object.keys(LATE) as (keyof typeof LATE)[]).map((late) => [place, stream, moment, late] as const),
    ),
  ),
);

describe('the plan for a long poll', () => {
  it.each(CASES)(
    'with %s, of which the stream says %s, %s; has waited enough for: %s',
    (place, stream, moment, late) => {
      const plan = planPoll(PLACES[place], {
        ...{ epoch: EPOCH, seq: SEQ, ring: RING, older: () => STREAM[stream] },
        ...{ late: late === 'nothing' ? undefined : late, ...MOMENTS[moment], isStalled: false },
      });
      const row = place === 'before the ring' ? TABLE[place][stream] : TABLE[place];
      expect(tell(plan)).toBe(LATE[late][row[moment]] ?? row[moment]);
    },
  );
});
