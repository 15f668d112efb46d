import { expect, it } from 'vitest';
import { connect } from './mod.ts';
import { readOptions, readWish } from './options.ts';

it('takes addresses of web pages, sockets and folders behind a proxy', () => {
  const urls = ['http://a', 'wss://b/tv', 'https://c/x/?y#z'];
  expect(readOptions({ url: urls, race: 'demo' }).urls.map(String)).toEqual([
    'http://a/',
    'https://b/tv/',
    'https://c/x/',
  ]);
});

it('watches all channels of a car when no view is named', () => {
  expect(readWish([{ car: '24' }, { car: '9', view: 'tires' }], undefined)).toEqual({
    watch: [
      { car: '24', view: 'full' },
      { car: '9', view: 'tires' },
    ],
  });
});

it('gets every tick unless it says otherwise, and few while nobody looks', () => {
  expect(readOptions({ url: 'http://a', race: 'demo' })).toMatchObject({ rate: 2, hiddenRate: 0.2, page: undefined });
  expect(readOptions({ url: 'http://a', race: 'demo', rate: 0.5, hiddenRate: false })).toMatchObject({
    ...{ rate: 0.5, hiddenRate: false },
  });
});

it.each([
  [{ url: 'ftp://a' }, 'bad_url', 'url must be an http(s) address, but is "ftp://a".'],
  [{ url: [] }, 'bad_url', 'url must name at least one edge, but the list is empty.'],
  [{ race: '' }, 'bad_race', 'race must be the name of a race, but is "".'],
  [{ history: 'some' }, 'bad_option', 'history must be all or latest, but is "some".'],
  [{ watch: [{ car: '24' }, { car: '24' }] }, 'bad_watch', 'Car 24 is named twice.'],
  [{ watch: [{ car: 'a b' }] }, 'bad_watch', 'A car id is 1 to 8 letters, digits, - or _, but "a b" was given.'],
  [
    { watch: [{ car: '24', view: 'own' }] },
    'bad_watch',
    'Car 24 is to come in the view own, but no channels are listed.',
  ],
  [{ channels: [] }, 'bad_watch', 'channels must list at least one channel key, but is [].'],
  [{ channels: ['Speed'] }, 'bad_watch', 'A channel key is in lower snake case, but "Speed" was given.'],
  [{ channels: ['rpm', 'rpm'] }, 'bad_watch', 'Channel rpm is named twice.'],
  [{ rate: 3 }, 'bad_option', 'rate must be one of 2, 1, 0.5, 0.2, but is 3.'],
  [{ hiddenRate: 0 }, 'bad_option', 'hiddenRate must be one of 2, 1, 0.5, 0.2, but is 0.'],
])('answers %j with a sentence and starts nothing', (wrong, code, message) => {
  const options = { url: 'http://a', race: 'demo', ...wrong } as Parameters<typeof connect>[0];
  expect(() => connect(options)).toThrow(expect.objectContaining({ name: 'ConfigError', code, message }));
});
