import { beforeEach, describe, expect, it, vi } from 'vitest';
import { parseCatalogue } from '../../protocol/catalogue.ts';
import type * as Store from './catalogue-store.ts';
import type { Fetch } from './fetch.ts';

const EDGE = 'http://edge/';
const catalogueOf = (name: string) =>
  parseCatalogue({
    name,
    channels: [
      {
        ...{ key: 'speed', label: 'Speed', unit: 'km/h', resolution: 1, min: 0, max: 400 },
        ...{ aggregate: 'last', group: 'car', staleAfterMs: 1000 },
      },
    ],
  });
const [ours, other] = [catalogueOf('ours'), catalogueOf('other')];

/** An edge that holds these texts by path. */
function edgeWith(texts: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  const fetch: Fetch = async (url) => {
    const path = url.slice(EDGE.length);
    asked.push(path);
    const text = texts[path];
    return { ok: text !== undefined, status: text === undefined ? 404 : 200, text: async () => text ?? '' };
  };
  return { asked, fetch };
}

describe('catalogues in a process that has none yet', () => {
  let store: typeof Store;
  const { signal } = new AbortController();
  beforeEach(async () => {
    vi.resetModules();
    store = await import('./catalogue-store.ts');
  });

  it('are asked for once, and are those that their hash names', async () => {
    const { asked, fetch } = edgeWith({ [`catalogue/${ours.hash}`]: ours.json });
    const first = await store.loadCatalogue(ours.hash, EDGE, fetch, signal);
    expect(first).toMatchObject({ name: 'ours', hash: ours.hash, tag: ours.tag, json: ours.json });
    expect(await store.loadCatalogue(ours.hash, EDGE, fetch, signal)).toBe(first);
    expect(asked).toEqual([`catalogue/${ours.hash}`]);
  });

  it('can be asked for before their hash is known', async () => {
    const { asked, fetch } = edgeWith({ 'races/oval%20one/catalogue': ours.json });
    await store.fetchAhead('oval one', EDGE, fetch, signal);
    await store.fetchAhead('oval one', EDGE, fetch, signal);
    expect(await store.loadCatalogue(ours.hash, EDGE, fetch, signal)).toMatchObject({ name: 'ours' });
    expect(asked).toEqual(['races/oval%20one/catalogue']);
  });

  it('are asked for by their hash when the race was in another one', async () => {
    const { asked, fetch } = edgeWith({ 'races/oval/catalogue': other.json, [`catalogue/${ours.hash}`]: ours.json });
    await store.fetchAhead('oval', EDGE, fetch, signal);
    expect(await store.loadCatalogue(ours.hash, EDGE, fetch, signal)).toMatchObject({ name: 'ours' });
    expect(asked).toEqual(['races/oval/catalogue', `catalogue/${ours.hash}`]);
  });

  it.each([
    ['has none for a race', {}],
    ['sends something else', { 'races/oval/catalogue': '<html>Please sign in.</html>' }],
  ])('are asked for by their hash when the edge %s', async (_, texts) => {
    const { fetch } = edgeWith({ ...texts, [`catalogue/${ours.hash}`]: ours.json });
    await store.fetchAhead('oval', EDGE, fetch, signal);
    expect(await store.loadCatalogue(ours.hash, EDGE, fetch, signal)).toMatchObject({ name: 'ours' });
  });

  it.each([
    ['another one', other.json, /holds the catalogue [0-9a-f]{64}, not the one asked for/],
    ['the same one with other spaces', `${ours.json} `, /holds the catalogue [0-9a-f]{64}, not the one asked for/],
    ['no JSON', '<html>', /must be JSON/],
  ])('are refused when the edge sends %s for a hash', async (_, text, sentence) => {
    const { fetch } = edgeWith({ [`catalogue/${ours.hash}`]: text });
    await expect(store.loadCatalogue(ours.hash, EDGE, fetch, signal)).rejects.toThrow(sentence);
  });

  it('have the same hash where the runtime has no Web Crypto, as a page that came over plain HTTP', async () => {
    vi.stubGlobal('crypto', {});
    try {
      const { fetch } = edgeWith({ [`catalogue/${ours.hash}`]: ours.json });
      expect(await store.loadCatalogue(ours.hash, EDGE, fetch, signal)).toMatchObject({ hash: ours.hash });
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
