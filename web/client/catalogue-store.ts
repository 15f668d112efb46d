import { type Catalogue, openCatalogue } from '../../protocol/catalogue.ts';
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
  const catalogue = await readCatalogue(url, fetchText, signal);
  if (catalogue.hash !== hash) {
    throw new ProtocolError('bad_catalogue', `${url} holds the catalogue ${catalogue.hash}, not the one asked for.`);
  }
  keep(catalogue);
  return catalogue;
}

/**
 * Asks for the catalogue of a race before an edge has said which one that is, so that it is here with the welcome.
 * @returns When it is kept, or cannot be had. At once where a catalogue is kept already: it is most likely that one.
 */
export async function fetchAhead(race: string, baseUrl: string, fetchText: Fetch, signal: AbortSignal): Promise<void> {
  if (kept.size > 0) return;
  try {
    keep(await readCatalogue(new URL(`races/${encodeURIComponent(race)}/catalogue`, baseUrl).href, fetchText, signal));
  } catch {
    // Nobody has asked for it: whoever is welcomed loads the one of the welcome, and is told why that cannot be had.
  }
}

async function readCatalogue(url: string, fetchText: Fetch, signal: AbortSignal): Promise<Catalogue> {
  const response = await fetchText(url, { signal });
  if (!response.ok) throw new ProtocolError('bad_catalogue', `${url} was answered with status ${response.status}.`);
  return openCatalogue(await response.text());
}

function keep(catalogue: Catalogue): void {
  if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!);
  kept.set(catalogue.hash, catalogue);
}
