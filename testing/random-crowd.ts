import { LightSocket } from '../bench/light-socket.ts';
import { createRandom } from '../ingest/simulator/random.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import type { WatchRequest } from '../web/client/mod.ts';
import { type Oracle, OracleFan } from './oracle-fan.ts';

export interface CrowdOptions {
  readonly oracle: Oracle;
  readonly catalogue: Catalogue;
  readonly urls: readonly string[];
  readonly race: string;
  /** Cars to choose from; some may not be in the field. */
  readonly cars: readonly string[];
  readonly fans: number;
  readonly seed: number;
}

const MAX_CARS_PER_FAN = 6;
/** Chance per fan and turn. */
const CHANGE = 0.08;
const CUT = 0.03;

/** Fans who choose at random, change their minds, and lose their sockets, each in its own repeatable way. */
export class RandomCrowd {
  readonly fans: OracleFan[] = [];
  readonly #options: CrowdOptions;
  readonly #sockets = new Map<number, { destroy(): void }>();
  readonly #random: () => number;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#random = createRandom(options.seed).next;
    for (let n = 0; n < options.fans; n++) this.fans.push(this.#createFan(n));
  }

  #createFan(n: number): OracleFan {
    const { oracle, urls, race } = this.#options;
    const first = n % urls.length;
    return new OracleFan(oracle, {
      url: [...urls.slice(first), ...urls.slice(0, first)],
      race,
      history: n % 2 === 0 ? 'all' : 'latest',
      watch: this.#choose(),
      WebSocket: this.#socketClass(n),
      random: this.#random,
    });
  }

  /** Every second fan has the built-in socket, the others one that can be cut without a goodbye. */
  #socketClass(n: number): typeof WebSocket {
    const sockets = this.#sockets;
    if (n % 4 < 2) {
      return class extends WebSocket {
        constructor(url: string | URL) {
          super(url);
          sockets.set(n, { destroy: () => this.close() });
        }
      };
    }
    const Cut = class extends LightSocket {
      constructor(url: string | URL) {
        super(url);
        sockets.set(n, this);
      }
    };
    return Cut as unknown as typeof WebSocket;
  }

  #choose(): WatchRequest[] {
    const { cars, catalogue } = this.#options;
    const count = Math.floor(this.#random() * (MAX_CARS_PER_FAN + 1));
    const chosen = new Set<string>();
    while (chosen.size < count) chosen.add(cars[Math.floor(this.#random() * cars.length)]!);
    return [...chosen].map((car) => ({
      car,
      view: catalogue.views[Math.floor(this.#random() * catalogue.views.length)]!.name,
    }));
  }

  /** One turn: every fan may change its choice or lose its socket. */
  stir(): void {
    this.fans.forEach((fan, n) => {
      const dice = this.#random();
      if (dice < CHANGE) fan.race.watch(this.#choose());
      else if (dice < CHANGE + CUT) {
        fan.report.cuts++;
        this.#sockets.get(n)?.destroy();
      }
    });
  }

  close(): void {
    for (const fan of this.fans) fan.race.close();
  }
}
