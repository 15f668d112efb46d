import {
  type ControlLimits,
  type Hello,
  MAX_CONTROL_BYTES,
  parseClientMessage,
  parseQuery,
  readSince,
} from '../protocol/control.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { Admission } from './admission.ts';
import { EventSink, type SinkWriter, type StreamResponse } from './event-sink.ts';
import { EventWriter } from './event-writer.ts';
import type { Fan } from './fan.ts';
import { FanConnection } from './fan-connection.ts';
import { limitsOf } from './fan-messages.ts';
import type { FanSet } from './fan-set.ts';
import { type HttpOptions, headersFor, isAllowedOrigin, type RawRequest } from './http-shell.ts';
import { PLAIN_WRITER } from './json-events.ts';
import { isForPeople, readJson } from './json-stream.ts';
import { refuse } from './refusal.ts';

/** What is needed of a request for a stream; it is dead after the first await. */
interface StreamRequest extends RawRequest {
  getParameter(index: number): string | undefined;
}

/** What is needed of a response whose request has a body. */
interface PostResponse extends StreamResponse {
  /** @param handler Gets parts that are good until it returns. */
  onData(handler: (part: ArrayBuffer, isLast: boolean) => void): unknown;
}

/** Reads what the request says; throws a ProtocolError. */
type ReadHello = (limits: ControlLimits) => Hello;

/** What ends and goes on with a connection, whoever is behind it. */
interface Occupant {
  closed(): void;
  drained(): void;
}

/** A request that was let in. */
interface Guest {
  readonly sink: EventSink;
  readonly race: string;
  /** As a browser says it that comes back by itself. */
  readonly lastEventId: string;
  /** Whose it is from now on. */
  occupant: Occupant | undefined;
}

/** Opens streams of events, for fans whom no WebSocket reaches. */
export class EventStreams {
  readonly #admission: Admission;
  readonly #http: HttpOptions;

  constructor(admission: Admission, http: HttpOptions) {
    this.#admission = admission;
    this.#http = http;
  }

  /** Answers a GET: the hello stands in the address. Without a choice of cars only ticks and the document come. */
  get(response: StreamResponse, request: StreamRequest): void {
    const query = request.getQuery();
    if (isForPeople(query)) {
      const guest = this.#admit(response, request, PLAIN_WRITER);
      if (guest)
        readJson(guest, this.#http.races, query).catch((error) => {
          // An error of ours costs this one its stream, not the edge its life.
          this.#http.report('internal', error);
          guest.sink.close('not_ready');
        });
      return;
    }
    const guest = this.#admit(response, request, new EventWriter(Math.random()));
    if (guest) this.#greet(guest, (limits) => readQuery(query, limits));
  }

  /** Answers a POST: the hello is the body, for whom it is too long for an address. */
  post(response: PostResponse, request: StreamRequest): void {
    const guest = this.#admit(response, request, new EventWriter(Math.random()));
    if (!guest) return;
    const late = setTimeout(() => guest.sink.close('timeout'), this.#admission.limits.helloTimeoutMs);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    response.onData((part, isLast) => {
      if (guest.sink.isOver) return clearTimeout(late);
      bytes += part.byteLength;
      if (bytes > MAX_CONTROL_BYTES) guest.sink.close('too_large');
      else parts.push(new Uint8Array(part.slice(0)));
      if (!isLast || guest.sink.isOver) return;
      clearTimeout(late);
      this.#greet(guest, (limits) => readBody(Buffer.concat(parts), limits));
    });
  }

  #greet(guest: Guest, read: ReadHello): void {
    const { sink, lastEventId } = guest;
    guest.occupant = new FanConnection(sink, this.#http.races, guest.race, (fans, fan, nowMs) =>
      greetByStream(sink, fans, fan, (limits) => comeBack(read, limits, lastEventId), nowMs),
    );
  }

  #admit(response: StreamResponse, request: StreamRequest, writer: SinkWriter): Guest | undefined {
    const nowMs = performance.now();
    const { origins } = this.#http;
    const admission = this.#admission;
    const origin = request.getHeader('origin');
    const headers = headersFor({ method: request.getMethod() }, origin, origins);
    const refusal = admission.knock(nowMs, () => isAllowedOrigin(origin, origins));
    if (refusal) {
      refuse(response, refusal, admission.retryAfterS(nowMs, Math.random()), headers);
      return undefined;
    }
    const race = request.getParameter(0) ?? '';
    const lastEventId = request.getHeader('last-event-id');
    admission.fans++;
    const sink = new EventSink(response, writer, headers, () => {
      admission.fans--;
    });
    const guest: Guest = { sink, race, lastEventId, occupant: undefined };
    response.onAborted(() => {
      sink.abort();
      guest.occupant?.closed();
    });
    response.onWritable(() => {
      sink.drain();
      guest.occupant?.drained();
      return true;
    });
    return guest;
  }
}

const readQuery = (query: string, limits: ControlLimits): Hello =>
  parseQuery(query, limits) ?? parseQuery(`${query}&watch=`, limits)!;

function readBody(body: Uint8Array, limits: ControlLimits): Hello {
  const message = parseClientMessage(new TextDecoder().decode(body), limits);
  if (message.type === 'hello') return message;
  throw new ProtocolError('bad_message', `The body must be a hello, but is a ${message.type}.`);
}

/** A browser that comes back by itself repeats its old address, and says in a header how far it has read. */
function comeBack(read: ReadHello, limits: ControlLimits, lastEventId: string): Hello {
  const since = readSince(lastEventId);
  return since ? { ...read({ ...limits, isBack: true }), since } : read(limits);
}

/** Greets a fan, or ends its stream where what it says cannot be read: the same request would end the same way. */
export function greetByStream(sink: EventSink, fans: FanSet, fan: Fan, read: ReadHello, nowMs: number): void {
  let hello: Hello;
  try {
    hello = read(limitsOf(fans, fan));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    sink.explain(error);
    fans.tally.refused++;
    fans.close(fan, 'bad_message');
    return;
  }
  fans.greet(fan, hello, nowMs);
}
