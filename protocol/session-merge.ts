import {
  type Edit,
  formatSession,
  MAX_SESSION_BYTES,
  MAX_SESSION_RACES,
  MAX_STAMP_MS,
  type RaceMemory,
  type Session,
} from './session.ts';

/** What of two edits of one part stands: the later one; of two at the same time one that every device finds. */
function later<T>(a: Edit<T> | undefined, b: Edit<T> | undefined): Edit<T> | undefined {
  if (!a || !b) return a ?? b;
  if (a.atMs !== b.atMs) return a.atMs > b.atMs ? a : b;
  return JSON.stringify(a.value) >= JSON.stringify(b.value) ? a : b;
}

function mergeMemories(a: RaceMemory, b: RaceMemory): RaceMemory {
  const choice = later(a.choice, b.choice);
  const position = later(a.position, b.position);
  return { ...(choice && { choice }), ...(position && { position }) };
}

const stampOf = ({ choice, position }: RaceMemory): number => Math.max(choice?.atMs ?? 0, position?.atMs ?? 0);

/**
 * Joins what two devices know of one session: of every part the later edit, and neither device loses what only it has
 * set. The order does not matter, nor how often something is merged, as long as the races fit; of too many those stay in
 * which something was set last.
 */
export function mergeSessions(a: Session, b: Session): Session {
  const favourites = later(a.favourites, b.favourites);
  const tvDelayMs = later(a.tvDelayMs, b.tvDelayMs);
  const races = new Map(a.races);
  for (const [race, memory] of b.races) races.set(race, mergeMemories(races.get(race) ?? {}, memory));
  return fitSession({ ...(favourites && { favourites }), ...(tvDelayMs && { tvDelayMs }), races });
}

/** Forgets the races in which nothing was set for longest, until a session is small enough to be stored. */
export function fitSession(session: Session): Session {
  if (session.races.size <= MAX_SESSION_RACES && formatSession(session).length <= MAX_SESSION_BYTES) return session;
  // By name where they are equally old, so that every device forgets the same one.
  const byAge = [...session.races].sort(([x, a], [y, b]) => stampOf(b) - stampOf(a) || (x < y ? -1 : 1));
  const fits = (races: readonly [string, RaceMemory][]) =>
    formatSession({ ...session, races: new Map(races) }).length <= MAX_SESSION_BYTES;
  let kept = byAge.slice(0, MAX_SESSION_RACES);
  while (kept.length > 1 && !fits(kept)) kept = kept.slice(0, -1);
  return { ...session, races: new Map(kept) };
}

/**
 * The stamp for a new edit: now, and later than everything that this device knows of. So an edit by somebody who has
 * seen another one always stands against it, whatever their clocks say.
 */
export function nextStamp({ favourites, tvDelayMs, races }: Session, nowMs: number): number {
  const known = [favourites?.atMs ?? 0, tvDelayMs?.atMs ?? 0, ...[...races.values()].map(stampOf)];
  return Math.min(MAX_STAMP_MS, Math.max(Math.floor(nowMs), Math.max(...known) + 1));
}
