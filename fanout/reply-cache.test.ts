import { expect, it } from 'vitest';
import { ReplyCache } from './reply-cache.ts';

const counter = () => {
  let made = 0;
  return { make: () => ({ status: 200, headers: {}, body: `${++made}` }), made: () => made };
};

it('makes an answer once for each version', () => {
  const cache = new ReplyCache();
  const { make } = counter();
  const bodies = ['1', '1', '2', '2', '1'].map((version) => cache.get(version, 'a', make).body);
  expect(bodies).toEqual(['1', '1', '2', '2', '3']);
});

it('keeps apart what was asked', () => {
  const cache = new ReplyCache();
  const { make } = counter();
  expect(['a', 'b', 'a', 'b'].map((key) => cache.get('1', key, make).body)).toEqual(['1', '2', '1', '2']);
});

it('remembers no more bytes than it has room for', () => {
  const cache = new ReplyCache();
  let made = 0;
  const make = () => ({ status: 200, headers: {}, body: new Uint8Array(1024 * 1024 * (made++ === 0 ? 1 : 9)) });
  for (const key of ['a', 'b', 'c', 'a', 'b', 'c']) cache.get('1', key, make);
  expect(made).toBe(3 + 1);
});

it('remembers neither more than it has room for nor what is too long', () => {
  const cache = new ReplyCache();
  const { make, made } = counter();
  for (let n = 0; n < 1000; n++) cache.get('1', `${n}`, make);
  for (let n = 0; n < 1000; n++) cache.get('1', `${n}`, make);
  expect(made()).toBe(1000 + (1000 - 256));
  const fresh = new ReplyCache();
  const long = counter();
  for (let n = 0; n < 2; n++) fresh.get('1', 'x'.repeat(2000), long.make);
  expect(long.made()).toBe(2);
});
