import { describeValue, ProtocolError } from './errors.ts';
import { isSessionId } from './session.ts';

/** Tells an edge of which session this connection wants to hear, `null` of none. */
export interface SessionRequest {
  readonly type: 'session';
  readonly id: string | null;
}

/**
 * What an edge says of the session of a connection: when it is asked, and with every change. `unknown`: nothing is stored
 * under its id. `deleted`: by one of its devices. `unavailable`: it cannot be read now; what it holds follows.
 */
export type SessionNews =
  | { readonly type: 'session'; readonly status: 'known'; readonly revision: number; readonly session: unknown }
  | { readonly type: 'session'; readonly status: 'unknown' | 'deleted' | 'unavailable' };

/** The news that a session is known, from the text that is stored: nobody has to read it for that. */
export const formatKnownSession = (revision: number, text: string): string =>
  `{"type":"session","status":"known","revision":${revision},"session":${text}}`;

/** @throws {ProtocolError} `bad_session`. The id is a key and is not said again. */
export function readSessionRequest({ id }: Readonly<Record<string, unknown>>): SessionRequest {
  if (id === null || (typeof id === 'string' && isSessionId(id))) return { type: 'session', id };
  const found = typeof id === 'string' ? `a text of ${id.length}` : describeValue(id);
  throw new ProtocolError(
    'bad_session',
    `The id of a session has 22 characters, or is null for none, but is ${found}.`,
  );
}
