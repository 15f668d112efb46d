import { CLOSE } from '../../protocol/codes.ts';
import type { ClientMessage } from '../../protocol/control.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { decodePollAnswer, type PollHead } from '../../protocol/poll-answer.ts';
import { formatPosition } from '../../protocol/position.ts';
import { loadCatalogue } from './catalogue-store.ts';
import type { Fetch } from './fetch.ts';
import { type Ending, readRefusal } from './http-refusal.ts';
import { BROKEN, type Link, type LinkListener, type LinkTarget } from './link.ts';
import { isRefusal, LocalEdge } from './local-edge.ts';
import { readAll } from './read-all.ts';

/** After an answer without ticks a cache may have the same one for so long. */
const PAUSE_MS = 1000;
/** An answer has 1 MiB, and one tick, a document or a snapshot may be larger. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** Answers in a row that did not fit, before the link is given up. */
const MAX_MISFITS = 2;

/** A link by long polls: each request waits for what follows the last answer. What is chosen is picked out here. */
export class PollLink implements Link {
  readonly hasUplink = true;
  readonly #fetch: Fetch;
  readonly #target: LinkTarget;
  readonly #abort = new AbortController();
  readonly #edge: LocalEdge;
  #listener: LinkListener | undefined;
  /** Ends one request, so that another one can be made at once. */
  #request = new AbortController();

  constructor(fetch: Fetch, target: LinkTarget, listener: LinkListener) {
    this.#fetch = fetch;
    this.#target = target;
    this.#listener = listener;
    this.#edge = new LocalEdge(target.hello, (message) => this.#listener?.onMessage(message), Date.now);
    void this.#run().catch((error) => {
      const isKnown = error instanceof ProtocolError;
      this.#end(isRefusal(error) ? CLOSE.bad_message : BROKEN, isKnown ? error.message : '');
    });
  }

  async #run(): Promise<void> {
    const { since } = this.#target.hello;
    let at = since === 'garbled' ? since : since && formatPosition(since);
    for (let misfits = 0; this.#listener; ) {
      const isAnew = this.#edge.needsSnapshot;
      const isFirst = !this.#edge.isOpen;
      const answer = await this.#ask(isAnew ? undefined : at);
      if (!answer) continue;
      if ('code' in answer) return this.#end(answer.code, answer.reason);
      const { head, records } = decodePollAnswer(answer);
      if (head.kind === 'deltas' && head.from !== at)
        throw new ProtocolError('bad_answer', `The answer goes on from ${head.from}, but ${at} was asked for.`);
      const { signal } = this.#abort;
      const catalogue = await loadCatalogue(head.catalogue, this.#target.base.href, this.#fetch, signal);
      // What was asked for before the client wanted everything anew is no answer to that.
      if (!this.#listener || (!isAnew && this.#edge.needsSnapshot)) continue;
      try {
        this.#edge.take(head, records, catalogue);
        misfits = 0;
      } catch (error) {
        if (!this.#edge.isOpen || isRefusal(error) || !(error instanceof ProtocolError)) throw error;
        if (++misfits >= MAX_MISFITS) throw error;
        this.#edge.distrust();
        continue;
      }
      const isEmpty = !isFirst && this.#isEmpty(head, at);
      at = head.to;
      if (isEmpty) await this.#pause();
    }
  }

  /** Nothing has come for as long as a request may wait: the client hears that the edge is there. */
  #isEmpty({ kind, ticks, to }: PollHead, at: string | undefined): boolean {
    const isEmpty = kind === 'deltas' && ticks === 0 && to === at;
    if (isEmpty) this.#listener?.onMessage(JSON.stringify({ type: 'pong', id: 0 }));
    return isEmpty;
  }

  /** @returns `undefined` when another question is to be asked. */
  async #ask(since: string | undefined): Promise<Uint8Array | Ending | undefined> {
    this.#request = new AbortController();
    const { signal } = this.#request;
    try {
      const answer = await this.#fetch(this.#address(since), { signal });
      return await (answer.ok
        ? readAll(answer, MAX_ANSWER_BYTES, 'an answer to a poll')
        : readRefusal(answer, 'there is no answer to a poll'));
    } catch (error) {
      if (signal.aborted && this.#listener) return undefined;
      throw error;
    }
  }

  /** The first time the field is needed as it was; with nothing to go on from, as it is. */
  #address(since: string | undefined): string {
    const { base, race } = this.#target;
    const isFirst = !this.#edge.isOpen;
    const path = `races/${encodeURIComponent(race)}/poll${isFirst && since !== undefined ? '.base' : ''}`;
    return new URL(path + (since === undefined ? '' : `?since=${since}`), base).href;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#request;
      const timer = setTimeout(done, PAUSE_MS);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
    });
  }

  send(message: ClientMessage): boolean {
    if (!this.#listener || !this.#edge.isOpen) return false;
    if (message.type === 'ping') void this.#probe(message.id);
    else if (message.type === 'watch' || message.type === 'rate' || message.type === 'resync') {
      // Answers come later, as over any link.
      queueMicrotask(() => this.#receive(message));
    } else return false;
    return true;
  }

  #receive(message: Parameters<LocalEdge['receive']>[0]): void {
    if (!this.#listener) return;
    try {
      this.#edge.receive(message);
    } catch (error) {
      this.#end(BROKEN, error instanceof Error ? error.message : '');
    }
    if (this.#edge.needsSnapshot) this.#request.abort();
  }

  /**
   * Asks whether the edge is there, past every cache. The answer may have come over another connection than that of the
   * poll, which may be dead: that is asked anew.
   */
  async #probe(id: number): Promise<void> {
    try {
      const url = new URL('healthz', this.#target.base).href;
      const { ok } = await this.#fetch(url, { signal: this.#abort.signal, cache: 'no-store' });
      if (!ok || !this.#listener) return;
      this.#request.abort();
      this.#listener.onMessage(JSON.stringify({ type: 'pong', id }));
    } catch (error) {
      this.#end(BROKEN, error instanceof Error ? error.message : '');
    }
  }

  #end(code: number, reason: string): void {
    const told = this.#listener;
    this.drop();
    told?.onLost(code, reason);
  }

  drop(): void {
    this.#listener = undefined;
    this.#abort.abort();
    this.#request.abort();
  }
}
