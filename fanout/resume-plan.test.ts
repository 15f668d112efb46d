import { describe, expect, it } from 'vitest';
import type { History } from '../protocol/control.ts';
import { EMPTY_FIELD } from '../protocol/field.ts';
import { isSmallerByFar, planResume, type ResumePlan } from './resume-plan.ts';
import { Ring } from './ring.ts';

const EPOCH = '00000000000000aa';
const OTHER = '00000000000000bb';

/** Ticks 5–9 at sequences 50, 60, … 90; a document patch at 95 is the newest message. */
function present() {
  const ring = new Ring(5);
  for (let tick = 5; tick < 10; tick++)
    ring.push({
      tick,
      seq: tick * 10,
      closeAtMs: 0,
      field: EMPTY_FIELD,
      fullSlices: undefined,
      docs: [],
      slices: [],
    });
  return { epoch: EPOCH, seq: 95, ring };
}

const tell = (plan: ResumePlan): string => {
  if (plan.kind === 'snapshot') return `snapshot: ${plan.reason}`;
  if (plan.kind === 'composite') return `composite from ${plan.base.tick}`;
  return `deltas from ${plan.base.tick}: ${plan.ticks.map(({ tick }) => tick)}`;
};

/** Every place that a position can have to the ring, and both wishes: a missing case does not compile. */
const PLACES = [
  'none',
  'other epoch',
  'before the ring',
  'oldest',
  'between',
  'head',
  'after head',
  'newest',
  'ahead',
] as const;
const SEQ: Record<(typeof PLACES)[number], number> = {
  none: 0,
  'other epoch': 70,
  'before the ring': 49,
  oldest: 50,
  between: 75,
  head: 90,
  'after head': 92,
  newest: 95,
  ahead: 96,
};
const TABLE: Record<(typeof PLACES)[number], Record<History, string>> = {
  none: { all: 'snapshot: first', latest: 'snapshot: first' },
  'other epoch': { all: 'snapshot: other_epoch', latest: 'snapshot: other_epoch' },
  'before the ring': { all: 'snapshot: too_old', latest: 'snapshot: too_old' },
  oldest: { all: 'deltas from 5: 6,7,8,9', latest: 'composite from 5' },
  between: { all: 'deltas from 7: 8,9', latest: 'composite from 7' },
  head: { all: 'deltas from 9: ', latest: 'deltas from 9: ' },
  'after head': { all: 'deltas from 9: ', latest: 'deltas from 9: ' },
  newest: { all: 'deltas from 9: ', latest: 'deltas from 9: ' },
  ahead: { all: 'snapshot: ahead', latest: 'snapshot: ahead' },
};

describe('the plan for a returning fan', () => {
  it.each(PLACES.flatMap((place) => (['all', 'latest'] as const).map((history) => [place, history] as const)))(
    'at position %s who wants %s',
    (place, history) => {
      const since = place === 'none' ? undefined : { epoch: place === 'other epoch' ? OTHER : EPOCH, seq: SEQ[place] };
      expect(tell(planResume(since, history, present()))).toBe(TABLE[place][history]);
    },
  );

  it('keeps every tick unless one composite is smaller by far and the ticks are many bytes', () => {
    expect(isSmallerByFar(100, 60_000)).toBe(false);
    expect(isSmallerByFar(9_000, 70_000)).toBe(false);
    expect(isSmallerByFar(8_000, 70_000)).toBe(true);
  });
});
