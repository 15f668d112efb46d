import { CLOSE, type CloseReason } from '../protocol/codes.ts';
import { type DirectSocket, type FanSink, SENT } from './fan.ts';

/** What is needed of a WebSocket of uWebSockets.js. Every call on a closed one throws. */
export interface Socket {
  /** {@link SENT}, 0 buffered, 2 dropped. */
  send(message: string | Uint8Array, isBinary: boolean, compress: boolean): number;
  getBufferedAmount(): number;
  cork(run: () => void): unknown;
  end(code: number, reason: string): void;
  close(): void;
}

const DROPPED = 2;

/** What {@link sendTogether} sends: a closure for every fan and tick would be litter. */
const together: { sink: FanSink | undefined; frames: readonly Uint8Array[]; last: Uint8Array } = {
  sink: undefined,
  frames: [],
  last: new Uint8Array(0),
};

function sendTogether(): void {
  const { sink, frames, last } = together;
  for (const frame of frames) sink!.sendFrame(frame);
  sink!.sendFrame(last);
}

/** A fan's socket that may be gone at any moment. */
export class SocketSink implements FanSink {
  readonly transport = 'websocket';
  #socket: Socket | undefined;
  /** Whether anything may wait in the socket: asking it costs as much as a good part of a send. */
  #mayWait = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The socket is closed: it may not be touched any more. */
  forget(): void {
    this.#socket = undefined;
  }

  #send(message: string | Uint8Array, isBinary: boolean): void {
    const socket = this.#socket;
    if (!socket) return;
    const sent = socket.send(message, isBinary, false);
    if (sent !== SENT) this.noted(sent);
  }

  get direct(): DirectSocket | undefined {
    return this.#socket;
  }

  noted(sent: number): void {
    const socket = this.#socket;
    this.#mayWait = true;
    if (sent !== DROPPED || !socket) return;
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

  sendFrames(frames: readonly Uint8Array[], last: Uint8Array): void {
    together.sink = this;
    together.frames = frames;
    together.last = last;
    this.batch(sendTogether);
  }

  bufferedBytes(): number {
    if (!this.#mayWait) return 0;
    const bytes = this.#socket?.getBufferedAmount() ?? 0;
    this.#mayWait = bytes > 0;
    return bytes;
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
    const socket = this.#socket;
    if (!socket) return;
    socket.cork(send);
    // What was corked is written at the end, and nothing tells whether all of it was taken.
    this.#mayWait = true;
  }
}
