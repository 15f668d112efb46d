import { expect, it } from 'vitest';
import { type Address, formatAddress, readAddress } from './address.ts';

it.each<[string, Address]>([
  ['./', { race: undefined, car: undefined, at: undefined }],
  ['?race=demo', { race: 'demo', car: undefined, at: undefined }],
  ['?race=demo&car=24', { race: 'demo', car: '24', at: undefined }],
  ['?race=demo&car=24&at=1771185600000', { race: 'demo', car: '24', at: 1771185600000 }],
])('%s is read as it is written', (text, address) => {
  expect(formatAddress(address)).toBe(text);
  expect(readAddress(text === './' ? '' : text)).toEqual(address);
});

it.each(['', '-5', '1e9', 'now', '1'.repeat(16), '12.5'])('a moment that is none (%j) is no moment', (at) => {
  expect(readAddress(`?race=demo&at=${at}`)).toEqual({ race: 'demo', car: undefined, at: undefined });
});
