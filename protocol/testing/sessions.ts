import fc from 'fast-check';
import { type Edit, MAX_STAMP_MS, MAX_TV_DELAY_MS, type Session } from '../session.ts';

const cars = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/);
const names = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/).filter((name) => name !== 'own');

/** Few stamps, so that edits meet. */
const edits = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Edit<T>> =>
  fc.record({ value, atMs: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: MAX_STAMP_MS })) });

const wishes = fc.record(
  {
    watch: fc.uniqueArray(fc.record({ car: cars, view: names }), { maxLength: 4, selector: ({ car }) => car }),
    channels: fc.uniqueArray(names, { maxLength: 4 }),
  },
  { requiredKeys: ['watch'] },
);

const positions = fc.record({
  epoch: fc.stringMatching(/^[0-9a-f]{16}$/),
  seq: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
});

const memories = fc.record({ choice: edits(wishes), position: edits(positions) }, { requiredKeys: [] });

/** Sessions that may exist, few races in each, some of them the same. */
export const sessions: fc.Arbitrary<Session> = fc.record(
  {
    favourites: edits(fc.uniqueArray(cars, { maxLength: 4 })),
    tvDelayMs: edits(fc.integer({ min: 0, max: MAX_TV_DELAY_MS })),
    races: fc
      .uniqueArray(fc.tuple(fc.constantFrom('demo', '__proto__', '24', 'daytona', 'constructor'), memories), {
        maxLength: 4,
        selector: ([race]) => race,
      })
      .map((entries) => new Map(entries)),
  },
  { requiredKeys: ['races'] },
);
