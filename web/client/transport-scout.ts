import type { LinkTarget } from './link.ts';
import type { Settings } from './options.ts';
import { FIRST_CHOICE, nextChoice, type TransportChoice, type TransportEvent } from './transport-choice.ts';
import { type Transport, trialOf } from './transports.ts';

/** A link that brought messages for less than this died early. */
const EARLY_MS = 10_000;
/** While no data comes over the one in use, nothing is learnt from trying another. */
const LATER_MS = 2000;
/** Answer to a plain request at the address of WebSockets: the edge is there, and would take this client. */
const UPGRADE_REQUIRED = 426;

/** What a scout needs of the connection. */
export interface ScoutOwner {
  /** Data comes. */
  readonly isLive: () => boolean;
  /** The edge in use. */
  readonly place: () => Pick<LinkTarget, 'base' | 'race'>;
  /** Another transport is to be used, the sooner the better. */
  readonly onChange: () => void;
}

/** Finds out which transport gets through: one question and one trial at a time, each with an end, none after `stop`. */
export class TransportScout {
  readonly #settings: Settings;
  readonly #owner: ScoutOwner;
  #choice: TransportChoice = FIRST_CHOICE;
  #firstHeardAtMs: number | undefined;
  #lastHeardAtMs = 0;
  #work: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(settings: Settings, owner: ScoutOwner) {
    this.#settings = settings;
    this.#owner = owner;
  }

  /** The one for the next link. */
  get transport(): Transport {
    return this.#settings.transports[this.#choice.at]!;
  }

  /** A link begins. */
  opened(): void {
    this.#firstHeardAtMs = undefined;
  }

  /** A message came. */
  heard(): void {
    this.#lastHeardAtMs = performance.now();
    if (this.#firstHeardAtMs !== undefined) return;
    this.#firstHeardAtMs = this.#lastHeardAtMs;
    this.#stopWork();
    this.#take({ type: 'worked' });
  }

  /** The link ended, or brought nothing in time, and nobody had asked for that. */
  ended(): void {
    const first = this.#firstHeardAtMs;
    if (this.#isStopped) return;
    if (first !== undefined && this.#lastHeardAtMs - first >= EARLY_MS) this.#take({ type: 'lasted' });
    else if (this.#settings.transports.length > 1) void this.#blame(first === undefined ? 'failed' : 'died');
  }

  networkChanged(): void {
    this.#take({ type: 'network' });
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopWork();
    clearTimeout(this.#timer);
  }

  /** Blames the transport, unless the edge is away or takes nobody. */
  async #blame(type: 'failed' | 'died'): Promise<void> {
    const { base, race } = this.#owner.place();
    const url = new URL(`races/${encodeURIComponent(race)}/live`, base).href;
    const isThere = await this.#limited(async (signal) => {
      const { status } = await this.#settings.fetch(url, { signal, cache: 'no-store' });
      return status === UPGRADE_REQUIRED;
    });
    if (isThere) this.#take({ type });
  }

  async #try(): Promise<void> {
    if (!this.#owner.isLive()) return this.#arm(performance.now() + LATER_MS);
    const [best] = this.#settings.transports;
    const passes = await this.#limited((signal) => trialOf(best!, this.#settings)(this.#owner.place(), signal));
    if (passes !== undefined) this.#take({ type: 'tried', passes });
  }

  /** @returns what `work` finds; false when it fails or takes too long; `undefined` when it is not wanted any more. */
  async #limited(work: (signal: AbortSignal) => Promise<boolean>): Promise<boolean | undefined> {
    this.#stopWork();
    const own = new AbortController();
    this.#work = own;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      own.abort();
    }, this.#settings.deadlines.probeMs);
    // Whatever goes wrong with it is the answer: it does not get through.
    const found = await work(own.signal).catch(() => false);
    clearTimeout(timer);
    if (this.#work !== own) return undefined;
    this.#work = undefined;
    return found && !isLate;
  }

  #stopWork(): void {
    const work = this.#work;
    this.#work = undefined;
    work?.abort();
  }

  #take(event: TransportEvent): void {
    const before = this.#choice;
    const moment = { nowMs: performance.now(), random: this.#settings.random() };
    this.#choice = nextChoice(before, event, this.#settings.transports.length, moment);
    this.#arm(this.#choice.tryAtMs);
    // Round and round without a pause would be no help to an edge that nobody can reach.
    const isRound = this.#choice.at === 0 && event.type !== 'tried';
    if (this.#choice.at !== before.at && !isRound) this.#owner.onChange();
  }

  #arm(atMs: number): void {
    clearTimeout(this.#timer);
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => void this.#try(), Math.max(0, atMs - performance.now()));
  }
}
