import type { IncomingMessage } from 'node:http';

/** Why a body was not read to its end. */
export type BodyFailure = 'oversized' | 'too_slow' | 'gone';

/** Resolves with the whole body, or with why there is none; the rest of the request is then left to be discarded. */
export function readBody(request: IncomingMessage, maxBytes: number, withinMs: number): Promise<Buffer | BodyFailure> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (result: Buffer | BodyFailure) => {
      clearTimeout(timer);
      request.removeListener('data', take);
      resolve(result);
    };
    const take = (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxBytes) end('oversized');
    };
    const timer = setTimeout(() => end('too_slow'), withinMs);
    if (Number(request.headers['content-length']) > maxBytes) return end('oversized');
    request.on('data', take);
    request.once('end', () => end(Buffer.concat(chunks, size)));
    request.once('close', () => end('gone'));
  });
}

/**
 * Calls `onLine` for each line of the body as it arrives, blank ones left out, without its line feed; holds at most
 * one line. The bytes are only good during the call; `undefined` stands for a line above the limit.
 *
 * @param withinMs Time for each line; a body of lines may last for ever.
 * @returns `undefined` when the body was read to its end.
 */
export function readLines(
  request: IncomingMessage,
  maxLineBytes: number,
  withinMs: number,
  onLine: (line: Uint8Array | undefined, number: number) => void,
): Promise<BodyFailure | undefined> {
  return new Promise((resolve) => {
    const lines = new LineSplitter(maxLineBytes, (line, number) => {
      timer.refresh();
      onLine(line, number);
    });
    const end = (failure?: BodyFailure) => {
      clearTimeout(timer);
      // A body that was too slow may still end; what it held must not count after the answer.
      request.removeListener('data', take);
      request.removeListener('end', finish);
      resolve(failure);
    };
    const take = (chunk: Buffer) => lines.push(chunk);
    const finish = () => {
      lines.end();
      end();
    };
    const timer = setTimeout(() => end('too_slow'), withinMs);
    request.on('data', take);
    request.once('end', finish);
    request.once('close', () => end('gone'));
  });
}

const LINE_FEED = 0x0a;

class LineSplitter {
  #maxBytes: number;
  #onLine: (line: Uint8Array | undefined, number: number) => void;
  /** The beginning of a line that came without its end; made when first needed. */
  #held: Buffer | undefined;
  /** Bytes of the line so far; above the limit they are counted and not held. */
  #length = 0;
  #number = 0;

  constructor(maxBytes: number, onLine: (line: Uint8Array | undefined, number: number) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (;;) {
      const found = chunk.indexOf(LINE_FEED, start);
      const part = chunk.subarray(start, found < 0 ? undefined : found);
      if (found < 0) {
        this.#hold(part);
        return;
      }
      start = found + 1;
      if (this.#length === 0) this.#give(part, part.length);
      else {
        this.#hold(part);
        this.end();
      }
    }
  }

  /** Ends the line that is held, as the end of the body does. */
  end(): void {
    const length = this.#length;
    this.#length = 0;
    this.#give(this.#held?.subarray(0, length), length);
  }

  #hold(part: Buffer): void {
    if (part.length === 0) return;
    this.#held ??= Buffer.allocUnsafe(this.#maxBytes);
    if (this.#length + part.length <= this.#maxBytes) part.copy(this.#held, this.#length);
    this.#length += part.length;
  }

  #give(line: Uint8Array | undefined, length: number): void {
    this.#number++;
    if (length > this.#maxBytes) this.#onLine(undefined, this.#number);
    else if (line?.some((byte) => byte > 0x20)) this.#onLine(line, this.#number);
  }
}
