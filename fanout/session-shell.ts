import { MAX_SESSION_BYTES } from '../protocol/session.ts';
import { type HttpOptions, headersFor, type RawRequest, type RawResponse, writeReply } from './http-shell.ts';
import { answerError, type Reply } from './reply.ts';
import { answerSession, type SessionAsk } from './session-api.ts';
import type { Sessions } from './sessions.ts';

/** What is needed of a response of uWebSockets.js to read the body of its request. */
interface RequestWithBody extends RawResponse {
  /** @param handler The chunk dies when it returns. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): unknown;
}

const CORS = {
  methods: 'GET, HEAD, PUT, DELETE, OPTIONS',
  headers: 'Accept, Authorization, Content-Type, If-Match, If-None-Match',
};

/** Reads a body of bounded size. @returns `undefined` as soon as it is too large. */
function readBody(response: RequestWithBody): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    response.onData((chunk, isLast) => {
      bytes += chunk.byteLength;
      if (bytes > MAX_SESSION_BYTES) {
        chunks.length = 0;
        resolve(undefined);
        return;
      }
      chunks.push(new Uint8Array(chunk.slice(0)));
      if (isLast) resolve(Buffer.concat(chunks).toString('utf8'));
    });
  });
}

/** Answers a request for `/session`. */
export async function serveSession(
  response: RequestWithBody,
  request: RawRequest,
  options: HttpOptions,
  sessions: Sessions,
): Promise<void> {
  let isAborted = false;
  let gone = () => {};
  response.onAborted(() => {
    isAborted = true;
    gone();
  });
  const head: Omit<SessionAsk, 'body'> = {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: request.getQuery(),
    accept: request.getHeader('accept'),
    acceptEncoding: '',
    ifNoneMatch: request.getHeader('if-none-match'),
    ifMatch: request.getHeader('if-match'),
    authorization: request.getHeader('authorization'),
    onGone: (act) => {
      gone = act;
      if (isAborted) act();
    },
  };
  const extra = headersFor(head, request.getHeader('origin'), options.origins, CORS);
  let reply: Reply;
  let isCut = false;
  try {
    const body = head.method === 'PUT' ? await readBody(response) : '';
    isCut = body === undefined;
    reply = await answerSession({ ...head, body }, sessions, Math.random);
  } catch (error) {
    options.report('internal', error);
    reply = answerError(head, 500, 'internal', 'The edge could not answer this; its log says why.');
  }
  // The rest of a body that is too large is not waited for; whoever is to come back later needs no connection until then.
  const isLast = isCut || reply.status === 503 || options.isCrowded();
  if (!isAborted) writeReply(response, head.method, reply, extra, isLast, head.onGone);
}
