import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Catalogue } from '../protocol/catalogue.ts';
import { ConfigError, SourceError } from '../protocol/errors.ts';
import { createFrameDecoder, type FrameDecoder, MAX_FRAME_BYTES } from './frame-decoder.ts';
import { readBody, readLines } from './http-body.ts';
import { createHttpTally, type HttpTally } from './http-tally.ts';
import { decodeFacts, MAX_FACTS_BYTES } from './race-facts.ts';
import type { Source, SourceSink } from './source.ts';
import { cannotListen } from './udp-source.ts';

export interface HttpOptions {
  /** 0 lets the system choose; see {@link HttpSource.port}. */
  readonly port: number;
  /** Address to listen on; anything beyond loopback needs a token. @defaultValue 127.0.0.1 */
  readonly host?: string;
  /** Wanted as `Authorization: Bearer <token>` of every request. @defaultValue none */
  readonly token?: string;
  /** Connections above this are closed at once. @defaultValue 256 */
  readonly maxConnections?: number;
  /** Time for the headers, for the body of one frame, and between two lines of NDJSON, ms. @defaultValue 10000 */
  readonly timeoutMs?: number;
}

export interface HttpSource extends Source {
  /** Where it listens once started; before that, the port asked for. */
  readonly port: number;
}

/** Bodies that hold one frame; its first byte says which form it has. */
const ONE_FRAME = /^application\/(json|msgpack|x-msgpack|vnd\.msgpack|octet-stream)$/;
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;
/** A refused request may go on sending for this long, so that its sender gets to read the answer. */
const LINGER_MS = 2_000;

/**
 * Frames and facts by HTTP, for gateways that have no NATS client:
 *
 *     POST /raw/<race>/<car>   one frame (JSON, MessagePack or packed), or NDJSON with a frame per line
 *     POST /raw/<race>         the same, with the car in each frame
 *     PUT  /raw/<race>         facts as JSON
 *
 * Answers are JSON: `{accepted, refusedCount, refused: [{line, reason, detail}]}`; 200 when every frame counted, 202
 * when some did, 400 when none did.
 */
export function createHttpSource(race: string, catalogue: Catalogue, options: HttpOptions): HttpSource {
  const { port, host = '127.0.0.1', token, maxConnections = 256, timeoutMs = 10_000 } = options;
  const address = host.includes(':') ? `[${host}]` : host;
  let server: Server | undefined;
  let boundPort = port;
  return {
    get name() {
      return `http ${address}:${boundPort}`;
    },
    get port() {
      return boundPort;
    },
    kind: 'live',
    async start(sink) {
      if (server)
        throw new SourceError('already_started', `The source http ${address}:${boundPort} is already started.`);
      if (!token && !LOOPBACK.test(host)) {
        throw new ConfigError(
          'token_required',
          `Raw input on ${address} can be reached from outside: set a token, or listen on 127.0.0.1.`,
        );
      }
      const context = { race, token, timeoutMs, decoder: createFrameDecoder(catalogue), sink };
      const opening = createServer({ connectionsCheckingInterval: 1_000 }, (request, response) => {
        void answer(request, response, context);
      });
      server = opening;
      opening.maxConnections = maxConnections;
      opening.headersTimeout = timeoutMs;
      opening.timeout = 2 * timeoutMs;
      opening.requestTimeout = 0; // NDJSON may last as long as a race; every line has its own time-out
      opening.on('clientError', (error: NodeJS.ErrnoException, socket) => {
        if (server === opening && error.code !== 'ECONNRESET')
          sink.refuse('malformed', `A request was not HTTP (${error.code}).`);
        if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      });
      try {
        opening.listen(port, host);
        await once(opening, 'listening');
      } catch (cause) {
        server = undefined;
        throw cannotListen(`${address}:${port}`, cause);
      }
      boundPort = (opening.address() as AddressInfo).port;
    },
    async stop() {
      const closing = server;
      if (!closing) return;
      server = undefined;
      const closed = once(closing, 'close');
      closing.close();
      closing.closeAllConnections();
      await closed;
    },
  };
}

