import { connect, type Socket } from 'node:net';
import type { EdgeMessage } from '../../protocol/control.ts';
import { FRAME, FRAME_FLAG, FRAME_HEAD_BYTES } from '../../protocol/frames.ts';

/** What a fan of the crowd tells its process; one object for all of them. */
export interface CrowdEvents {
  tick(fan: CrowdFan, tick: number, span: number, flags: number, closeAtMs: number): void;
  welcome(epoch: string): void;
  repair(kind: string): void;
  bytes(count: number): void;
  /** The connection is over, or the handshake was refused. */
  end(fan: CrowdFan, isRefused: boolean): void;
}

/** All fans of a process read into one buffer: each read is handled before the next one begins. */
const SHARED = Buffer.alloc(256 * 1024);
const OPCODE = { text: 1, binary: 2, close: 8, ping: 9 } as const;
const END_OF_HEAD = Buffer.from('\r\n\r\n');

/**
 * A fan on a bare TCP socket that only checks the heads of frames: thousands of them share a machine with the edge
 * that they load. Reads frames unfragmented and uncompressed, as the edge sends them (RFC 6455, section 5).
 */
export class CrowdFan {
  readonly id: number;
  readonly #events: CrowdEvents;
  #socket: Socket | undefined;
  #isUpgraded = false;
  /** Begin of a message whose end has not come. */
  #rest: Buffer | undefined;
  /** −1 until the first tick has come. */
  tick = -1;
  seq = 0;
  /** As the last welcome said. */
  windowMs = 1000;
  /** What the fan waits for since {@link awaitsSinceMs}: to be whole again after a cut or a freeze. */
  awaits: 'recovery' | 'thaw' | undefined;
  awaitsSinceMs = 0;
  /** Tick frames of the measured span. */
  frames = 0;
  /** Its ticks are counted: nothing was done to it on purpose. */
  isUndisturbed = true;

  constructor(id: number, events: CrowdEvents) {
    this.id = id;
    this.#events = events;
  }

  get isUpgraded(): boolean {
    return this.#isUpgraded;
  }

  /** @param from Own address; empty lets the system choose. */
  connect(host: string, port: number, from: string, path: string): void {
    const socket = connect({
      host,
      port,
      ...(from === '' ? {} : { localAddress: from }),
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
    this.#events.end(this, isRefused);
  }

  /** Ends the connection without a goodbye, as a dead network would. */
  cut(nowMs: number): void {
    this.#await('recovery', nowMs);
    this.#socket?.destroy();
  }

  /** Reads nothing any more. */
  freeze(): void {
    this.isUndisturbed = false;
    this.#socket?.pause();
  }

  thaw(nowMs: number): void {
    this.#await('thaw', nowMs);
    this.#socket?.resume();
  }

  #await(what: 'recovery' | 'thaw', nowMs: number): void {
    this.awaits = what;
    this.awaitsSinceMs = nowMs;
    this.isUndisturbed = false;
  }

  #take(chunk: Buffer): void {
    this.#events.bytes(chunk.length);
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
    if (this.#isUpgraded) return true;
    const socket = this.#socket!;
    this.#end(socket, true);
    socket.destroy();
    return false;
  }

  /** Handles all whole messages. @returns how many bytes they took. */
  #frames(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= 2) {
      const short = bytes[at + 1]! & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length - at < head) break;
      const length =
        short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      if (bytes.length - at < head + length) break;
      this.#message(bytes, bytes[at]! & 15, at + head, length);
      at += head + length;
    }
    return at;
  }

  #message(bytes: Buffer, opcode: number, at: number, length: number): void {
    if (opcode === OPCODE.binary && bytes[at] === FRAME.tick) {
      const flags = bytes[at + 1]!;
      const tick = bytes.readUInt32LE(at + 2);
      this.seq = bytes.readUIntLE(at + 12, 6);
      const span = readVarint(bytes, at + FRAME_HEAD_BYTES);
      this.#events.tick(this, tick, span, flags, bytes.readUIntLE(at + 6, 6));
      this.tick = tick;
    } else if (opcode === OPCODE.text) {
      this.#say(JSON.parse(bytes.toString('utf8', at, at + length)) as EdgeMessage);
    } else if (opcode === OPCODE.ping) {
      // The mask of zeros is a valid mask, and costs nothing.
      this.#socket?.write(
        Buffer.concat([Buffer.from([0x8a, 0x80 | length, 0, 0, 0, 0]), bytes.subarray(at, at + length)]),
      );
    } else if (opcode === OPCODE.close) {
      this.#socket?.destroy();
    }
  }

  #say(message: EdgeMessage): void {
    if (message.type === 'welcome') {
      this.windowMs = message.reconnectWindowMs;
      this.#events.welcome(message.epoch);
    }
    if (message.type === 'repair') this.#events.repair(message.kind);
  }
}

function readVarint(bytes: Buffer, at: number): number {
  let value = 0;
  let shift = 0;
  for (let index = at; index < bytes.length; index++) {
    const byte = bytes[index]!;
    value |= (byte & 127) << shift;
    if (byte < 128) break;
    shift += 7;
  }
  return value;
}

export const isSnapshot = (flags: number): boolean => (flags & FRAME_FLAG.snapshot) !== 0;
