import type { Poll, PollRefusal } from '../../fanout/poll-room.ts';
import type { Reply } from '../../fanout/reply.ts';
import type { FakeEdge } from '../../fanout/testing/fake-world.ts';
import { readSince } from '../../protocol/control.ts';
import type { FetchAnswer, FetchInit } from '../../web/client/fetch.ts';
import type { MemoryNet } from './memory-net.ts';

/** A long poll at an edge without sockets: the real room on one side, the answer of a `fetch` on the other. */
export class MemoryPoll {
  readonly edge: FakeEdge;
  readonly answer: Promise<FetchAnswer>;
  readonly #net: MemoryNet;
  readonly #settle: { resolve: (answer: FetchAnswer) => void; reject: (error: Error) => void };
  #poll: Poll | undefined;
  /** What the edge has answered and the client has not read. */
  #outcome: Reply | PollRefusal | undefined;
  #isOver = false;

  constructor(
    net: MemoryNet,
    edge: FakeEdge,
    form: 'binary' | 'base',
    query: string,
    { signal }: Pick<FetchInit, 'signal'>,
  ) {
    this.edge = edge;
    this.#net = net;
    const { promise, resolve, reject } = Promise.withResolvers<FetchAnswer>();
    this.answer = promise;
    this.#settle = { resolve, reject };
    net.add(this);
    signal.addEventListener('abort', () => this.break());
    setTimeout(() => this.#ask(form, readSince(new URLSearchParams(query).get('since'))), 1);
  }

  #ask(form: 'binary' | 'base', since: Poll['since']): void {
    const { polls, pollAnswers, world } = this.edge;
    if (this.#isOver || this.#net.isDark) return;
    const give = (outcome: Reply | PollRefusal) => {
      this.#outcome = outcome;
      setTimeout(() => this.#deliver(), 1);
    };
    this.#poll = polls.ask(since, pollAnswers[form], give, world.nowMs);
    this.edge.settle();
  }

  #deliver(): void {
    if (!this.#net.isFrozen) this.read(1);
  }

  /** The client reads what was answered, if anything was. */
  read(count: number): void {
    const outcome = this.#outcome;
    if (count === 0 || outcome === undefined || this.#isOver || this.#net.isDark) return;
    this.#leave();
    const refused = typeof outcome === 'string';
    const bytes = refused ? new TextEncoder().encode(JSON.stringify({ error: outcome })) : (outcome.body as Uint8Array);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes);
        controller.close();
      },
    });
    this.#settle.resolve({ ok: !refused, status: refused ? 503 : 200, body, text: async () => '' });
  }

  /** Breaks it, as when the process on the other side dies. */
  break(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#settle.reject(new TypeError('The connection broke.'));
  }

  #leave(): void {
    this.#isOver = true;
    this.#net.forget(this);
    if (this.#poll) this.edge.polls.forget(this.#poll);
  }
}
