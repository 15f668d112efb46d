import type { FakeEdge } from '../../fanout/testing/fake-world.ts';
import type { FetchAnswer, FetchInit } from '../../web/client/fetch.ts';
import { MemorySocket } from './memory-socket.ts';
import { MemoryStream } from './memory-stream.ts';

/** One connection of a fan to an edge. */
interface MemoryConnection {
  readonly edge: FakeEdge;
  break(): void;
  read(count: number): void;
}

const textAnswer = (status: number, text: string): FetchAnswer => ({
  ...{ ok: status < 300, status },
  text: async () => text,
});

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** What a test does to the connections of one fan. */
export class MemoryNet {
  readonly edges: FakeEdge[];
  readonly #connections = new Set<MemoryConnection>();
  /** What something in between does with WebSockets: lets them through, refuses them, or lets them open and nothing more. */
  webSockets: 'pass' | 'refused' | 'mute' = 'pass';
  /** What the edge sends waits to be read. */
  isFrozen = false;
  /** Nothing gets through, and nobody is told. */
  isDark = false;

  constructor(edges: FakeEdge[]) {
    this.edges = edges;
  }

  /** A class that the SDK takes for WebSocket. */
  get WebSocket(): typeof WebSocket {
    const net = this;
    return class extends MemorySocket {
      constructor(url: string | URL) {
        super(net, new URL(url));
      }
    } as unknown as typeof WebSocket;
  }

  /** What the SDK takes for `fetch`. */
  readonly fetch = async (address: string, init: FetchInit): Promise<FetchAnswer> => {
    const { hostname, pathname, search } = new URL(address);
    const edge = this.edges[Number(hostname.slice('edge-'.length))]!;
    const leaf = pathname.slice(pathname.lastIndexOf('/') + 1);
    if (pathname.startsWith('/catalogue/')) return textAnswer(200, edge.world.catalogueOf(leaf).json);
    if (leaf === 'events') return new MemoryStream(this, edge, search.slice(1), init).answer;
    // The address of WebSockets, asked for plainly: the edge is there.
    if (this.isDark) return untilAborted(init.signal);
    return textAnswer(426, '');
  };

  add(connection: MemoryConnection): void {
    this.#connections.add(connection);
  }

  forget(connection: MemoryConnection): void {
    this.#connections.delete(connection);
  }

  /** Breaks the connections, as when the process on the other side dies. @param edge Only those to it. */
  cut(edge?: FakeEdge): void {
    for (const connection of this.#connections) if (!edge || connection.edge === edge) connection.break();
  }

  freeze(): void {
    this.isFrozen = true;
  }

  /** Reads what waits. @param count Messages. */
  thaw(count = Number.POSITIVE_INFINITY): void {
    this.isFrozen = count !== Number.POSITIVE_INFINITY;
    for (const connection of this.#connections) connection.read(count);
  }
}
