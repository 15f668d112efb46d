import { LightSocket } from '../bench/light-socket.ts';
import { createRandom } from '../ingest/simulator/random.ts';
import type { Catalogue } from '../protocol/catalogue.ts';
import { RATES, type Wish } from '../protocol/control.ts';
import type { ConnectOptions } from '../web/client/mod.ts';
import { OracleFan, type Truth } from './oracle-fan.ts';

export interface CrowdOptions {
  readonly oracle: Truth;
  readonly catalogue: Catalogue;
  readonly urls: readonly string[];
  readonly race: string;
  /** Cars to choose from; some may not be in the field. */
  readonly cars: readonly string[];
  readonly fans: number;
  readonly seed: number;
  /** Ways to the edges. @defaultValue all, as the SDK has them */
  readonly transports?: ConnectOptions['transports'];
}

const MAX_CARS_PER_FAN = 6;
/** Chance per fan and turn. */
const CHANGE = 0.08;
const CUT = 0.03;
const PACE = 0.02;
/** Every fan with a number that this divides asks for fewer ticks now and then. */
const PACED_EVERY = 3;
/** Chance that a car is wanted in channels that the fan lists itself. */
const OWN = 0.3;
const MAX_CHANNELS = 8;

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
    const { oracle, urls, race, transports } = this.#options;
    const first = n % urls.length;
    return new OracleFan(oracle, {
      url: [...urls.slice(first), ...urls.slice(0, first)],
      race,
      history: n % 2 === 0 ? 'all' : 'latest',
      ...this.#choose(),
      rate: n % PACED_EVERY === 0 ? this.#pick(RATES) : 2,
      WebSocket: this.#socketClass(n),
      fetch: this.#fetch(n),
      ...(transports ? { transports } : {}),
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

  /** Streams that can be broken off; answers in one piece come whole. */
  #fetch(n: number): NonNullable<ConnectOptions['fetch']> {
    return async (url, init) => {
      const cut = new AbortController();
      const answer = await fetch(url, { ...init, signal: AbortSignal.any([init.signal, cut.signal]) });
      const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
      if (isStream) this.#sockets.set(n, { destroy: () => cut.abort() });
      return answer;
    };
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #some<T>(list: readonly T[], count: number): T[] {
    const chosen = new Set<T>();
    while (chosen.size < count) chosen.add(this.#pick(list));
    return [...chosen];
  }

  #choose(): Wish {
    const { cars, catalogue } = this.#options;
    const watch = this.#some(cars, Math.floor(this.#random() * (MAX_CARS_PER_FAN + 1))).map((car) => ({
      car,
      view: this.#random() < OWN ? 'own' : this.#pick(catalogue.views).name,
    }));
    const keys = catalogue.channels.map(({ key }) => key);
    return { watch, channels: this.#some(keys, 1 + Math.floor(this.#random() * MAX_CHANNELS)) };
  }

  /** One turn: every fan may change its choice or its rate, or lose its socket. */
  stir(): void {
    this.fans.forEach((fan, n) => {
      const dice = this.#random();
      if (dice < CHANGE) {
        const { watch, channels } = this.#choose();
        fan.race.watch(watch, channels);
      } else if (dice < CHANGE + PACE) {
        if (n % PACED_EVERY === 0) fan.setRate(this.#pick(RATES));
      } else if (dice < CHANGE + PACE + CUT) {
        fan.report.cuts++;
        this.#sockets.get(n)?.destroy();
      }
    });
  }

  /** From here on every fan wants every tick. */
  settle(): void {
    for (const fan of this.fans) fan.setRate(2);
  }

  close(): void {
    for (const fan of this.fans) fan.race.close();
  }
}
