import { createRandom } from '../../ingest/simulator/random.ts';
import type { OracleFan } from '../../testing/oracle-fan.ts';
import { type CrowdOptions, RandomCrowd } from '../../testing/random-crowd.ts';
import type { StreamOracle } from '../../testing/stream-oracle.ts';
import type { Transport } from '../../web/client/mod.ts';
import { Crowd } from '../crowd/crowd.ts';
import { planFor } from '../crowd/measured-span.ts';
import type { CrowdPlan } from '../crowd/plan.ts';
import { type FanTally, tallyFans } from './fan-tally.ts';
import { RACE, type Stage } from './stage.ts';

/** Light fans by what they want and how they come; the rest of the shares is `all`. */
const SHARES = { latest: 0.25, mobile: 0.2, slow: 0.1 } as const;
const MAX_DECODING = 24;
/** Decoding fans over the network that is spoilt, and without WebSockets, with every second reconnect over that network. */
const DECODING = { mobile: 0.3, fallback: 0.3 } as const;
const STIR_EVERY_MS = 1000;
const TICKS_PER_S = 2;
/** As the SDK does. */
const PATIENCE = { connectMs: 10_000, silenceMs: 25_000 } as const;

export interface FanWishes {
  readonly fans: number;
  readonly seed: number;
  /** Ways to the edges that the SDK may use; some of its fans use one other than WebSockets from the beginning. */
  readonly transports: readonly Transport[];
}

/** Light fans, who check the numbers of ticks, and fans of the SDK, who change their minds and compare every state with the stream. */
export class ChaosFans {
  readonly #crowds: readonly { readonly name: string; readonly crowd: Crowd }[];
  readonly #decoding: readonly RandomCrowd[];
  readonly #stirring: NodeJS.Timeout;
  /** Newest tick that a decoding fan has, when it came, and the longest time without a newer one. */
  readonly #newest = { tick: -1, atMs: performance.now(), silentMs: 0 };

  private constructor(crowds: readonly { name: string; crowd: Crowd }[], decoding: readonly RandomCrowd[]) {
    this.#crowds = crowds;
    this.#decoding = decoding;
    for (const { race } of this.#sdk) race.on('tick', ({ tick }) => this.#hear(tick));
    this.#stirring = setInterval(() => {
      for (const one of this.#decoding) one.stir();
    }, STIR_EVERY_MS);
  }

  /** Brings all fans; resolves when each of them has a tick. */
  static async bring(stage: Stage, oracle: StreamOracle, { fans, seed, transports }: FanWishes): Promise<ChaosFans> {
    const { haproxy, mobile } = stage;
    const wishes = { carsPerFan: 4, view: 'essentials', choices: 'random', doc: false, returns: true } as const;
    const plan: CrowdPlan = { ...(await planFor(haproxy.url, wishes)), patience: PATIENCE };
    const decoding = Math.max(3, Math.min(MAX_DECODING, Math.floor(fans / 4)));
    const light = fans - decoding;
    const share = (part: number) => Math.max(1, Math.floor(light * part));
    const groups = [
      { name: 'latest', count: share(SHARES.latest), url: haproxy.url, history: 'latest' },
      { name: 'mobile', count: share(SHARES.mobile), url: mobile.url, history: 'all' },
      { name: 'slow', count: share(SHARES.slow), url: haproxy.url, history: 'all' },
    ] as const;
    const rest = light - groups.reduce((sum, { count }) => sum + count, 0);
    const all = [{ name: 'all', count: rest, url: haproxy.url, history: 'all' } as const, ...groups];
    const crowds: { name: string; crowd: Crowd }[] = [];
    const random: RandomCrowd[] = [];
    try {
      for (const { name, count, url, history } of all) {
        const crowd = await Crowd.start({ ...plan, url, history }, count);
        crowds.push({ name, crowd });
        await crowd.join(count);
        await crowd.measure(-1, Number.MAX_SAFE_INTEGER);
      }
      const options = { oracle, catalogue: oracle.catalogue!, race: RACE, cars: plan.cars };
      const others = transports.filter((one) => one !== 'websocket');
      const count = (part: number) => Math.ceil(decoding * part);
      const [onMobile, inFallback] = [count(DECODING.mobile), others.length > 0 ? count(DECODING.fallback) : 0];
      const seeds = createRandom(seed);
      const add = (more: Pick<CrowdOptions, 'urls' | 'fans' | 'transports'>) =>
        random.push(new RandomCrowd({ ...options, ...more, seed: seeds.int(2 ** 31) }));
      add({ urls: [haproxy.url], fans: decoding - onMobile - inFallback, transports });
      add({ urls: [mobile.url], fans: onMobile, transports });
      const urls = [haproxy.url, mobile.url];
      for (const [n, one] of others.entries()) {
        const share = Math.floor((inFallback * (n + 1)) / others.length) - Math.floor((inFallback * n) / others.length);
        add({ urls, fans: share, transports: [one] });
      }
      return new ChaosFans(crowds, random);
    } catch (error) {
      for (const one of random) one.close();
      for (const { crowd } of crowds) await crowd.stop();
      throw error;
    }
  }

