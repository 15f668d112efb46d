import type { ClientMessage } from '../../protocol/control.ts';

/** Gets what comes over one socket. After {@link Link.drop} nothing is called any more. */
export interface LinkListener {
  /** In the order of arrival. A frame is the listener's to keep. */
  readonly onMessage: (message: string | Uint8Array) => void;
  /** @param code Close code; 1006 when the connection broke or could not be made. */
  readonly onLost: (code: number, reason: string) => void;
}

const OPEN = 1;
/** Close code of a connection that ended without one. */
const BROKEN = 1006;

/** One try at one WebSocket: made, used, dropped, never used again. */
export class Link {
  readonly #socket: WebSocket;
  #listener: LinkListener | undefined;

  /** @param greeting Said as soon as the socket is open. */
  constructor(Socket: typeof WebSocket, url: string, greeting: string | undefined, listener: LinkListener) {
    this.#listener = listener;
    this.#socket = new Socket(url);
    if (greeting !== undefined) this.#socket.onopen = () => this.#socket.send(greeting);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onmessage = ({ data }) => {
      this.#listener?.onMessage(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer));
    };
    const end = (code: number, reason: string) => {
      const told = this.#listener;
      this.#listener = undefined;
      told?.onLost(code, reason);
    };
    // Browsers let a close follow an error. Node 22 does not, when the connection could not be made.
    this.#socket.onerror = () => end(BROKEN, '');
    this.#socket.onclose = ({ code, reason }) => end(code, reason);
  }

  /** @returns Whether the socket took it. */
  send(message: ClientMessage): boolean {
    if (this.#socket.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Lets go at once: a peer that is gone may take minutes to be noticed by the socket itself. */
  drop(): void {
    this.#listener = undefined;
    this.#socket.close();
  }
}
