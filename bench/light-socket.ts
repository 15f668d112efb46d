import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/**
 * The part of the WebSocket interface that the SDK uses, over a plain socket: a swarm of thousands of fans shares the
 * machine with the edge that it measures, and the built-in client costs several times as much per message.
 * Messages must come unfragmented and uncompressed, as the edge sends them. Source of the framing: RFC 6455, section 5.
 */
export class LightSocket {
  binaryType = 'arraybuffer';
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #closeCode = 1006;

  constructor(address: string | URL) {
    const url = new URL(address);
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#socket.once('connect', () => {
      this.#socket.write(
        `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
      );
    });
    this.#socket.on('data', (bytes) => this.#receive(bytes));
    this.#socket.on('error', () => this.onerror?.());
    this.#socket.once('close', () => {
      this.readyState = 3;
      this.onclose?.({ code: this.#closeCode, reason: '' });
    });
  }

  send(text: string): void {
    this.#write(OPCODE.text, Buffer.from(text));
  }

  close(code = 1000): void {
    if (this.readyState === 1) this.#write(OPCODE.close, Buffer.from([code >> 8, code & 255]));
    this.readyState = 2;
    this.#socket.end();
  }

  /** Stops reading; what comes waits in the kernel. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Cuts the connection as a dead network would: no goodbye. */
  destroy(): void {
    this.#socket.destroy();
  }

  #write(opcode: number, payload: Buffer): void {
    const head =
      payload.length < 126
        ? Buffer.from([0x80 | opcode, 0x80 | payload.length])
        : Buffer.from([0x80 | opcode, 0x80 | 126, payload.length >> 8, payload.length & 255]);
    // A mask of zeros is a valid mask, and costs nothing.
    this.#socket.write(Buffer.concat([head, Buffer.alloc(4), payload]));
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.readyState === 0) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end >= 0) {
        if (!bytes.subarray(0, 12).toString('latin1').startsWith('HTTP/1.1 101')) {
          this.#socket.destroy();
          return;
        }
        this.readyState = 1;
        bytes = bytes.subarray(end + 4);
        this.onopen?.();
      }
    }
    while (this.readyState === 1 && bytes.length >= 2) {
      const short = bytes[1]! & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length < head) break;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
      if (bytes.length < head + length) break;
      this.#take(bytes[0]! & 15, bytes.subarray(head, head + length));
      bytes = bytes.subarray(head + length);
    }
    this.#rest = bytes;
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.text) this.onmessage?.({ data: payload.toString() });
    else if (opcode === OPCODE.binary)
      this.onmessage?.({ data: payload.buffer.slice(payload.byteOffset, payload.byteOffset + payload.length) });
    else if (opcode === OPCODE.ping) this.#write(OPCODE.pong, payload);
    else if (opcode === OPCODE.close) {
      this.#closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.close();
    }
  }
}
