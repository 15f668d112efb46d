import { FleetLedger } from '../fanout/fleet-ledger.ts';
import type { MetricValues } from '../fanout/prometheus.ts';
import { sharedFor } from '../fanout/shared-for.ts';
import { type Supervised, superviseService } from './child.ts';
import { COLLECT_WITHIN_MS, Questions, type ToParent, type ToWorker, WORKER_NAME } from './fleet-link.ts';
import { type Patience, tellReady, untilAskedToEnd } from './lifetime.ts';
import type { Log } from './log.ts';

/** However many workers are scraped at once, their numbers are gathered once. */
const GATHER_EVERY_MS = 500;

interface FleetOptions {
  readonly workers: number;
  /** A worker is called `<name>-<n>`. */
  readonly name: string;
  /** Words behind `slipstream`, the same for all workers. */
  readonly args: readonly string[];
  /** What the workers take to leave. */
  readonly drainMs: number;
  readonly log: Log;
}

interface Worker {
  readonly number: number;
  readonly service: Supervised;
}

/** Processes that share one port: starts them, starts them again, and lets them speak as one. */
class EdgeFleet {
  readonly #log: Log;
  readonly #workers: readonly Worker[];
  readonly #alive = new Set<number>();
  readonly #ledger = new FleetLedger();
  readonly #answers = new Questions<MetricValues[]>();
  #deaths = 0;

  constructor({ workers, name, args, log }: FleetOptions) {
    this.#log = log;
    this.#workers = Array.from({ length: workers }, (_, n) => this.#start(n + 1, `${name}-${n + 1}`, args));
  }

  #start(number: number, name: string, args: readonly string[]): Worker {
    const service = superviseService(`worker ${name}`, args, (sentence) => this.#log('warn', sentence), {
      env: { [WORKER_NAME]: name },
      isPatient: true,
      onReady: () => {
        this.#alive.add(number);
        this.#tellCount();
      },
      onMessage: (message) => void this.#hear(number, message as ToParent),
      onDeath: () => {
        this.#deaths++;
        this.#alive.delete(number);
        this.#ledger.bury(number);
        this.#tellCount();
      },
    });
    return { number, service };
  }

  get ready(): Promise<unknown> {
    return Promise.all(this.#workers.map(({ service }) => service.ready));
  }

  #tell({ service }: Worker, message: ToWorker): void {
    service.send(message);
  }

  #tellCount(): void {
    const count = { asked: this.#workers.length, alive: this.#alive.size };
    for (const worker of this.#workers) this.#tell(worker, { type: 'count', count });
  }

  async #hear(number: number, message: ToParent): Promise<void> {
    // What a process said last can come after its end.
    if (!this.#alive.has(number)) return;
    if (message.type === 'values') {
      this.#ledger.note(number, message.values);
      this.#answers.answer(message.id, message.values);
      return;
    }
    const text = await this.#gather();
    this.#tell(this.#workers[number - 1]!, { type: 'text', id: message.id, text });
  }

  readonly #gather = sharedFor(GATHER_EVERY_MS, async () => {
    const answered = new Set<number>();
    const collect = async (worker: Worker) => {
      const ask = (id: number) => this.#tell(worker, { type: 'collect', id });
      if (await this.#answers.ask(ask, COLLECT_WITHIN_MS)) answered.add(worker.number);
    };
    await Promise.all(this.#workers.filter(({ number }) => this.#alive.has(number)).map(collect));
    const standing = { asked: this.#workers.length, alive: this.#alive.size, deaths: this.#deaths };
    return this.#ledger.text(answered, standing);
  });

  /** All at once: the fans of one must not go to another that leaves next. */
  async stop(patience: Patience): Promise<void> {
    await Promise.all(this.#workers.map(({ service }) => service.stop(patience)));
  }
}

/** Runs workers until this process is asked to end; gives the exit code. */
export async function runFleet(options: FleetOptions): Promise<number> {
  const patience: Patience = { ms: options.drainMs, isOver: new AbortController() };
  const asked = untilAskedToEnd(undefined, patience);
  const fleet = new EdgeFleet(options);
  try {
    const ready = fleet.ready.then(() => {
      options.log('info', `All ${options.workers} workers serve.`);
      tellReady();
      return asked;
    });
    options.log('info', `Ending: ${await Promise.race([asked, ready])}.`);
    return 0;
  } finally {
    await fleet.stop(patience);
  }
}
