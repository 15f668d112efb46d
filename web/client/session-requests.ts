import { ProtocolError } from '../../protocol/errors.ts';
import { checkSession, formatSession, type Session } from '../../protocol/session.ts';
import type { Fetch } from './fetch.ts';
import type { Save } from './session-copy.ts';

/** What an edge answered. `later`: nobody answered, or nobody could; the same may succeed later. */
export type SessionAnswer =
  | { readonly kind: 'known' | 'conflict'; readonly revision: number; readonly session: Session }
  | { readonly kind: 'saved'; readonly revision: number }
  | { readonly kind: 'unknown' | 'deleted' | 'unchanged' }
  | { readonly kind: 'later'; readonly afterMs: number; readonly error: Error }
  | { readonly kind: 'refused'; readonly error: Error };

/** An edge answers within milliseconds, or two seconds when NATS does not. */
const ANSWER_WITHIN_MS = 10_000;
const KINDS: Readonly<Record<number, 'unknown' | 'deleted' | 'unchanged'>> = {
  304: 'unchanged',
  404: 'unknown',
  410: 'deleted',
};

/** Asks edges about one session. Never throws: what goes wrong is an answer, too. */
export class SessionRequests {
  readonly #urls: readonly URL[];
  readonly #fetch: Fetch;
  readonly #id: string;
  readonly #closed: AbortSignal;
  #urlIndex = 0;

  /** @param closed Ends all requests but saves, which may outlive a page. */
  constructor(urls: readonly URL[], fetch: Fetch, id: string, closed: AbortSignal) {
    this.#urls = urls;
    this.#fetch = fetch;
    this.#id = id;
    this.#closed = closed;
  }

  /** @param holds Revision that is known. @param waitS How long to wait for another one, 0 to 20. */
  read(holds: number | undefined, waitS: number): Promise<SessionAnswer> {
    const known: Record<string, string> = holds === undefined ? {} : { 'If-None-Match': `"${holds}"` };
    return this.#ask('GET', known, { query: holds === undefined ? '' : `?wait=${waitS}`, waitMs: waitS * 1000 });
  }

  save({ session, expected }: Save): Promise<SessionAnswer> {
    const condition: Record<string, string> =
      expected === 0 ? { 'If-None-Match': '*' } : { 'If-Match': `"${expected}"` };
    return this.#ask('PUT', { ...condition, 'Content-Type': 'application/json' }, { body: formatSession(session) });
  }

  delete(): Promise<SessionAnswer> {
    return this.#ask('DELETE', {}, {});
  }

  async #ask(
    method: string,
    more: Record<string, string>,
    { query = '', waitMs = 0, body }: { query?: string; waitMs?: number; body?: string },
  ): Promise<SessionAnswer> {
    const url = new URL(`session${query}`, this.#urls[this.#urlIndex]);
    const headers = { Authorization: `Bearer ${this.#id}`, Accept: 'application/json', ...more };
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), ANSWER_WITHIN_MS + waitMs);
    const abort = () => giveUp.abort();
    if (body === undefined) this.#closed.addEventListener('abort', abort);
    try {
      // A page that is closed may still save.
      const saving = body === undefined ? {} : { body, keepalive: true };
      const reply = await this.#fetch(url.href, { method, headers, signal: giveUp.signal, ...saving });
      return readAnswer(reply.status, reply.headers?.get('retry-after') ?? null, await reply.text());
    } catch (cause) {
      this.#urlIndex = (this.#urlIndex + 1) % this.#urls.length;
      const error = cause instanceof Error ? cause : new Error(String(cause));
      return { kind: 'later', afterMs: 0, error };
    } finally {
      clearTimeout(timer);
      this.#closed.removeEventListener('abort', abort);
    }
  }
}

/** @throws when the answer cannot be one of an edge. */
function readAnswer(status: number, retryAfter: string | null, text: string): SessionAnswer {
  const kind = KINDS[status];
  if (kind) return { kind };
  if (status === 204) return { kind: 'deleted' };
  if (status === 429 || status >= 500) {
    const error = new ProtocolError(`status_${status}`, `The edge cannot serve sessions now (status ${status}).`);
    return { kind: 'later', afterMs: Number(retryAfter ?? 0) * 1000 || 0, error };
  }
  const { revision, session, error, message } = JSON.parse(text) as Record<string, unknown>;
  if (status === 200 || status === 201 || status === 412) {
    if (!Number.isSafeInteger(revision)) throw new ProtocolError('bad_message', 'The edge sent no revision.');
    if (session === undefined) return { kind: 'saved', revision: revision as number };
    const how = status === 412 ? 'conflict' : 'known';
    return { kind: how, revision: revision as number, session: checkSession(session) };
  }
  return { kind: 'refused', error: new ProtocolError(String(error), String(message)) };
}
