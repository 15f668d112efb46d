import { connect, type Socket } from 'node:net';

/** RFC 6455, section 11.8. */
export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** All readers of a process read into one buffer: each read is handled before the next one begins. */
const SHARED = Buffer.alloc(256 * 1024);
const END_OF_HEAD = Buffer.from('\r\n\r\n');

/**
 * A WebSocket client on a bare TCP socket: thousands of them share a machine with the server that they load.
 * Allocates nothing for a message that comes whole. Reads frames uncompressed, each on its own (RFC 6455, section 5).
 */
export abstract class WebSocketReader {
  #socket: Socket | undefined;
  #isUpgraded = false;
  /** Begin of a frame whose end has not come. */
  #rest: Buffer | undefined;

  /** The handshake is done. */
  protected abstract opened(): void;
  /** A frame with data: `length` bytes from `at`, which are overwritten once this returns. */
  protected abstract message(bytes: Buffer, opcode: number, at: number, length: number): void;
  protected abstract received(byteCount: number): void;
  /** The connection is over, or the handshake was refused. */
  protected abstract ended(isRefused: boolean): void;

  /** @param from Own address: each has ports for 28,000 connections to one server. */
  connect(host: string, port: number, from: string, path: string): void {
    const socket = connect({
      host,
      port,
      localAddress: from,
      noDelay: true,
      onread: {
        buffer: SHARED,
        callback: (length) => {
          this.#take(SHARED.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket = socket;
    socket.once('connect', () =>
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      ),
    );
    // Followed by `close`, which is what counts.
    socket.on('error', () => {});
    socket.once('close', () => this.#end(socket, false));
  }

  #end(socket: Socket, isRefused: boolean): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#isUpgraded = false;
    this.#rest = undefined;
    this.ended(isRefused);
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  /** Ends the connection without a goodbye, as a dead network would. */
  destroy(): void {
    this.#socket?.destroy();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** @param payload At most 65,535 bytes. */
  send(opcode: number, payload: Buffer): void {
    const { length } = payload;
    // The mask of zeros is a valid mask, and costs nothing.
    const head =
      length < 126
        ? [0x80 | opcode, 0x80 | length, 0, 0, 0, 0]
        : [0x80 | opcode, 0x80 | 126, length >> 8, length & 255, 0, 0, 0, 0];
    this.#socket?.write(Buffer.concat([Buffer.from(head), payload]));
  }

  #take(chunk: Buffer): void {
    this.received(chunk.length);
    let bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    if (!this.#isUpgraded) {
      const end = bytes.indexOf(END_OF_HEAD);
      if (end >= 0 && !this.#upgrade(bytes.toString('latin1', 0, end))) return;
      if (end >= 0) bytes = bytes.subarray(end + 4);
    }
    if (this.#isUpgraded) bytes = bytes.subarray(this.#frames(bytes));
    this.#rest = bytes.length > 0 ? Buffer.from(bytes) : undefined;
  }

  #upgrade(head: string): boolean {
    this.#isUpgraded = head.startsWith('HTTP/1.1 101');
    if (this.#isUpgraded) {
      this.opened();
      return true;
    }
    const socket = this.#socket!;
    this.#end(socket, true);
    socket.destroy();
    return false;
  }

  /** Handles all whole frames. @returns how many bytes they took. */
  #frames(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= 2) {
      const short = bytes[at + 1]! & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length - at < head) break;
      const length =
        short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      if (bytes.length - at < head + length) break;
      this.#frame(bytes, bytes[at]! & 15, at + head, length);
      at += head + length;
    }
    return at;
  }

  #frame(bytes: Buffer, opcode: number, at: number, length: number): void {
    if (opcode === OPCODE.ping) this.send(OPCODE.pong, bytes.subarray(at, at + length));
    else if (opcode === OPCODE.close) this.destroy();
    else this.message(bytes, opcode, at, length);
  }
}
