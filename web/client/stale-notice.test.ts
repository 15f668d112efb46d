import { expect, it } from 'vitest';
import { StaleNotice } from './stale-notice.ts';

const stale = (tick: number, sinceMs = 5, reason = 'no_ticks' as const) =>
  ({ type: 'stale', tick, sinceMs, reason }) as const;

it('an outage ends with a later tick, not with a repair of what was before it', () => {
  const notice = new StaleNotice();
  notice.welcome('aa');
  expect(notice.tick(6)).toBe(false);
  expect(notice.take(stale(7))).toBe(true);
  for (const tick of [3, 6, 7]) expect(notice.tick(tick)).toBe(false);
  expect(notice.value).toEqual(stale(7));
  expect(notice.tick(8)).toBe(true);
  expect(notice.value).toBeUndefined();
  expect(notice.tick(9)).toBe(false);
});

it('an outage goes on over a reconnect, and ends with another epoch, in which ticks count anew', () => {
  const notice = new StaleNotice();
  notice.welcome('aa');
  notice.take(stale(700));
  expect(notice.welcome('aa')).toBe(false);
  expect(notice.take(stale(700))).toBe(false);
  expect(notice.take(stale(700, 6))).toBe(true);
  expect(notice.value).toEqual(stale(700, 6));
  expect(notice.welcome('bb')).toBe(true);
  expect(notice.value).toBeUndefined();
  expect(notice.welcome('aa')).toBe(false);
});
