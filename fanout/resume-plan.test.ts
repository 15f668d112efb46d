import { describe, expect, it } from 'vitest';
import type { History, Since } from '../protocol/control.ts';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { planResume, type ResumePlan } from './resume-plan.ts';
import { Ring, type RingEntry } from './ring.ts';

const EPOCH = '00000000000000aa';
const OTHER = '00000000000000bb';

const entry = (tick: number): RingEntry => ({
  tick,
  seq: tick * 10,
  closeAtMs: 0,
  field: EMPTY_FIELD,
  message: new Uint8Array(),
  fullSlices: undefined,
  docs: [],
  slices: [],
});

/** Ticks 10005–10009 at sequences 100050, … 100090; a document patch at 100095 is the newest message. */
const RING = new Ring(5);
for (let tick = 10_005; tick < 10_010; tick++) RING.push(entry(tick));

const at = (seq: number): Since => ({ epoch: EPOCH, seq });

/** Every place that a position can have. */
const PLACES = {
  none: undefined,
  garbled: 'garbled',
  'other epoch': { epoch: OTHER, seq: 100_070 },
  'other epoch, ahead': { epoch: OTHER, seq: 200_000 },
  ahead: at(100_096),
  newest: at(100_095),
  'after head': at(100_092),
  head: at(100_090),
  between: at(100_075),
  oldest: at(100_050),
  'before the ring': at(100_049),
} as const satisfies Record<string, Since | undefined>;
type Place = keyof typeof PLACES;

/** What the stream says of a position before the ring. */
const STREAM = {
  unread: 'unread',
  gone: 'gone',
  near: entry(10_000),
  'an hour back': entry(10_009 - 7200),
  'more than an hour back': entry(10_009 - 7201),
} as const;
type Stream = keyof typeof STREAM;

const tell = (plan: ResumePlan): string => {
  if (plan.kind === 'snapshot') return `snapshot: ${plan.reason}`;
  return plan.kind === 'wait' ? `wait for the ${plan.for}` : `${plan.kind} from ${plan.base.tick}`;
};

/** What follows, for `all` and for `latest`. */
type Row = readonly [all: string, latest: string];
const always = (what: string): Row => [what, what];
const asWanted = (from: number): Row => [`deltas from ${from}`, `composite from ${from}`];

/** Where the stream is not asked, all its answers lead to the same. A case that is missing here does not compile. */
const TABLE: Record<Exclude<Place, 'before the ring'>, Row> & { 'before the ring': Record<Stream, Row> } = {
  none: always('snapshot: first'),
  garbled: always('snapshot: garbled'),
  'other epoch': always('snapshot: other_epoch'),
  'other epoch, ahead': always('snapshot: other_epoch'),
  ahead: always('wait for the edge'),
  newest: always('deltas from 10009'),
  'after head': always('deltas from 10009'),
  head: always('deltas from 10009'),
  between: asWanted(10_007),
  oldest: asWanted(10_005),
  'before the ring': {
    unread: always('wait for the stream'),
    gone: always('snapshot: too_old'),
    near: asWanted(10_000),
    'an hour back': asWanted(10_009 - 7200),
    'more than an hour back': always(`composite from ${10_009 - 7201}`),
  },
};

/** What the fan has waited for as long as it may, and what then follows instead of more waiting for it. */
const LATE = {
  nothing: {},
  edge: { 'wait for the edge': 'snapshot: ahead' },
  stream: { 'wait for the stream': 'snapshot: unread' },
} as const satisfies Record<string, Record<string, string>>;
type Late = keyof typeof LATE;

type Case = [Place, Stream, History, Late, 'live' | 'stalled'];

const CASES = (Object.keys(PLACES) as Place[]).flatMap((place) =>
  (Object.keys(STREAM) as Stream[]).flatMap((stream) =>
    (Object.keys(LATE) as Late[]).flatMap((late) =>
      (['live', 'stalled'] as const).flatMap((race) =>
        (['all', 'latest'] as const).map((history): Case => [place, stream, history, late, race]),
      ),
    ),
  ),
);

const expected = (...[place, stream, history, late, race]: Case): string => {
  const row = place === 'before the ring' ? TABLE[place][stream] : TABLE[place];
  const inTime = row[history === 'all' ? 0 : 1];
  // No tick comes: the edge may be behind all others, and takes nobody back in time.
  if (race === 'stalled' && late === 'edge') return inTime;
  return (LATE[late] as Record<string, string>)[inTime] ?? inTime;
};

describe('the plan for a returning fan', () => {
  it.each(CASES)(
    'at position %s, of which the stream says %s, who wants %s; has waited enough for: %s; race %s',
    (...one) => {
      const [place, stream, history, late, race] = one;
      const waited = late === 'nothing' ? undefined : late;
      const isStalled = race === 'stalled';
      const present = { epoch: EPOCH, seq: 100_095, ring: RING, older: () => STREAM[stream], late: waited, isStalled };
      expect(tell(planResume(PLACES[place], history, present))).toBe(expected(...one));
    },
  );

  it('goes on from the tick of the ring, not from the copy of it that was read from the stream', () => {
    const present = { epoch: EPOCH, seq: 100_095, ring: RING, older: () => entry(10_005), late: undefined };
    for (const history of ['all', 'latest'] as const) {
      const plan = planResume(PLACES['before the ring'], history, { ...present, isStalled: false });
      expect((plan as { base: RingEntry }).base).toBe(RING.byTick(10_005));
    }
  });
});
