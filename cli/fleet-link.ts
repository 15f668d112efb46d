import type { Edge } from '../fanout/edge.ts';
import type { Fleet, WorkerCount } from '../fanout/fleet.ts';
import type { MetricValues } from '../fanout/prometheus.ts';

/** Set for a worker by its parent: the name that it has in the welcome. */
export const WORKER_NAME = 'SLIPSTREAM_WORKER_NAME';

/** What the parent says to a worker. */
export type ToWorker =
  | { readonly type: 'count'; readonly count: WorkerCount }
  | { readonly type: 'collect'; readonly id: number }
  | { readonly type: 'text'; readonly id: number; readonly text: string };

/** What a worker says to its parent, once it has said that it is ready. */
export type ToParent =
  | { readonly type: 'values'; readonly id: number; readonly values: MetricValues[] }
  | { readonly type: 'scrape'; readonly id: number };

/** The parent waits for workers, and a worker for the parent that does. */
export const COLLECT_WITHIN_MS = 1000;
const SCRAPE_WITHIN_MS = 3 * COLLECT_WITHIN_MS;

/** Questions to another process, each with its answer or none. */
export class Questions<T> {
  readonly #open = new Map<number, (answer: T | undefined) => void>();
  #asked = 0;

  /** @returns the answer, `undefined` when there was none in time. */
  ask(send: (id: number) => void, withinMs: number): Promise<T | undefined> {
    const id = ++this.#asked;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(id, undefined), withinMs);
      this.#open.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      send(id);
    });
  }

  /** An answer that comes too late is none. */
  answer(id: number, answer: T | undefined): void {
    this.#open.get(id)?.(answer);
    this.#open.delete(id);
  }
}

/** The other workers, as one of them reaches them by way of the parent. */
export class FleetLink implements Fleet {
  readonly #texts = new Questions<string>();
  #count: WorkerCount;
  #edge: Pick<Edge, 'metrics'> | undefined;

  /** @param asked How many workers there are to be. */
  constructor(asked: number) {
    this.#count = { asked, alive: 1 };
    process.on('message', (message) => void this.#hear(message as ToWorker));
  }

  /** From now on the parent gets the numbers of this edge when it asks. */
  serve(edge: Pick<Edge, 'metrics'>): void {
    this.#edge = edge;
  }

  async #hear(message: ToWorker): Promise<void> {
    if (message.type === 'count') this.#count = message.count;
    else if (message.type === 'text') this.#texts.answer(message.id, message.text);
    else if (this.#edge) this.#say({ type: 'values', id: message.id, values: await this.#edge.metrics() });
  }

  #say(message: ToParent): void {
    // A parent that is gone is noticed elsewhere.
    process.send!(message, undefined, undefined, () => {});
  }

  readonly workers = (): WorkerCount => this.#count;

  readonly metrics = (): Promise<string | undefined> =>
    this.#texts.ask((id) => this.#say({ type: 'scrape', id }), SCRAPE_WITHIN_MS);
}
