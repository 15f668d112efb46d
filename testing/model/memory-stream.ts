import { EventSink, type StreamResponse } from '../../fanout/event-sink.ts';
import { EventWriter } from '../../fanout/event-writer.ts';
import type { Fan } from '../../fanout/fan.ts';
import { limitsOf } from '../../fanout/fan-messages.ts';
import type { FakeEdge } from '../../fanout/testing/fake-world.ts';
import { parseQuery } from '../../protocol/control.ts';
import type { FetchAnswer, FetchInit } from '../../web/client/fetch.ts';
import type { MemoryNet } from './memory-net.ts';

/** What an operating system takes for a reader who does not read, in bytes. */
const SOCKET_BYTES = 4000;

/** A stream of events from an edge without sockets: the real writer on one side, the answer of a `fetch` on the other. */
export class MemoryStream {
  readonly edge: FakeEdge;
  readonly answer: Promise<FetchAnswer>;
  readonly #net: MemoryNet;
  readonly #query: string;
  readonly #sink: EventSink;
  #fan: Fan | undefined;
  /** Written and not read yet. */
  #waiting: string[] = [];
  /** The edge has said its last word. */
  #isEnded = false;
  /** For the client it is over. */
  #isClosed = false;
  #isScheduled = false;
  #reader!: ReadableStreamDefaultController<Uint8Array>;
  readonly #body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      this.#reader = controller;
    },
    cancel: () => this.#leave(),
  });
  readonly #settle: { resolve: (answer: FetchAnswer) => void; reject: (error: Error) => void };

  constructor(net: MemoryNet, edge: FakeEdge, query: string, { signal }: Pick<FetchInit, 'signal'>) {
    this.edge = edge;
    this.#net = net;
    this.#query = query;
    const { promise, resolve, reject } = Promise.withResolvers<FetchAnswer>();
    this.answer = promise;
    this.#settle = { resolve, reject };
    this.#sink = new EventSink(this.#response, new EventWriter(0.5), {}, () => {});
    net.add(this);
    signal.addEventListener('abort', () => this.break());
    setTimeout(() => this.#open(), 1);
  }

  #open(): void {
    if (this.#isClosed || this.#net.isDark) return;
    const { fans, world } = this.edge;
    const fan = fans.add(this.#sink, world.nowMs);
    this.#fan = fan;
    fans.guard(fan, () => fans.greet(fan, parseQuery(this.#query, limitsOf(fans, fan))!, world.nowMs));
    this.edge.settle();
  }

  /** The side of the edge. */
  get #response(): StreamResponse {
    const end = (text: string | Uint8Array) => {
      this.#isEnded = true;
      this.#write(String(text));
    };
    return {
      write: (text) => this.#write(text),
      end,
      tryEnd: (rest) => {
        end(rest);
        return [true, true];
      },
      cork: (run) => run(),
      close: () => this.break(),
      writeStatus: () => {},
      writeHeader: () => {},
      endWithoutBody: () => {},
      onAborted: () => {},
      onWritable: () => {},
      pause: () => {},
      resume: () => {},
    };
  }

  #write(text: string): boolean {
    this.#waiting.push(text);
    const headers = { get: () => 'text/event-stream' };
    this.#settle.resolve({ ok: true, status: 200, headers, body: this.#body, text: async () => '' });
    this.#schedule();
    return this.#waiting.reduce((sum, one) => sum + one.length, 0) <= SOCKET_BYTES;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#net.isFrozen || this.#net.isDark) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.read(Number.POSITIVE_INFINITY);
    }, 1);
  }

  /** The client reads so many pieces of what was written. */
  read(count: number): void {
    if (this.#net.isDark || this.#isClosed) return;
    for (let n = 0; n < count && this.#waiting.length > 0; n++)
      this.#reader.enqueue(new TextEncoder().encode(this.#waiting.shift()));
    if (this.#waiting.length > 0) return;
    if (this.#isEnded) {
      this.#leave();
      this.#reader.close();
      return;
    }
    this.#sink.drain();
    const { fans, world } = this.edge;
    if (this.#fan) fans.flush(this.#fan, world.nowMs);
    this.edge.settle();
  }

  /** Breaks it, as when the process on the other side dies. */
  break(): void {
    if (this.#isClosed) return;
    this.#leave();
    this.#settle.reject(new TypeError('The connection broke.'));
    this.#reader.error(new TypeError('The connection broke.'));
  }

  #leave(): void {
    this.#isClosed = true;
    this.#net.forget(this);
    this.#sink.abort();
    if (this.#fan) this.edge.fans.remove(this.#fan);
    this.#fan = undefined;
  }
}