interface Context {
  readonly race: string;
  readonly token: string | undefined;
  readonly timeoutMs: number;
  readonly decoder: FrameDecoder;
  readonly sink: SourceSink;
}

async function answer(request: IncomingMessage, response: ServerResponse, context: Context): Promise<void> {
  const tally = createHttpTally(context.sink);
  const status = await handle(request, response, context, tally);
  if (status === undefined || response.destroyed) return;
  if (!request.complete) {
    const timer = setTimeout(() => request.destroy(), LINGER_MS);
    request.once('close', () => clearTimeout(timer));
    request.resume();
  }
  const body = Buffer.from(`${JSON.stringify(tally.report())}\n`);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}

/** @returns The status of the answer; `undefined` when nobody is there to hear it. */
async function handle(request: IncomingMessage, response: ServerResponse, context: Context, tally: HttpTally) {
  const path = /^\/raw\/([^/?]+)(?:\/([^/?]+))?(?:\?|$)/.exec(request.url ?? '');
  if (path?.[1] !== context.race)
    return tally.fail(404, `There is no raw input at this address; it is at /raw/${context.race}.`);
  if (context.token && !isAuthorized(request, context.token)) {
    response.setHeader('www-authenticate', 'Bearer');
    return tally.fail(401, 'The token is missing or wrong.');
  }
  const methods = path[2] === undefined ? ['POST', 'PUT'] : ['POST'];
  if (!methods.includes(request.method!)) {
    response.setHeader('allow', methods.join(', '));
    return tally.fail(405, `Use ${methods.join(' or ')}, not ${request.method}.`);
  }
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  const isLines = type === 'application/x-ndjson' && request.method === 'POST';
  if (!isLines && !(request.method === 'PUT' ? type === 'application/json' : ONE_FRAME.test(type))) {
    return tally.fail(
      415,
      'Send application/json, application/x-ndjson, application/msgpack or application/octet-stream.',
    );
  }
  return isLines ? takeLines(request, context, tally, path[2]) : takeOne(request, context, tally, path[2]);
}

async function takeOne(request: IncomingMessage, context: Context, tally: HttpTally, car: string | undefined) {
  const isFacts = request.method === 'PUT';
  const limit = isFacts ? MAX_FACTS_BYTES : MAX_FRAME_BYTES;
  const body = await readBody(request, limit, context.timeoutMs);
  if (body === 'gone') return undefined;
  if (body === 'too_slow') return tally.fail(408, `The body did not come within ${context.timeoutMs} ms.`);
  if (body === 'oversized') {
    tally.sink.refuse('oversized', `A body of one frame or of facts may have ${limit} bytes.`);
    return 413;
  }
  const isAccepted = isFacts ? decodeFacts(body, tally.sink) : context.decoder.decode(body, { car }, tally.sink);
  return isAccepted ? 200 : 400;
}

async function takeLines(request: IncomingMessage, context: Context, tally: HttpTally, car: string | undefined) {
  let refusedLines = 0;
  const failure = await readLines(request, MAX_FRAME_BYTES, context.timeoutMs, (line, number) => {
    tally.line = number;
    if (line ? context.decoder.decode(line, { car }, tally.sink) : false) return;
    refusedLines++;
    if (!line) tally.sink.refuse('oversized', `A line may have ${MAX_FRAME_BYTES} bytes.`);
  });
  if (failure === 'gone') return undefined;
  if (failure) return tally.fail(408, `No line came within ${context.timeoutMs} ms.`);
  if (tally.accepted === 0) return refusedLines > 0 ? 400 : tally.fail(400, 'The body holds no line.');
  return refusedLines > 0 ? 202 : 200;
}

/** Compares digests, so that the time taken tells nothing about the token, its length included. */
function isAuthorized(request: IncomingMessage, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}
