import { type ClientMessage, formatHello, formatQuery } from '../../protocol/control.ts';
import { BROKEN, type Link, type LinkListener, type LinkTarget } from './link.ts';

const OPEN = 1;
/** Longest query of an address; the head of a request has room for about 4 KB on its way, cookies included. */
const MAX_QUERY = 2000;

/** Address of the WebSockets of a race. */
function addressOf({ base, race }: Pick<LinkTarget, 'base' | 'race'>): URL {
  const url = new URL(`races/${encodeURIComponent(race)}/live`, base);
  url.protocol = url.protocol.replace('http', 'ws');
  return url;
}

/**
 * Whether a message gets to an edge over a WebSocket and its answer back. The edge learns of no choice, and the socket is
 * closed in any case.
 */
export function passesWebSocket(
  Socket: typeof WebSocket,
  place: Pick<LinkTarget, 'base' | 'race'>,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Socket(addressOf(place).href);
    let isOver = false;
    const end = (passes: boolean) => {
      // To close a socket that is not open yet is an error, of which this is told before `close` returns.
      if (isOver) return;
      isOver = true;
      resolve(passes);
      socket.close();
    };
    socket.onopen = () => socket.send(JSON.stringify({ type: 'ping', id: 1 } satisfies ClientMessage));
    socket.onmessage = () => end(true);
    socket.onerror = () => end(false);
    socket.onclose = () => end(false);
    signal.addEventListener('abort', () => end(false));
  });
}

/** A link over a WebSocket. The hello stands in the address, or is said first where it is too long for one. */
export class WebSocketLink implements Link {
  readonly hasUplink = true;
  readonly #socket: WebSocket;
  #listener: LinkListener | undefined;

  constructor(Socket: typeof WebSocket, target: LinkTarget, listener: LinkListener) {
    this.#listener = listener;
    const { hello } = target;
    const url = addressOf(target);
    url.search = formatQuery(hello);
    const isTooLong = url.search.length > MAX_QUERY;
    if (isTooLong) url.search = '';
    this.#socket = new Socket(url.href);
    if (isTooLong) this.#socket.onopen = () => this.#socket.send(formatHello(hello));
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

  send(message: ClientMessage): boolean {
    if (this.#socket.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  drop(): void {
    this.#listener = undefined;
    this.#socket.close();
  }
}
