import { DEFAULT_LIMITS } from '../../fanout/limits.ts';
import { PollAnswers } from '../../fanout/poll-answers.ts';
import { BASE_FORM, BINARY_FORM } from '../../fanout/poll-forms.ts';
import { type Poll, type PollRefusal, PollRoom } from '../../fanout/poll-room.ts';
import type { Reply } from '../../fanout/reply.ts';
import type { FakeEdge } from '../../fanout/testing/fake-world.ts';
import { readSince } from '../../protocol/control.ts';
import type { FetchAnswer } from '../../web/client/fetch.ts';
import type { MemoryNet, Wire } from './memory-socket.ts';

const TICK_MS = 500;

/** The room for long polls of an edge in memory, with all forms of answers that programs ask for. */
class Desk {
  readonly room: PollRoom;
  readonly answers = {
    poll: new PollAnswers('oval', TICK_MS, BINARY_FORM),
    'poll.base': new PollAnswers('oval', TICK_MS, BASE_FORM),
  };

  constructor({ fans }: FakeEdge) {
    this.room = new PollRoom({
      limits: DEFAULT_LIMITS,
      known: () => fans.delivery,
      standstill: fans.standstill,
      mayWait: () => true,
      report: (_, error) => {
        throw error;
      },
    });
  }
}

const DESKS = new WeakMap<FakeEdge, Desk>();

function deskOf(edge: FakeEdge): Desk {
  const desk = DESKS.get(edge) ?? new Desk(edge);
  DESKS.set(edge, desk);
  return desk;
}

/** Answers what waits at an edge and can be answered. @returns whether anything was answered. */
export function servePolls(edge: FakeEdge, nowMs: number): boolean {
  const { room } = deskOf(edge);
  const waiting = room.size;
  if (room.sweep()) while (room.serve(nowMs, 2));
  return room.size < waiting;
}

/** One long poll to an edge without sockets. */
export class MemoryPoll implements Wire {
  readonly edge: FakeEdge;
  readonly answer: Promise<FetchAnswer>;
  readonly #net: MemoryNet;
  readonly #settle: { resolve: (answer: FetchAnswer) => void; reject: (error: Error) => void };
  readonly #poll: Poll;
  #outcome: Reply | PollRefusal | undefined;

  constructor(net: MemoryNet, edge: FakeEdge, form: keyof Desk['answers'], search: string, signal: AbortSignal) {
    this.edge = edge;
    this.#net = net;
    const { promise, resolve, reject } = Promise.withResolvers<FetchAnswer>();
    this.answer = promise;
    this.#settle = { resolve, reject };
    net.add(this);
    signal.addEventListener('abort', () => this.break());
    const { room, answers } = deskOf(edge);
    const since = readSince(new URLSearchParams(search).get('since'));
    this.#poll = room.ask(since, answers[form], (outcome) => this.#hand(outcome), edge.world.nowMs);
    edge.settle();
  }

  #hand(outcome: Reply | PollRefusal): void {
    this.#outcome = outcome;
    if (!this.#net.isFrozen) setTimeout(() => this.read(1), 1);
  }

  read(count: number): void {
    if (count === 0 || this.#outcome === undefined || this.#net.isDark) return;
    this.#net.forget(this);
    const outcome = this.#outcome;
    const isGiven = typeof outcome !== 'string';
    const { body } = new Response(isGiven ? Uint8Array.from(outcome.body as Uint8Array) : '{}');
    this.#settle.resolve({ ok: isGiven, status: isGiven ? 200 : 503, body, text: async () => '' });
  }

  break(): void {
    this.#net.forget(this);
    deskOf(this.edge).room.forget(this.#poll);
    this.#settle.reject(new TypeError('The connection is gone.'));
  }
}
