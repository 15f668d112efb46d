import { CLOSE, type CloseReason } from '../protocol/codes.ts';
import type { FanSink } from './fan.ts';

/** What is needed of a WebSocket of uWebSockets.js. Every call on a closed one throws. */
export interface Socket {
  /** 1 sent, 0 buffered, 2 dropped. */
  send(message: string | Uint8Array, isBinary: boolean, compress: boolean): number;
  getBufferedAmount(): number;
  cork(run: () => void): unknown;
  end(code: number, reason: string): void;
  close(): void;
}

const DROPPED = 2;

/** A fan's socket that may be gone at any moment. */
export class SocketSink implements FanSink {
  #socket: Socket | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The socket is closed: it may not be touched any more. */
  forget(): void {
    this.#socket = undefined;
  }

  #send(message: string | Uint8Array, isBinary: boolean): void {
    const socket = this.#socket;
    if (!socket || socket.send(message, isBinary, false) !== DROPPED) return;
    // Never in silence: whoever has lost a message loses the connection, and comes back with its position.
    this.forget();
    socket.close();
  }

  sendText(text: string): void {
    this.#send(text, false);
  }

  sendFrame(frame: Uint8Array): void {
    this.#send(frame, true);
  }

  bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  close(reason: CloseReason): void {
    const socket = this.#socket;
    if (!socket) return;
    this.forget();
    // Behind a full buffer a close frame would never arrive, and the buffer would be kept for it.
    if (socket.getBufferedAmount() > 0 && reason === 'timeout') socket.close();
    else socket.end(CLOSE[reason], reason);
  }

  batch(send: () => void): void {
    if (this.#socket) this.#socket.cork(send);
  }
}
