import type { CrowdFan, Dialect } from './crowd-fan.ts';
import { OPCODE } from './web-socket-reader.ts';

const NEW_LINE = Buffer.from('\r\n');
const [M, P] = ['M'.charCodeAt(0), 'P'.charCodeAt(0)];
const [SPACE, ZERO, I] = [' '.charCodeAt(0), '0'.charCodeAt(0), 'I'.charCodeAt(0)];
const PONG = Buffer.from('PONG\r\n');

/**
 * A subscriber of nats-server with one subject. WebSocket frames cut the protocol anywhere: they hold several operations, and
 * parts of them. Source of the operations: docs.nats.io, client protocol.
 */
export class NatsDialect implements Dialect {
  readonly #hello: Buffer;
  /** Begin of an operation whose end has not come. */
  #rest: Buffer | undefined;

  constructor(subject: string) {
    const options = '{"verbose":false,"pedantic":false,"lang":"bench","version":"1","protocol":1}';
    this.#hello = Buffer.from(`CONNECT ${options}\r\nSUB ${subject} 1\r\n`);
  }

  opened(fan: CrowdFan): void {
    this.#rest = undefined;
    fan.send(OPCODE.binary, this.#hello);
  }

  message(fan: CrowdFan, frame: Buffer, _opcode: number, at: number, length: number): void {
    const part = frame.subarray(at, at + length);
    const bytes = this.#rest ? Buffer.concat([this.#rest, part]) : part;
    const done = this.#operations(fan, bytes);
    this.#rest = done < bytes.length ? Buffer.from(bytes.subarray(done)) : undefined;
  }

  /** Handles all whole operations. @returns how many bytes they took. */
  #operations(fan: CrowdFan, bytes: Buffer): number {
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(NEW_LINE, at);
      if (end < 0) return at;
      let next = end + 2;
      if (bytes[at] === M) {
        const size = sizeBefore(bytes, end);
        next += size + 2;
        if (next > bytes.length) return at;
        fan.take(bytes, end + 2, size);
      } else if (bytes[at] === P && bytes[at + 1] === I) {
        fan.send(OPCODE.binary, PONG);
      }
      at = next;
    }
  }
}

/** The number that ends `MSG <subject> <sid> <size>`. */
function sizeBefore(bytes: Buffer, end: number): number {
  let size = 0;
  let scale = 1;
  for (let index = end - 1; bytes[index] !== SPACE; index--) {
    size += (bytes[index]! - ZERO) * scale;
    scale *= 10;
  }
  return size;
}
