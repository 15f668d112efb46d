import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatPosition, isEpoch, parsePosition } from './position.ts';

const EPOCH = '0123456789abcdef';

it('reads back every position that it writes', () => {
  const epoch = fc.stringMatching(/^[0-9a-f]{16}$/);
  fc.assert(
    fc.property(epoch, fc.integer({ min: 1, max: 2 ** 48 - 1 }), (epoch, seq) => {
      expect(parsePosition(formatPosition({ epoch, seq }))).toEqual({ epoch, seq });
    }),
  );
});

it.each([
  '',
  ':',
  EPOCH,
  `${EPOCH}:`,
  `${EPOCH}:0`,
  `${EPOCH}:-1`,
  `${EPOCH}:01`,
  `${EPOCH}:1.5`,
  `${EPOCH}:1e3`,
  `${EPOCH}: 1`,
  `${EPOCH}:1:2`,
  `${EPOCH}:281474976710656`,
  `${EPOCH}:9999999999999999`,
  `${EPOCH.slice(1)}:1`,
  `${EPOCH}0:1`,
  `${EPOCH.toUpperCase()}:1`,
  `x${EPOCH.slice(1)}:1`,
])('reads nothing from %j', (text) => {
  expect(parsePosition(text)).toBeUndefined();
});

it('knows an epoch by its 16 lower-case hex digits', () => {
  expect(isEpoch(EPOCH)).toBe(true);
  expect(isEpoch(`${EPOCH}\n`)).toBe(false);
});
