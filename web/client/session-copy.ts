import type { Wish } from '../../protocol/control.ts';
import type { Position } from '../../protocol/position.ts';
import { EMPTY_SESSION, formatSession, type RaceMemory, type Session } from '../../protocol/session.ts';
import { fitSession, mergeSessions, nextStamp } from '../../protocol/session-merge.ts';

/** What a device holds of its session, and what it knows to be stored. Never changed in place. */
export interface SessionCopy {
  readonly local: Session;
  /** `undefined`: nothing is stored, as far as is known. */
  readonly stored: { readonly revision: number; readonly session: Session } | undefined;
}

/** What is to be saved, over which revision; 0 makes the session. */
export interface Save {
  readonly session: Session;
  readonly expected: number;
}

/** The parts that a fan can set. */
export type SessionEdit =
  | { readonly part: 'favourites'; readonly value: readonly string[] }
  | { readonly part: 'tvDelayMs'; readonly value: number }
  | { readonly part: 'choice'; readonly race: string; readonly value: Wish }
  | { readonly part: 'position'; readonly race: string; readonly value: Position };

export const emptyCopy = (local: Session = EMPTY_SESSION): SessionCopy => ({ local, stored: undefined });

const isSame = (a: Session, b: Session): boolean => formatSession(a) === formatSession(b);

function applyEdit(session: Session, edit: SessionEdit, atMs: number): Session {
  switch (edit.part) {
    case 'favourites':
      return { ...session, favourites: { value: edit.value, atMs } };
    case 'tvDelayMs':
      return { ...session, tvDelayMs: { value: edit.value, atMs } };
    case 'choice':
      return withMemory(session, edit.race, { choice: { value: edit.value, atMs } });
    case 'position':
      return withMemory(session, edit.race, { position: { value: edit.value, atMs } });
  }
}

function withMemory(session: Session, race: string, part: RaceMemory): Session {
  const races = new Map(session.races);
  races.set(race, { ...races.get(race), ...part });
  return { ...session, races };
}

/** Sets a part, later than everything that this device knows of. */
export const editCopy = (copy: SessionCopy, edit: SessionEdit, nowMs: number): SessionCopy => ({
  ...copy,
  local: fitSession(applyEdit(copy.local, edit, nextStamp(copy.local, nowMs))),
});

/**
 * Takes what is stored into what is held.
 * @param isSure It is newer than everything that was heard before: an answer, not news that may have been overtaken.
 */
export function hearStored(copy: SessionCopy, revision: number, session: Session, isSure: boolean): SessionCopy {
  const local = mergeSessions(copy.local, session);
  const isNews = isSure || !copy.stored || revision > copy.stored.revision;
  return { local, stored: isNews ? { revision, session } : copy.stored };
}

/** Nothing is stored any more, or yet. */
export const hearNothing = ({ local }: SessionCopy): SessionCopy => emptyCopy(local);

/** What was to be saved is stored; more may have been set meanwhile. */
export const hearSaved = ({ local }: SessionCopy, { session }: Save, revision: number): SessionCopy => ({
  local,
  stored: { revision, session },
});

/** What has to be saved, if anything. */
export function nextSave({ local, stored }: SessionCopy): Save | undefined {
  if (isSame(local, stored?.session ?? EMPTY_SESSION)) return undefined;
  return { session: local, expected: stored?.revision ?? 0 };
}

/** Whether what the fan sees of two copies differs. */
export const isChanged = (before: SessionCopy, after: SessionCopy): boolean =>
  before.local !== after.local && !isSame(before.local, after.local);
