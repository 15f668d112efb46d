import { type Catalogue, parseCatalogue } from '../../protocol/catalogue.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { Fetch } from './fetch.ts';

const MAX_KEPT = 8;

/** Catalogues by hash, for all clients of the process: what a hash names never changes. */
const kept = new Map<string, Catalogue>();

/**
 * The catalogue of a hash, from memory or from an edge.
 *
 * @param baseUrl `http(s)` address of the edge, with a `/` at its end.
 * @throws {ProtocolError} `bad_catalogue` when the edge sends another one than the hash names.
 * @throws when the edge cannot be reached, says no, or `signal` aborts.
 */
export async function loadCatalogue(
  hash: string,
  baseUrl: string,
  fetchText: Fetch,
  signal: AbortSignal,
): Promise<Catalogue> {
  const known = kept.get(hash);
  if (known) return known;
  const url = new URL(`catalogue/${encodeURIComponent(hash)}`, baseUrl).href;
  const response = await fetchText(url, { signal });
  if (!response.ok) throw new ProtocolError('bad_catalogue', `${url} was answered with status ${response.status}.`);
  const catalogue = parseCatalogue(await response.text());
  if (catalogue.hash !== hash) {
    throw new ProtocolError('bad_catalogue', `${url} holds the catalogue ${catalogue.hash}, not the one asked for.`);
  }
  if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!);
  kept.set(hash, catalogue);
  return catalogue;
}
