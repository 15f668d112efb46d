import { describe, expect, it } from 'vitest';
import { type Ask, cachesToDelete, chooseStrategy, isKeptBetter, type Strategy } from './strategy.ts';

const HASH = 'a1'.repeat(32);
const FILES = new Set(['assets/index-C44XXt2K.css', 'icons/192.png', 'manifest.webmanifest', 'index.html']);
const ask = (url: string, rest: Partial<Ask> = {}): Ask => ({
  method: 'GET',
  mode: 'cors',
  isRange: false,
  ...rest,
  url,
});

/** What is asked for, below the folder of the page, and how it is answered. */
const TABLE: readonly [path: string, rest: Partial<Ask>, strategy: Strategy][] = [
  ['', { mode: 'navigate' }, 'page'],
  ['?race=demo&car=24', { mode: 'navigate' }, 'page'],
  ['index.html', { mode: 'navigate' }, 'page'],
  ['index.html?race=demo#moment', { mode: 'navigate' }, 'page'],
  ['', { mode: 'navigate', method: 'POST' }, 'pass'],
  ['', {}, 'pass'],
  ['index.html', {}, 'pass'],
  ['races', { mode: 'navigate' }, 'pass'],
  ['sw.js', {}, 'pass'],
  ['assets/index-C44XXt2K.css', {}, 'asset'],
  ['assets/chart-_9x8C44X.js', { mode: 'cors' }, 'asset'],
  ['assets/chart-_9x8C44X.js', { mode: 'navigate' }, 'pass'],
  ['assets/chart-_9x8C44X.js', { method: 'HEAD' }, 'pass'],
  ['assets/chart-_9x8C44X.js', { isRange: true }, 'pass'],
  ['assets/chart-_9x8C44X.js?of=another', {}, 'pass'],
  ['assets/deep/chart-_9x8C44X.js', {}, 'pass'],
  ['assets/chart.js', {}, 'pass'],
  ['more/assets/chart-_9x8C44X.js', {}, 'pass'],
  ['manifest.webmanifest', {}, 'file'],
  ['icons/192.png', { mode: 'no-cors' }, 'file'],
  ['icons/193.png', { mode: 'no-cors' }, 'pass'],
  [`catalogue/${HASH}`, {}, 'pass'],
  ['races/demo/catalogue', {}, 'pass'],
  ['races', {}, 'pass'],
  ['races/demo', {}, 'pass'],
  ['races/demo/live', { mode: 'websocket' }, 'pass'],
  ['races/demo/events', {}, 'pass'],
  ['races/demo/poll?at=1', {}, 'pass'],
  ['races/demo/poll.base', {}, 'pass'],
  ['races/demo/snapshot', {}, 'pass'],
  ['races/demo/history', {}, 'pass'],
  ['races/demo/segments/4', {}, 'pass'],
  ['session', {}, 'pass'],
  ['session', { method: 'PUT' }, 'pass'],
  ['healthz', {}, 'pass'],
  ['metrics', { mode: 'navigate' }, 'pass'],
];

describe.each(['https://race.example/', 'https://race.example/fans/24/'])('the page at %s', (scope) => {
  it.each(TABLE)('%s %j: %s', (path, rest, strategy) => {
    expect(chooseStrategy(ask(scope + path, rest), scope, FILES)).toBe(strategy);
  });

  it('leaves alone what is not below it', () => {
    for (const path of ['assets/index-C44XXt2K.css', `catalogue/${HASH}`, 'icons/192.png', ''])
      for (const mode of ['cors', 'navigate'])
        for (const other of ['https://cdn.example/', 'http://race.example/', 'https://race.example:8443/'])
          expect(chooseStrategy(ask(other + path, { mode }), scope, FILES)).toBe('pass');
  });
});

it('a page below a folder leaves alone the one above it, and its neighbour', () => {
  for (const url of ['https://race.example/', 'https://race.example/fans', 'https://race.example/fans2/'])
    expect(chooseStrategy(ask(url, { mode: 'navigate' }), 'https://race.example/fans/', FILES)).toBe('pass');
});

it('what is kept is shown when the network is late, fails, or has only a proxy to answer', () => {
  // 0 is a redirection, which the browser follows.
  expect([0, 200, 304, 401, 404, 499].filter(isKeptBetter)).toEqual([]);
  expect((['late', 'failed', 500, 502, 503] as const).filter((outcome) => !isKeptBetter(outcome))).toEqual([]);
});

describe('the caches that go when another build is kept', () => {
  const PREFIX = 'slipstream-page / ';
  const [v1, v2, v3] = ['1', '2', '3'].map((version) => PREFIX + version) as [string, string, string];
  const OTHERS = ['somebody else', 'slipstream-page /fans/ 1', 'slipstream-other /'];

  it.each([
    [[], false, []],
    [[v3], false, []],
    [[v1, v2, v3], false, [v1, v2]],
    [[v1, v2, v3], true, [v1]],
    [[v2, v3], true, []],
    [[v3], true, []],
  ])('of %j, with open pages: %s, are %j', (names, hasOpenPages, gone) => {
    expect(cachesToDelete([...OTHERS, ...names], PREFIX, v3, hasOpenPages)).toEqual(gone);
  });
});
