import { ProtocolError } from '../protocol/errors.ts';
import { isSessionId, MAX_SESSION_BYTES, parseSession, type Session } from '../protocol/session.ts';
import { type Ask, answerError, answerValue, type Reply } from './reply.ts';
import { waitForChange } from './session-wait.ts';
import type { SaveResult, SessionState, Sessions } from './sessions.ts';

/** A request for a session. Its id is in no address, because addresses are written into logs. */
export interface SessionAsk extends Ask {
  readonly authorization: string;
  readonly ifMatch: string;
  /** `undefined` when it is larger than a session may be. */
  readonly body: string | undefined;
}

const ALLOW = 'GET, HEAD, PUT, DELETE, OPTIONS';
/** How long a request may wait for a change. A client gives up what is silent for 25 s. */
const MAX_WAIT_S = 20;
const MAX_RETRY_S = 3;
/** As long as a revision that can be stored. */
const TAG = /^"([1-9][0-9]{0,14})"$/;

const tagOf = (revision: number) => `"${revision}"`;

/** @param random Uniform in [0, 1): spreads those who were turned away. */
export async function answerSession(ask: SessionAsk, sessions: Sessions, random: () => number): Promise<Reply> {
  if (ask.method === 'OPTIONS') return { status: 204, headers: { Allow: ALLOW }, body: '' };
  const id = /^Bearer +(\S+)$/i.exec(ask.authorization)?.[1] ?? '';
  const answer = new Answer(ask, random);
  if (!isSessionId(id)) return answer.noId();
  switch (ask.method) {
    case 'GET':
    case 'HEAD':
      return get(ask, id, sessions, answer);
    case 'PUT':
      return put(ask, id, sessions, answer);
    case 'DELETE': {
      const kind = await sessions.delete(id);
      return kind === 'deleted' ? { status: 204, headers: {}, body: '' } : answer.state({ kind });
    }
    default:
      return answer.error(405, 'method_not_allowed', `${ask.method} is not possible here; use GET, PUT or DELETE.`, {
        Allow: ALLOW,
      });
  }
}

async function get(ask: SessionAsk, id: string, sessions: Sessions, answer: Answer): Promise<Reply> {
  const wait = new URLSearchParams(ask.query).get('wait');
  const holds = TAG.exec(ask.ifNoneMatch)?.[1];
  if (wait === null || holds === undefined) return answer.state(await sessions.read(id));
  if (!/^[0-9]{1,2}$/.test(wait) || Number(wait) > MAX_WAIT_S) return answer.badWait();
  const state = await waitForChange(sessions, id, Number(holds), Number(wait) * 1000, ask.onGone);
  return state ? answer.state(state) : { status: 304, headers: { ETag: ask.ifNoneMatch }, body: '' };
}

async function put(ask: SessionAsk, id: string, sessions: Sessions, answer: Answer): Promise<Reply> {
  const tag = TAG.exec(ask.ifMatch)?.[1];
  const isNew = ask.ifMatch === '' && ask.ifNoneMatch.trim() === '*';
  if (tag === undefined && !isNew) return answer.noRevision();
  if (ask.body === undefined) return answer.tooLarge();
  let session: Session;
  try {
    session = parseSession(ask.body);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return answer.error(400, error.code, error.message);
  }
  return answer.saved(await sessions.save(id, session, Number(tag ?? 0)), isNew);
}

/** Puts what became of a request into words. */
class Answer {
  readonly #ask: Ask;
  readonly #random: () => number;

  constructor(ask: Ask, random: () => number) {
    this.#ask = ask;
    this.#random = random;
  }

  error(status: number, code: string, message: string, headers: Record<string, string> = {}): Reply {
    return answerError(this.#ask, status, code, message, headers);
  }

  noId(): Reply {
    const message = 'Name the session with the header Authorization: Bearer <id>, an id of 22 characters.';
    return this.error(401, 'no_session', message, { 'WWW-Authenticate': 'Bearer' });
  }

  badWait(): Reply {
    return this.error(400, 'bad_wait', `wait must be a whole number of seconds from 0 to ${MAX_WAIT_S}.`);
  }

  noRevision(): Reply {
    const message =
      'Say which revision this replaces: If-Match with the ETag of the last answer, or If-None-Match: * for a new session.';
    return this.error(428, 'revision_missing', message);
  }

  tooLarge(): Reply {
    return this.error(413, 'too_large', `A session has at most ${MAX_SESSION_BYTES} bytes.`);
  }

  saved(result: SaveResult, isNew: boolean): Reply {
    if (result.kind === 'conflict') return this.#conflict(result.current);
    if (result.kind !== 'saved') return this.state(result);
    const { revision } = result;
    return answerValue(this.#ask, { revision }, isNew ? 201 : 200, { ETag: tagOf(revision) });
  }

  #conflict(current: SessionState): Reply {
    if (current.kind !== 'known') return this.state(current);
    const { revision } = current;
    const message = 'Another device has saved this session since; merge what it holds and try again with its revision.';
    const body = { error: 'conflict', message, revision, session: JSON.parse(current.text) };
    return answerValue(this.#ask, body, 412, { ETag: tagOf(revision) });
  }

  state(state: SessionState): Reply {
    switch (state.kind) {
      case 'known': {
        const headers = { ETag: tagOf(state.revision) };
        if (this.#ask.ifNoneMatch === headers.ETag) return { status: 304, headers, body: '' };
        return answerValue(this.#ask, { revision: state.revision, session: JSON.parse(state.text) }, 200, headers);
      }
      case 'unknown':
        return this.error(404, 'unknown_session', 'Nothing is stored under this id: it never was, or it has expired.');
      case 'deleted':
        return this.error(410, 'deleted', 'This session was deleted; its id cannot be used again.');
      case 'busy':
        return this.error(429, 'too_many', 'Too many requests for sessions; try again later.', this.#later());
      case 'away':
        return this.error(
          503,
          'not_ready',
          'Sessions cannot be reached at the moment; try again later.',
          this.#later(),
        );
    }
  }

  #later(): Record<string, string> {
    return { 'Retry-After': `${1 + Math.floor(this.#random() * MAX_RETRY_S)}` };
  }
}
