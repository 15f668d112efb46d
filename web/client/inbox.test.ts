import { expect, it } from 'vitest';
import { Inbox } from './inbox.ts';

const frame = (size: number) => new Uint8Array(size);

it('hands out held messages in the order of arrival, texts and frames alike', () => {
  const inbox = new Inbox();
  expect(inbox.take('a')).toEqual(['a']);
  inbox.hold();
  expect([inbox.take('b'), inbox.take(frame(1)), inbox.take('c')]).toEqual([[], [], []]);
  expect([...inbox.release()]).toEqual(['b', frame(1), 'c']);
  expect(inbox.take('d')).toEqual(['d']);
});

it('keeps the rest when it is asked to hold again while it hands out', () => {
  const inbox = new Inbox();
  inbox.hold();
  for (const text of ['a', 'welcome', 'b', 'c']) inbox.take(text);
  const seen: unknown[] = [];
  for (const message of inbox.release()) {
    seen.push(message);
    if (message === 'welcome') inbox.hold();
  }
  expect(seen).toEqual(['a', 'welcome']);
  inbox.take('d');
  expect([...inbox.release()]).toEqual(['b', 'c', 'd']);
});

it('says that it overflowed instead of growing without end', () => {
  for (const size of [1, 1024 * 1024]) {
    const inbox = new Inbox();
    inbox.hold();
    let taken = 0;
    while (!inbox.hasOverflowed && taken < 10_000) {
      inbox.take(frame(size));
      taken++;
    }
    expect(taken).toBe(size === 1 ? 513 : 9);
  }
});
