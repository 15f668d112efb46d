import { type Fan, type FanSink, SENT } from '../../fanout/fan.ts';
import { receiveMessage, receiveQuery } from '../../fanout/fan-messages.ts';
import type { FakeEdge } from '../../fanout/testing/fake-world.ts';
import { CLOSE, type CloseReason } from '../../protocol/codes.ts';

const OPEN = 1;
const CLOSED = 3;

/** A connection of a fan to an edge. */
export interface Wire {
  readonly edge: FakeEdge;
  /** Delivers so many messages of what the edge has sent. */
  read(count: number): void;
  /** Ends, as when the process on the other side dies. */
  break(): void;
}

/** What a test does to the connections of one fan. */
export class MemoryNet {
  readonly edges: FakeEdge[];
  readonly #wires = new Set<Wire>();
  /** What the edge sends waits to be read. */
  isFrozen = false;
  /** Nothing gets through, and nobody is told. */
  isDark = false;
  /** What something in between does with WebSockets: lets them through, refuses them, or lets them open and nothing more. */
  webSockets: 'pass' | 'refused' | 'mute' = 'pass';
  /** Something in between lets no stream of events through. */
  noStreams = false;

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

  add(wire: Wire): void {
    this.#wires.add(wire);
  }

  forget(wire: Wire): void {
    this.#wires.delete(wire);
  }

  /** Breaks the connections, as when the process on the other side dies. @param edge Only those to it. */
  cut(edge?: FakeEdge): void {
    for (const wire of this.#wires) if (!edge || wire.edge === edge) wire.break();
  }

  freeze(): void {
    this.isFrozen = true;
  }

  /** Reads what waits. @param count Messages. */
  thaw(count = Number.POSITIVE_INFINITY): void {
    this.isFrozen = count !== Number.POSITIVE_INFINITY;
    for (const wire of this.#wires) wire.read(count);
  }
}

/** A WebSocket to an edge without sockets: the part of the interface that the SDK uses, over the memory of the process. */
class MemorySocket implements Wire {
  binaryType = '';
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly #net: MemoryNet;
  readonly edge: FakeEdge;
  #fan: Fan | undefined;
  #waiting: (string | Uint8Array)[] = [];
  /** What the client said and nobody has heard: a network that stalls delivers it later. */
  readonly #said: string[] = [];
  #ending: CloseReason | undefined;
  #isScheduled = false;
  /** The edge is told when it may send again. */
  #isFull = false;

  constructor(net: MemoryNet, url: URL) {
    this.#net = net;
    this.edge = net.edges[Number(url.hostname.slice('edge-'.length))]!;
    net.add(this);
    setTimeout(() => this.#open(url.search.slice(1)), 1);
  }

  #open(query: string): void {
    if (this.readyState !== 0 || this.#net.isDark) return;
    if (this.#net.webSockets === 'refused') {
      this.break();
      return;
    }
    this.readyState = OPEN;
    this.onopen?.();
    if (this.#net.webSockets === 'mute') return;
    const { fans, world } = this.edge;
    const fan = fans.add(this.#sink, world.nowMs);
    this.#fan = fan;
    fans.guard(fan, () => receiveQuery(fans, fan, query, world.nowMs));
    this.edge.settle();
  }

  /** The side of the edge. */
  readonly #sink: FanSink = {
    transport: 'websocket',
    sendText: (text) => this.#hand(text),
    sendFrame: (frame) => this.#hand(frame.slice()),
    sendFrames: (frames, last) => {
      for (const frame of [...frames, last]) this.#hand(frame.slice());
    },
    direct: {
      send: (frame) => {
        this.#hand(frame.slice());
        return this.#bufferedBytes() === 0 ? SENT : 0;
      },
    },
    noted: () => {},
    bufferedBytes: () => this.#bufferedBytes(),
    batch: (send) => send(),
    // What was sent before is read first, as on a real socket.
    close: (reason) => {
      this.#fan = undefined;
      this.#ending = reason;
      if (reason === 'timeout') this.#waiting = [];
      this.#schedule();
    },
  };

  #hand(message: string | Uint8Array): void {
    if (this.readyState !== OPEN) return;
    this.#waiting.push(message);
    if (this.#bufferedBytes() > 0) this.#isFull = true;
    this.#schedule();
  }

  /** What is on its way was taken, as by an operating system; what does not get away was not. */
  #bufferedBytes(): number {
    const isStuck = this.#net.isFrozen || this.#net.isDark;
    return isStuck ? this.#waiting.reduce((sum, message) => sum + message.length, 0) : 0;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#net.isFrozen || this.#net.isDark) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.read(Number.POSITIVE_INFINITY);
    }, 1);
  }

  read(count: number): void {
    if (this.#net.isDark) return;
    this.#hear();
    for (let n = 0; n < count && this.#waiting.length > 0; n++) {
      const message = this.#waiting.shift()!;
      this.onmessage?.({ data: typeof message === 'string' ? message : message.buffer });
    }
    if (this.#waiting.length > 0) return;
    if (this.#ending) this.#finish(CLOSE[this.#ending], this.#ending);
    else if (this.#fan && this.#isFull) {
      this.#isFull = false;
      const { fans, world } = this.edge;
      fans.flush(this.#fan, world.nowMs);
      this.edge.settle();
    }
  }

  #finish(code: number, reason: string): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.#net.forget(this);
    if (this.#fan) this.edge.fans.remove(this.#fan);
    this.#fan = undefined;
    this.#waiting = [];
    this.onclose?.({ code, reason });
  }

  break(): void {
    this.#finish(1006, '');
  }

  send(text: string): void {
    if (this.readyState !== OPEN) return;
    this.#said.push(text);
    if (!this.#net.isDark) this.#hear();
  }

  #hear(): void {
    const { fans, world } = this.edge;
    for (const text of this.#said.splice(0)) {
      const fan = this.#fan;
      if (fan) fans.guard(fan, () => receiveMessage(fans, fan, new TextEncoder().encode(text), false, world.nowMs));
    }
    this.edge.settle();
  }

  close(): void {
    this.#finish(1000, '');
  }
}
