import { CLOSE, ERROR_CODES } from '../../protocol/codes.ts';
import { formatHello, formatQuery } from '../../protocol/control.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { EventParser, type StreamEvent } from './event-parser.ts';
import type { Fetch, FetchAnswer, FetchInit } from './fetch.ts';
import { BROKEN, type Link, type LinkListener, type LinkTarget } from './link.ts';

/** Longest query of an address; the head of a request has room for about 4 KB on its way, cookies included. */
const MAX_QUERY = 2000;
/** So much of an answer that is no stream is looked at. */
const MAX_REFUSAL_BYTES = 4096;

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
      const refusal = await this.#orEnd(readRefusal(answer));
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

/** The end of a link. */
interface Ending {
  readonly code: number;
  readonly reason: string;
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

/** Codes with which an edge refuses for good, and what they are as close codes. A proxy knows none of them. */
const FINAL: Readonly<Record<string, number>> = {
  ...Object.fromEntries(ERROR_CODES.map((code) => [code, CLOSE.bad_message])),
  unknown_race: CLOSE.unknown_race,
  bad_version: CLOSE.bad_version,
  too_large: CLOSE.too_large,
};

/** Why there is no stream. */
async function readRefusal({ status, body }: FetchAnswer): Promise<Ending> {
  const broken = { code: BROKEN, reason: `there is no stream of events, but status ${status}` };
  if (status < 400 || status > 499 || !body) return broken;
  const text = new TextDecoder().decode(await readBounded(body.getReader()));
  let answer: { error?: unknown; message?: unknown } | null;
  try {
    answer = JSON.parse(text);
  } catch {
    // Not the edge's: whatever stands in between may answer as it likes.
    return broken;
  }
  const code =
    typeof answer?.error === 'string' && Object.hasOwn(FINAL, answer.error) ? FINAL[answer.error] : undefined;
  return code === undefined ? broken : { code, reason: String(answer?.message).slice(0, 200) };
}

/** At most so many bytes as are looked at, and nothing more is fetched. */
async function readBounded(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const bytes = new Uint8Array(MAX_REFUSAL_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const { value, done } = await reader.read();
    if (done) break;
    const part = value.subarray(0, bytes.length - length);
    bytes.set(part, length);
    length += part.length;
  }
  await reader.cancel();
  return bytes.subarray(0, length);
}
