import { STATUS_CODES } from 'node:http';
import type { CloseReason } from '../protocol/codes.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import type { FanSink } from './fan.ts';
import type { RawResponse } from './http-shell.ts';

/** What is needed of a response of uWebSockets.js that is written bit by bit. After the end every call throws. */
export interface StreamResponse extends RawResponse {
  /** @returns whether the operating system took all that was written; what it did not take is kept. */
  write(text: string): boolean;
  pause(): unknown;
  resume(): unknown;
}

/** Writes what a fan is sent as events. */
export interface SinkWriter {
  text(text: string): string;
  /** @param frame Not kept. */
  frame(frame: Uint8Array): string;
  close(reason: CloseReason): string;
}

/** uWebSockets.js ends a response that takes nothing for 10 s; a network may stall for longer. */
const KEEP_EVERY_MS = 3000;
/** Says nothing, but lets the library write what it has kept. */
const NOTHING = ':\n\n';

const STREAM = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  // nginx and what is like it would keep events back until there are many.
  'X-Accel-Buffering': 'no',
  // An edge that ends a stream is about to leave, or wants its place.
  Connection: 'close',
};

const REFUSAL = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' };

/** What is answered in place of a stream. The other reasons are no fault of the request: they are told in the stream. */
const STATUS: Partial<Record<CloseReason, number>> = {
  bad_message: 400,
  bad_version: 400,
  unknown_race: 404,
  too_large: 413,
};
const WORDS: Partial<Record<CloseReason, string>> = {
  bad_version: 'This edge speaks another version of the protocol.',
  unknown_race: 'There is no such race here; see /races.',
};

/** The stream of one fan over HTTP, which may be gone at any moment. */
export class EventSink implements FanSink {
  readonly transport = 'sse';
  /** Every event is written as text first. */
  readonly direct = undefined;
  #response: StreamResponse | undefined;
  readonly #writer: SinkWriter;
  readonly #headers: Record<string, string>;
  readonly #onEnd: () => void;
  #hasBegun = false;
  #together: string[] | undefined;
  /** Written after the operating system took no more: given to the library when it does again. */
  #queue: string[] = [];
  #waitingBytes = 0;
  #keeping: NodeJS.Timeout | undefined;
  #refusal: ProtocolError | undefined;

  /** @param headers Beside those of a stream. @param onEnd Called once, when the response is over. */
  constructor(response: StreamResponse, writer: SinkWriter, headers: Record<string, string>, onEnd: () => void) {
    this.#response = response;
    this.#writer = writer;
    this.#headers = headers;
    this.#onEnd = onEnd;
  }

  get #isFull(): boolean {
    return this.#keeping !== undefined;
  }

  sendText(text: string): void {
    this.#put(this.#writer.text(text));
  }

  sendFrame(frame: Uint8Array): void {
    this.#put(this.#writer.frame(frame));
  }

  sendFrames(frames: readonly Uint8Array[], last: Uint8Array): void {
    this.batch(() => {
      for (const frame of frames) this.sendFrame(frame);
      this.sendFrame(last);
    });
  }

  batch(send: () => void): void {
    const events: string[] = [];
    this.#together = events;
    send();
    this.#together = undefined;
    if (events.length > 0) this.#put(events.join(''));
  }

  #put(event: string): void {
    if (this.#together) this.#together.push(event);
    else if (this.#isFull) {
      this.#queue.push(event);
      this.#waitingBytes += event.length;
    } else this.#write(event);
  }

  #write(text: string): void {
    const response = this.#response;
    if (!response) return;
    let isTaken = true;
    response.cork(() => {
      this.#begin(response);
      isTaken = response.write(text);
    });
    // Of what the library keeps nothing tells how much is left: less than before, since some of it was taken.
    this.#waitingBytes = isTaken ? 0 : Math.max(text.length, this.#waitingBytes - 1);
    // Pausing the request, of which nothing more is to come, makes the library forget its clock.
    if (!isTaken) this.#keeping ??= setInterval(() => this.#keep(), KEEP_EVERY_MS);
  }

  #keep(): void {
    this.#response?.pause();
    this.#response?.resume();
  }

  #begin(response: StreamResponse): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    response.writeStatus('200 OK');
    for (const [key, value] of Object.entries({ ...STREAM, ...this.#headers })) response.writeHeader(key, value);
  }

  /** The operating system takes more. */
  drain(): void {
    if (!this.#isFull) return;
    this.#stopKeeping();
    this.#write(this.#queue.splice(0).join('') || NOTHING);
  }

  /** At most so many. */
  bufferedBytes(): number {
    return this.#waitingBytes;
  }

  /** @param refusal What is wrong with the request: told with the close that follows. */
  explain(refusal: ProtocolError): void {
    this.#refusal = refusal;
  }

  close(reason: CloseReason): void {
    const response = this.#response;
    if (!response) return;
    const waiting = this.#queue.join('');
    const isStuck = this.#isFull && reason === 'timeout';
    this.forget();
    if (isStuck) response.close();
    else if (!this.#hasBegun && STATUS[reason]) this.#refuse(response, reason, STATUS[reason]);
    else
      response.cork(() => {
        this.#begin(response);
        // To close here as well would write a header into the body.
        response.end(`${waiting}${this.#writer.close(reason)}`, false);
      });
    this.#onEnd();
  }

  #refuse(response: StreamResponse, reason: CloseReason, status: number): void {
    const { code, message } = this.#refusal ?? { code: reason, message: WORDS[reason] ?? reason };
    response.cork(() => {
      response.writeStatus(`${status} ${STATUS_CODES[status]}`);
      for (const [key, value] of Object.entries({ ...REFUSAL, ...this.#headers })) response.writeHeader(key, value);
      response.end(`${JSON.stringify({ error: code, message })}\n`, true);
    });
  }

  /** Whether nothing that is sent goes anywhere any more. */
  get isOver(): boolean {
    return this.#response === undefined;
  }

  /** The other side is gone. Safe to call at any time. */
  abort(): void {
    if (this.isOver) return;
    this.forget();
    this.#onEnd();
  }

  /** The response may not be touched any more. */
  forget(): void {
    this.#response = undefined;
    this.#queue = [];
    this.#waitingBytes = 0;
    this.#stopKeeping();
  }

  #stopKeeping(): void {
    clearInterval(this.#keeping);
    this.#keeping = undefined;
  }

  noted(): void {
    throw new Error('Nothing is sent past a stream of events.');
  }
}
