import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { FanReader } from './test-fan.ts';

const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A fan on a bare TCP socket: it can stop to read, and send what no WebSocket client would. */
export class RawFan {
  readonly reader: FanReader;
  readonly socket: Socket;
  closeCode: number | undefined;
  isEnded = false;
  failure: unknown;
  #bytes: Buffer = Buffer.alloc(0);
  #isUpgraded = false;

  constructor(port: number, path: string, reader: FanReader) {
    this.reader = reader;
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isEnded = true;
    });
    this.socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      try {
        this.#read();
      } catch (error) {
        this.failure ??= error;
      }
    });
    this.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
  }

  #read(): void {
    if (!this.#isUpgraded) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#isUpgraded = true;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    for (let frame = this.#takeFrame(); frame; frame = this.#takeFrame()) {
      const { opcode, payload } = frame;
      if (opcode === OPCODE.text) this.reader.readText(payload.toString());
      else if (opcode === OPCODE.binary) this.reader.readFrame(new Uint8Array(payload));
      else if (opcode === OPCODE.ping) this.write(OPCODE.pong, payload);
      else if (opcode === OPCODE.close) this.closeCode = payload.readUInt16BE(0);
    }
  }

  #takeFrame(): { opcode: number; payload: Buffer } | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const short = bytes[1]! & 127;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return undefined;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < head + length) return undefined;
    this.#bytes = bytes.subarray(head + length);
    return { opcode: bytes[0]! & 15, payload: bytes.subarray(head, head + length) };
  }

  /** Sends one masked frame. */
  write(opcode: number, payload: Uint8Array): void {
    const head = Buffer.alloc(payload.length < 126 ? 2 : 4);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | Math.min(payload.length, 126);
    if (head.length === 4) head.writeUInt16BE(payload.length, 2);
    const mask = randomBytes(4);
    this.socket.write(Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4]!)]));
  }

  say(message: unknown): void {
    this.write(OPCODE.text, Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  }

  freeze(): void {
    this.socket.pause();
  }

  /** Reads so many bytes while it is frozen, if so many have come. A read-ahead of the stream is below the socket's 64 KiB. */
  take(bytes: number): void {
    this.socket.read(bytes);
  }

  thaw(): void {
    this.socket.resume();
  }
}