  #hear(tick: number): void {
    const newest = this.#newest;
    if (tick <= newest.tick) return;
    const nowMs = performance.now();
    newest.silentMs = Math.max(newest.silentMs, nowMs - newest.atMs);
    newest.tick = tick;
    newest.atMs = nowMs;
  }

  /** The longest time in which no tick came to anybody, since this was asked last, in ms. */
  takeSilence(): number {
    const { silentMs } = this.#newest;
    this.#newest.silentMs = 0;
    return silentMs;
  }

  #crowd(name: string): Crowd {
    return this.#crowds.find((one) => one.name === name)!.crowd;
  }

  get #sdk(): OracleFan[] {
    return this.#decoding.flatMap(({ fans }) => fans);
  }

  /** A tenth of the fans reads nothing any more. */
  freeze = async (): Promise<void> => void (await this.#crowd('slow').freeze());
  thaw = async (): Promise<void> => void (await this.#crowd('slow').thaw());

  /** Every light fan loses its connection at once. */
  cut = async (): Promise<void> => void (await Promise.all(this.#crowds.map(({ crowd }) => crowd.cut())));

  /** Groups in which somebody does not hold a tick, or what his rate allows of it; empty when everybody does. */
  async behind(tick: number): Promise<string[]> {
    const isBehind = ({ lastTick, race }: OracleFan) => lastTick < tick - TICKS_PER_S / race.rate;
    const late = await Promise.all(
      this.#crowds.map(async ({ name, crowd }) => ((await crowd.report()).oldestTick < tick ? [name] : [])),
    );
    return [...late.flat(), ...(this.#sdk.some(isBehind) ? ['decoding'] : [])];
  }

  async tally(): Promise<FanTally> {
    const light = this.#crowds.map(async ({ name, crowd }) => ({
      wantsEveryTick: name !== 'latest',
      counts: (await crowd.report()).counts,
    }));
    return tallyFans(await Promise.all(light), this.#sdk);
  }

  /** States that decoding fans have compared with the stream. */
  get statesCompared(): number {
    return this.#sdk.reduce((sum, { report }) => sum + report.statesCompared, 0);
  }

  get decodingFans(): number {
    return this.#sdk.length;
  }

  /** How many decoding fans use each transport now. */
  transports(): Record<string, number> {
    const used: Record<string, number> = {};
    for (const { race } of this.#sdk) {
      const { transport } = race.statistics();
      used[transport] = (used[transport] ?? 0) + 1;
    }
    return used;
  }

  /** What decoding fans found, in words. */
  differences(): string[] {
    return this.#sdk.flatMap(({ report }) => [...report.differences, ...report.notes]);
  }

  /** From here on nobody changes his mind, and everybody wants every tick. */
  settle(): void {
    clearInterval(this.#stirring);
    for (const one of this.#decoding) one.settle();
  }

  /** Cars that decoding fans chose and that are in the field, but that they do not hold. */
  missingCars(): number {
    return this.#sdk.reduce((sum, fan) => sum + fan.missingCars().length, 0);
  }

  async stop(): Promise<void> {
    clearInterval(this.#stirring);
    for (const one of this.#decoding) one.close();
    await Promise.all(this.#crowds.map(({ crowd }) => crowd.stop()));
  }
}
