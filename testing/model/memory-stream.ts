import { EventSink, type StreamResponse } from '../../fanout/event-sink.ts';
import { greetByStream } from '../../fanout/event-streams.ts';
import { EventWriter } from '../../fanout/event-writer.ts';
import type { Fan } from '../../fanout/fan.ts';
import type { FakeEdge } from '../../fanout/testing/fake-world.ts';
import { parseQuery } from '../../protocol/control.ts';
import type { Fetch, FetchAnswer } from '../../web/client/fetch.ts';
import { MemoryPoll } from './memory-poll.ts';
import type { MemoryNet, Wire } from './memory-socket.ts';

/** A `fetch` that opens streams of events and polls at the edges of a net, and tells that they are there; what else it is asked for, `other` has. */
export function fetchOf(net: MemoryNet, other: Fetch): Fetch {
  return (url, init) => {
    const { hostname, pathname, search } = new URL(url);
    const leaf = pathname.slice(pathname.lastIndexOf('/') + 1);
    if (!['live', 'events', 'poll', 'poll.base', 'healthz'].includes(leaf)) return other(url, init);
    const edge = net.edges[Number(hostname.slice('edge-'.length))]!;
    return new Promise((resolve, reject) => {
      init.signal.addEventListener('abort', () => reject(new Error('given up')));
      const answer = () => {
        if (init.signal.aborted || net.isDark) return;
        if (leaf === 'live') resolve({ ok: false, status: 426, text: async () => '' });
        else if (leaf === 'healthz') resolve({ ok: true, status: 200, text: async () => '' });
        else if (leaf === 'events' && net.noStreams) resolve({ ok: false, status: 502, text: async () => '' });
        else if (leaf !== 'events')
          new MemoryPoll(net, edge, leaf as 'poll', search, init.signal).answer.then(resolve, reject);
        else resolve(new MemoryStream(net, edge, search.slice(1), init.signal).answer);
      };
      setTimeout(answer, 1);
    });
  };
}

/** A stream of events of an edge without sockets: its own side is the real one, down to the response. */
class MemoryStream implements Wire {
  readonly answer: FetchAnswer;
  readonly edge: FakeEdge;
  readonly #net: MemoryNet;
  readonly #sink: EventSink;
  readonly #fan: Fan;
  #body!: ReadableStreamDefaultController<Uint8Array>;
  #waiting: string[] = [];
  #isScheduled = false;
  #hasEnded = false;
  #isOver = false;
  #status = 200;

  constructor(net: MemoryNet, edge: FakeEdge, query: string, signal: AbortSignal) {
    this.#net = net;
    this.edge = edge;
    net.add(this);
    const { fans, world } = edge;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#body = controller;
      },
      cancel: () => this.#leave(),
    });
    this.#sink = new EventSink(this.#response, new EventWriter(0.5), {}, () => {});
    this.#fan = fans.add(this.#sink, world.nowMs);
    fans.guard(this.#fan, () =>
      greetByStream(this.#sink, fans, this.#fan, (limits) => parseQuery(query, limits)!, world.nowMs),
    );
    edge.settle();
    signal.addEventListener('abort', () => this.break());
    const status = this.#status;
    const type = status === 200 ? 'text/event-stream' : 'application/json';
    this.answer = { ok: status === 200, status, headers: { get: () => type }, body, text: async () => '' };
  }

  /** As that of the library: it takes everything, and says when the operating system did not. */
  readonly #response: StreamResponse = {
    cork: (run) => run(),
    writeStatus: (status) => {
      this.#status = Number.parseInt(status, 10);
    },
    writeHeader: () => {},
    write: (text) => {
      this.#hand(text);
      return !this.#net.isFrozen && !this.#net.isDark;
    },
    end: (text) => {
      this.#hand(text as string);
      this.#hasEnded = true;
    },
    endWithoutBody: () => {},
    tryEnd: () => [true, true],
    close: () => this.break(),
    onAborted: () => {},
    onWritable: () => {},
    pause: () => {},
    resume: () => {},
  };

  #hand(text: string): void {
    this.#waiting.push(text);
    if (this.#isScheduled || this.#net.isFrozen || this.#net.isDark) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      if (!this.#net.isFrozen) this.read(Number.POSITIVE_INFINITY);
    }, 1);
  }

  read(count: number): void {
    if (this.#net.isDark || this.#isOver) return;
    for (let n = 0; n < count && this.#waiting.length > 0; n++)
      this.#body.enqueue(new TextEncoder().encode(this.#waiting.shift()!));
    if (this.#waiting.length > 0) return;
    if (this.#hasEnded) {
      this.#leave();
      this.#body.close();
      return;
    }
    const { fans, world } = this.edge;
    this.#sink.drain();
    fans.flush(this.#fan, world.nowMs);
    this.edge.settle();
  }

  #leave(): void {
    this.#isOver = true;
    this.#net.forget(this);
    this.#sink.abort();
    this.edge.fans.remove(this.#fan);
  }

  break(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#body.error(new TypeError('The connection is gone.'));
  }
}
