import { formatHello, formatQuery } from '../../protocol/control.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { EventParser, type StreamEvent } from './event-parser.ts';
import type { Fetch, FetchInit } from './fetch.ts';
import { type Ending, readRefusal } from './http-refusal.ts';
import { BROKEN, type Link, type LinkListener, type LinkTarget } from './link.ts';

/** Longest query of an address; the head of a request has room for about 4 KB on its way, cookies included. */
const MAX_QUERY = 2000;

/** A link over a stream of events. Nothing goes up in it. */
export class SseLink implements Link {
  readonly hasUplink = false;
  readonly #abort = new AbortController();
  readonly #parser = new EventParser();
  #listener: LinkListener | undefined;

  constructor(fetch: Fetch, target: LinkTarget, listener: LinkListener) {
    this.#listener = listener;
    void this.#run(fetch, target);
  }

  async #run(fetch: Fetch, target: LinkTarget): Promise<void> {
    const { url, init } = requestOf(target);
    const answer = await this.#orEnd(fetch(url, { ...init, signal: this.#abort.signal }));
    if (!answer) return;
    const isStream = answer.ok && answer.headers?.get('content-type')?.startsWith('text/event-stream');
    if (!isStream || !answer.body) {
      const refusal = await this.#orEnd(readRefusal(answer, 'there is no stream of events'));
      if (refusal) this.#end(refusal.code, refusal.reason);
      return;
    }
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    while (this.#listener) {
      const events = await this.#orEnd(this.#read(reader, decoder));
      for (const event of events ?? []) this.#hear(event);
    }
  }

  /** What comes of a promise; when it fails, the link is lost. */
  async #orEnd<Value>(promise: Promise<Value>): Promise<Value | undefined> {
    try {
      return await promise;
    } catch (error) {
      this.#end(BROKEN, error instanceof ProtocolError ? error.message : '');
      return undefined;
    }
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, decoder: TextDecoder): Promise<Heard[]> {
    const { value, done } = await reader.read();
    if (done) return [{ code: BROKEN, reason: '' }];
    return this.#parser.push(decoder.decode(value, { stream: true })).flatMap(readEvent);
  }

  #hear(event: Heard): void {
    if (typeof event === 'string' || event instanceof Uint8Array) this.#listener?.onMessage(event);
    else this.#end(event.code, event.reason);
  }

  #end(code: number, reason: string): void {
    const told = this.#listener;
    this.drop();
    told?.onLost(code, reason);
  }

  send(): false {
    return false;
  }

  drop(): void {
    this.#listener = undefined;
    this.#abort.abort();
  }
}

type Heard = string | Uint8Array | Ending;

/** @throws {ProtocolError} `bad_message`. */
function readEvent({ name, data }: StreamEvent): Heard[] {
  if (name === '') return [data];
  if (name === 'frame') return [decodeBase64(data)];
  return name === 'close' ? [readClose(data)] : [];
}

function decodeBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch (cause) {
    const sentence = `The edge sent a frame that is not base64: ${text.slice(0, 40)}.`;
    throw new ProtocolError('bad_message', sentence, { cause });
  }
}

function readClose(text: string): Ending {
  try {
    const { code, reason } = JSON.parse(text);
    if (Number.isInteger(code) && typeof reason === 'string') return { code, reason: reason.slice(0, 200) };
  } catch {
    // Said below, as for what is JSON and no ending.
  }
  throw new ProtocolError('bad_message', `The edge ended with ${text.slice(0, 40)}, which is no code and reason.`);
}

function requestOf({ base, race, hello }: LinkTarget): { url: string; init: Omit<FetchInit, 'signal'> } {
  const url = new URL(`races/${encodeURIComponent(race)}/events`, base);
  url.search = formatQuery(hello);
  const init = { headers: { Accept: 'text/event-stream' }, cache: 'no-store' } as const;
  if (url.search.length <= MAX_QUERY) return { url: url.href, init };
  url.search = '';
  return { url: url.href, init: { ...init, method: 'POST', body: formatHello(hello) } };
}
