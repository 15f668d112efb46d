import { expect, it } from 'vitest';
import { type Address, formatAddress, readAddress } from './address.ts';

it.each<[string, Address]>([
  ['./', { race: undefined, cars: [] }],
  ['?race=demo', { race: 'demo', cars: [] }],
  ['?race=demo&car=24', { race: 'demo', cars: ['24'] }],
  ['?race=demo&car=24,9,07', { race: 'demo', cars: ['24', '9', '07'] }],
  ['?race=demo&car=24,9&on=9', { race: 'demo', cars: ['24', '9'], focus: '9' }],
  ['?race=demo&car=24&view=field', { race: 'demo', cars: ['24'], view: 'field' }],
  ['?race=demo&car=24&at=1771185600000', { race: 'demo', cars: ['24'], at: 1771185600000 }],
])('%s is read as it is written', (text, address) => {
  expect(formatAddress(address)).toBe(text);
  expect(readAddress(text === './' ? '' : text)).toEqual(address);
});

it('does not say what goes without saying', () => {
  expect(formatAddress({ race: 'demo', cars: ['24', '9'], focus: '24', view: 'car' })).toBe('?race=demo&car=24,9');
});

it.each(['', '-5', '1e9', 'now', '1'.repeat(16), '12.5'])('a moment that is none (%j) is no moment', (at) => {
  expect(readAddress(`?race=demo&at=${at}`)).toEqual({ race: 'demo', cars: [] });
});

it('reads whatever stands in an address', () => {
  expect(readAddress('?race=a%26b&car=,,24,%2C&view=nothing&on=')).toEqual({ race: 'a&b', cars: ['24'] });
});
