import type { ClientMessage, Hello, Next, Rate, Watch, Wish } from '../../protocol/control.ts';
import type { Settings } from './options.ts';

/** Shortest time between two messages; a person who scrolls through cars makes many wishes, and edges close who talks too much. */
const SEND_EVERY_MS = 100;

/** What the fan wants, what the edge took of it, and what it still has to be told. */
export class Wishes {
  readonly #hiddenRate: Rate | false;
  readonly #send: (message: ClientMessage) => boolean;
  #wanted: Wish;
  /** What the edge last took; it stands again when a later wish is refused. */
  #agreed: Wish;
  #isTold = true;
  #rate: Rate;
  /** That the edge last took; none before the first welcome. */
  #agreedRate: Rate | undefined;
  /** What the last hello asked for beside what is held, until it is welcomed. */
  #next: Next = {};
  #toldRate: Rate;
  #isHidden: boolean;
  #id = 0;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param send Returns false while no edge has welcomed this client: it is told later, by {@link tell}. */
  constructor(settings: Settings, send: (message: ClientMessage) => boolean) {
    this.#send = send;
    this.#wanted = { watch: settings.watch, ...channelsOf(settings) };
    this.#agreed = this.#wanted;
    this.#rate = settings.rate;
    this.#toldRate = settings.rate;
    this.#hiddenRate = settings.hiddenRate;
    this.#isHidden = settings.page?.isHidden ?? false;
  }

  get choice(): readonly Watch[] {
    return this.#wanted.watch;
  }

  get channels(): readonly string[] | undefined {
    return this.#wanted.channels;
  }

  get agreed(): Wish {
    return this.#agreed;
  }

  /** As last set by the fan. */
  get rate(): Rate {
    return this.#rate;
  }

  set(wish: Wish): void {
    this.#wanted = wish;
    this.#isTold = false;
    this.tell();
  }

  setRate(rate: Rate): void {
    this.#rate = rate;
    this.tell();
  }

  /** A page that nobody sees needs less. */
  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    this.tell();
  }

  get #rateNow(): Rate {
    const hidden = this.#hiddenRate;
    return this.#isHidden && hidden !== false && hidden < this.#rate ? hidden : this.#rate;
  }

  /**
   * What to say on a new connection: all of it. What is wanted later follows by {@link tell}.
   * @param held What the client holds and goes on from, if it does. @param wantsAll Also what it holds.
   */
  hello(held: Wish | undefined, wantsAll = false): Pick<Hello, 'watch' | 'channels' | 'rate' | 'next'> {
    this.#agreed = held ?? this.#wanted;
    const rate = this.#agreedRate ?? this.#rateNow;
    const isSameRate = rate === this.#rateNow;
    this.#next = {
      ...(isSame(this.#agreed, this.#wanted) ? {} : this.#wanted),
      ...(isSameRate ? {} : { rate: this.#rateNow }),
      ...(wantsAll && { resync: true }),
    };
    this.#isTold = true;
    this.#toldRate = this.#rateNow;
    return { ...this.#agreed, rate, ...(Object.keys(this.#next).length > 0 && { next: this.#next }) };
  }

  /** An edge has welcomed this client. @returns how many answers to its hello are to come. */
  welcomed(): number {
    const { watch, rate } = this.#next;
    if (!rate) this.#agreedRate = this.#toldRate;
    this.#next = {};
    return (watch ? 1 : 0) + (rate ? 1 : 0);
  }

  /** The edge took a rate. */
  agreeRate(rate: Rate): void {
    this.#agreedRate = rate;
  }

  /** The edge took a wish; one without an id is what is left of it in another catalogue, and more cannot be had. */
  agree({ id, watch, channels }: Wish & { readonly id: number }): void {
    this.#agreed = { watch, ...channelsOf({ channels }) };
    // Before the welcome it is about what was held, and the answer about what is wanted comes later.
    if (id === 0 && !this.#next.watch) this.goBack();
  }

  /** The edge refused the last wish. */
  goBack(): void {
    this.#wanted = this.#agreed;
    this.#isTold = true;
  }

  /** Tells the edge what it does not know yet, at once or a moment later, one message at a time. */
  tell(): void {
    if (this.#timer !== undefined || (this.#isTold && this.#rateNow === this.#toldRate)) return;
    const waitMs = this.#sentAtMs + SEND_EVERY_MS - performance.now();
    if (waitMs > 0) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.tell();
      }, waitMs);
      return;
    }
    if (!this.#sendNext()) return;
    this.#sentAtMs = performance.now();
    this.tell();
  }

  #sendNext(): boolean {
    const rate = this.#rateNow;
    if (!this.#isTold) {
      this.#isTold = this.#send({ type: 'watch', id: this.#id + 1, ...this.#wanted });
      if (this.#isTold) this.#id++;
      return this.#isTold;
    }
    if (!this.#send({ type: 'rate', id: 0, rate })) return false;
    this.#toldRate = rate;
    return true;
  }

  /** The connection is gone: nothing is told until the next one. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** The list as a field that is left out when there is none. */
const channelsOf = ({ channels }: { readonly channels?: readonly string[] | undefined }) =>
  channels ? { channels } : {};

function isSame(a: Wish, b: Wish): boolean {
  const texts = ({ watch, channels = [] }: Wish) =>
    new Set([...watch.map(({ car, view }) => `${car}:${view}`), ...channels]);
  const [ofA, ofB] = [texts(a), texts(b)];
  return ofA.size === ofB.size && [...ofA].every((text) => ofB.has(text));
}
