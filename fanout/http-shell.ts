import { STATUS_CODES } from 'node:http';
import { type ApiFacts, answer } from './http-api.ts';
import { type Ask, answerError, type Reply } from './reply.ts';
import type { StaticFiles } from './static-files.ts';
import { type BodyResponse, writeBody } from './write-body.ts';

/** What is needed of a request of uWebSockets.js; it is dead after the first await. */
export interface RawRequest {
  getMethod(): string;
  getUrl(): string;
  getQuery(): string;
  getHeader(name: string): string;
}

/** What is needed of a response of uWebSockets.js; after an abort every call throws. */
export interface RawResponse extends BodyResponse {
  onAborted(handler: () => void): unknown;
  cork(run: () => void): unknown;
  writeStatus(status: string): unknown;
  writeHeader(key: string, value: string): unknown;
  endWithoutBody(length: number | undefined, closeConnection: boolean): unknown;
}

export interface HttpOptions extends ApiFacts {
  readonly report: (code: string, detail: unknown) => void;
  /** What is served under `/`. */
  readonly files: StaticFiles | undefined;
  /** Pages of these origins may read; all when left out. */
  readonly origins: readonly string[] | undefined;
  /** Whether connections are so many that none is kept for a next request. */
  readonly isCrowded: () => boolean;
}

/** Whether a page of this origin may connect. Programs that send no origin always may. */
export const isAllowedOrigin = (origin: string, origins: readonly string[] | undefined): boolean =>
  origin === '' || !origins || origins.includes(origin);

/** What pages of other origins may do at an address. */
interface Cors {
  readonly methods: string;
  readonly headers: string;
}

const READ_ONLY: Cors = {
  methods: 'GET, HEAD, OPTIONS',
  headers: 'Accept, Content-Type, If-None-Match, Last-Event-ID',
};

export function headersFor(
  { method }: Pick<Ask, 'method'>,
  origin: string,
  origins: readonly string[] | undefined,
  allowed = READ_ONLY,
): Record<string, string> {
  const headers: Record<string, string> = {};
  if (!origins) headers['Access-Control-Allow-Origin'] = '*';
  else {
    headers.Vary = 'Origin';
    if (origin !== '' && origins.includes(origin)) headers['Access-Control-Allow-Origin'] = origin;
  }
  if (method === 'OPTIONS') {
    headers['Access-Control-Allow-Methods'] = allowed.methods;
    headers['Access-Control-Allow-Headers'] = allowed.headers;
    headers['Access-Control-Max-Age'] = '86400';
  } else {
    headers['Access-Control-Expose-Headers'] = 'ETag, Retry-After';
  }
  return headers;
}

export function writeReply(
  response: RawResponse,
  method: string,
  reply: Reply,
  extra: Record<string, string>,
  isLast: boolean,
  whenGone: (act: () => void) => void,
): void {
  response.cork(() => {
    response.writeStatus(`${reply.status} ${STATUS_CODES[reply.status] ?? ''}`);
    const vary = [extra.Vary, reply.headers.Vary].filter((name) => name !== undefined);
    const headers = { ...extra, ...reply.headers, ...(vary.length > 0 ? { Vary: vary.join(', ') } : {}) };
    for (const [key, value] of Object.entries(headers)) response.writeHeader(key, value);
    if (method === 'HEAD') response.endWithoutBody(Buffer.byteLength(reply.body), isLast);
    else if (reply.status === 204 || reply.status === 304) response.endWithoutBody(undefined, isLast);
    else writeBody(response, reply.body, isLast, whenGone);
  });
}

/** Answers one HTTP request that is no WebSocket handshake. */
export async function serve(response: RawResponse, request: RawRequest, options: HttpOptions): Promise<void> {
  let isAborted = false;
  let gone = () => {};
  response.onAborted(() => {
    isAborted = true;
    gone();
  });
  const ask: Ask = {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: request.getQuery(),
    accept: request.getHeader('accept'),
    acceptEncoding: request.getHeader('accept-encoding'),
    ifNoneMatch: request.getHeader('if-none-match'),
    onGone: (act) => {
      gone = act;
      if (isAborted) act();
    },
  };
  const extra = headersFor(ask, request.getHeader('origin'), options.origins);
  let reply: Reply | undefined;
  try {
    const known = answer(ask, options);
    // Only what takes time is awaited: an answer that is here goes out in the same turn.
    if (known) reply = known instanceof Promise ? await known : known;
    else reply = await options.files?.answer(ask);
    if (reply?.isPatient) await options.races.lull.wait();
  } catch (error) {
    options.report('internal', error);
    reply = answerError(ask, 500, 'internal', 'The edge could not answer this; its log says why.');
  }
  reply ??= answerError(ask, 404, 'not_found', 'There is nothing here; /races lists what there is.');
  // Whoever is to come back later needs no connection until then, and may come to another edge.
  const isLast = options.isCrowded() || reply.status === 503;
  if (!isAborted) writeReply(response, ask.method, reply, extra, isLast, ask.onGone);
}
