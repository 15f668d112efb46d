import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIRST_CHOICE, nextChoice, type TransportChoice, type TransportEvent } from './transport-choice.ts';

const MINUTE = 60_000;
const NOW = 1_000_000;
const EVENTS = {
  worked: { type: 'worked' },
  lasted: { type: 'lasted' },
  failed: { type: 'failed' },
  died: { type: 'died' },
  passes: { type: 'tried', passes: true },
  fails: { type: 'tried', passes: false },
  network: { type: 'network' },
} as const satisfies Record<string, TransportEvent>;
type EventName = keyof typeof EVENTS;

const at = (place: number, more: Partial<TransportChoice> = {}): TransportChoice => ({
  ...FIRST_CHOICE,
  at: place,
  ...(place > 0 && { givenUp: 1, tryAtMs: NOW + MINUTE }),
  ...more,
});
const WORKED = { hasWorked: true };
const DOUBTED = { hasWorked: true, doubts: 1 };
const soon = NOW + 5 * MINUTE;
const later = NOW + 10 * MINUTE;
const SECOND = at(1, { givenUp: 1, tryAtMs: soon });

/** What follows in a list of three, written down apart from the code. A state or an event that is missing does not compile. */
const STATES = {
  'new first': at(0),
  'first that worked': at(0, WORKED),
  'first in doubt': at(0, DOUBTED),
  'new second': at(1),
  'second that worked': at(1, WORKED),
  'second in doubt': at(1, DOUBTED),
  'last in doubt': at(2, DOUBTED),
} as const;
const ROUND = at(0, { givenUp: 1 });
const BACK = at(0, { givenUp: 1 });
const TRUTH: Record<keyof typeof STATES, Record<EventName, TransportChoice>> = {
  'new first': {
    worked: at(0, WORKED),
    lasted: at(0),
    failed: SECOND,
    died: at(0, { doubts: 1 }),
    passes: at(0),
    fails: at(0),
    network: at(0),
  },
  'first that worked': {
    worked: at(0, WORKED),
    lasted: at(0, WORKED),
    failed: at(0, DOUBTED),
    died: at(0, DOUBTED),
    passes: at(0, WORKED),
    fails: at(0, WORKED),
    network: at(0, WORKED),
  },
  'first in doubt': {
    worked: at(0, DOUBTED),
    lasted: at(0, WORKED),
    failed: SECOND,
    died: SECOND,
    passes: at(0, DOUBTED),
    fails: at(0, DOUBTED),
    network: at(0, WORKED),
  },
  'new second': {
    worked: at(1, WORKED),
    lasted: at(1),
    failed: at(2),
    died: at(1, { doubts: 1 }),
    passes: BACK,
    fails: at(1, { givenUp: 2, tryAtMs: later }),
    network: at(1, { givenUp: 0, tryAtMs: NOW }),
  },
  'second that worked': {
    worked: at(1, WORKED),
    lasted: at(1, WORKED),
    failed: at(1, DOUBTED),
    died: at(1, DOUBTED),
    passes: BACK,
    fails: at(1, { ...WORKED, givenUp: 2, tryAtMs: later }),
    network: at(1, { ...WORKED, givenUp: 0, tryAtMs: NOW }),
  },
  'second in doubt': {
    worked: at(1, DOUBTED),
    lasted: at(1, WORKED),
    failed: at(2),
    died: at(2),
    passes: BACK,
    fails: at(1, { ...DOUBTED, givenUp: 2, tryAtMs: later }),
    network: at(1, { ...WORKED, givenUp: 0, tryAtMs: NOW }),
  },
  'last in doubt': {
    worked: at(2, DOUBTED),
    lasted: at(2, WORKED),
    failed: ROUND,
    died: ROUND,
    passes: BACK,
    fails: at(2, { ...DOUBTED, givenUp: 2, tryAtMs: later }),
    network: at(2, { ...WORKED, givenUp: 0, tryAtMs: NOW }),
  },
};

const MOMENT = { nowMs: NOW, random: 0.5 };
const cases = Object.entries(TRUTH).flatMap(([state, row]) =>
  Object.entries(row).map(([event, next]) => [state, event, next] as const),
);

describe('the choice of a transport', () => {
  it.each(cases)('%s, %s', (state, event, next) => {
    const before = structuredClone(STATES[state as keyof typeof STATES]);
    expect(nextChoice(before, EVENTS[event as EventName], 3, MOMENT)).toEqual(next);
    expect(before).toEqual(STATES[state as keyof typeof STATES]);
  });

  it('has one transport for ever where there is only one', () => {
    let choice = FIRST_CHOICE;
    for (const name of ['failed', 'failed', 'worked', 'died', 'died', 'died'] as const)
      choice = nextChoice(choice, EVENTS[name], 1, MOMENT);
    expect(choice).toMatchObject({ at: 0, tryAtMs: Number.POSITIVE_INFINITY });
  });

  it('tries the first one again after longer and longer, an hour at most, and not all at one moment', () => {
    const waits = (random: number) => {
      let choice: TransportChoice = FIRST_CHOICE;
      choice = nextChoice(choice, EVENTS.failed, 2, { nowMs: NOW, random });
      const found = [choice.tryAtMs - NOW];
      for (let n = 0; n < 50; n++) {
        choice = nextChoice(choice, EVENTS.fails, 2, { nowMs: NOW, random });
        found.push(choice.tryAtMs - NOW);
      }
      return found.map((ms) => ms / MINUTE);
    };
    expect(waits(0.5).slice(0, 6)).toEqual([5, 10, 20, 40, 60, 60]);
    expect(waits(0).slice(0, 2)).toEqual([3.75, 7.5]);
    expect(Math.max(...waits(1))).toBe(75);
  });

  it('waits as long again for a first one that passed its trial and failed after it', () => {
    let choice = nextChoice(FIRST_CHOICE, EVENTS.failed, 2, MOMENT);
    choice = nextChoice(choice, EVENTS.passes, 2, MOMENT);
    choice = nextChoice(choice, EVENTS.failed, 2, MOMENT);
    expect(choice).toMatchObject({ at: 1, tryAtMs: later });
    choice = nextChoice(choice, EVENTS.passes, 2, MOMENT);
    for (const name of ['worked', 'lasted', 'failed', 'failed'] as const)
      choice = nextChoice(choice, EVENTS[name], 2, MOMENT);
    expect(choice).toMatchObject({ at: 1, tryAtMs: soon });
  });

  it('whatever happens, is in the list, will try the first one again, and leaves none out that fails for ever', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.constantFrom(...Object.values(EVENTS)), { maxLength: 60 }),
        (count, events) => {
          let choice: TransportChoice = FIRST_CHOICE;
          for (const event of events) {
            choice = nextChoice(choice, event, count, MOMENT);
            expect(choice.at).toBeLessThan(count);
            expect(Number.isFinite(choice.tryAtMs)).toBe(choice.at > 0);
          }
          const seen = new Set<number>();
          for (let n = 0; n < 2 * count; n++) {
            seen.add(choice.at);
            choice = nextChoice(choice, EVENTS.failed, count, MOMENT);
          }
          expect(seen.size).toBe(count);
        },
      ),
    );
  });
});
