import type { Catalogue } from '../protocol/catalogue.ts';
import type { Archives } from './archives.ts';
import { EncodedBody } from './encoded-body.ts';
import type { Races } from './races.ts';
import { type Ask, answerError, type Reply } from './reply.ts';

const FOR_EVER = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'public, max-age=31536000, immutable',
};

/** The forms of each catalogue, as small as they get: every fan who comes for the first time waits for one of them. */
const bodies = new WeakMap<Catalogue, EncodedBody>();

function bodyOf(catalogue: Catalogue): EncodedBody {
  let body = bodies.get(catalogue);
  if (!body) {
    body = new EncodedBody(new TextEncoder().encode(catalogue.json), FOR_EVER, () => {}, 'thorough');
    bodies.set(catalogue, body);
  }
  return body;
}

/** A race gets another catalogue once in a season; whoever has an old one asks for that of its welcome. */
const FOR_NOW = { 'Cache-Control': 'public, max-age=10' };

/** Answers `/races/<race>/catalogue`: the one that the race is in, for whoever has not been welcomed yet. */
export async function answerCatalogueOf(ask: Ask, catalogue: Catalogue): Promise<Reply> {
  const reply = await bodyOf(catalogue).answer(ask);
  return { ...reply, headers: { ...reply.headers, ...FOR_NOW } };
}

/** Answers `/catalogue/<hash>`. */
export function answerCatalogue(
  ask: Ask,
  { races, archives }: { readonly races: Races; readonly archives?: Archives | undefined },
  hash: string,
): Reply | Promise<Reply> {
  const catalogue = races.catalogue(hash) ?? archives?.catalogue(hash);
  if (catalogue) return bodyOf(catalogue).answer(ask);
  return answerError(ask, 404, 'unknown_catalogue', 'No race here is in that catalogue; see the welcome or /races.');
}
