import { CLOSE, isRetryable } from '../../protocol/codes.ts';
import type { ClientMessage, Hello } from '../../protocol/control.ts';
import { type ConnectionState, firstState, type LinkEvent, nextState } from './connection-state.ts';
import { Inbox } from './inbox.ts';
import type { Link, LinkOpener } from './link.ts';
import type { Settings } from './options.ts';
import { TransportScout } from './transport-scout.ts';
import { openersOf, type Transport } from './transports.ts';

/** What a hello can say as well. */
const IN_HELLO: ReadonlySet<ClientMessage['type']> = new Set(['watch', 'rate', 'resync']);
/** Close codes of edges begin here. */
const LOWEST_CODE = 4000;
/** A timer that fires this late was held up by a machine that slept: ask whether the edge is there before giving up. */
const SLEPT_MS = 2000;

/** What the owner of a connection does for it. */
export interface ConnectionOwner {
  /** What to say first to the edge whose turn it is. @param isAnew A snapshot is wanted, whatever is held. */
  readonly hello: (isAnew: boolean) => Hello;
  /** In order of arrival; not called while messages are held back. */
  readonly onMessage: (message: string | Uint8Array) => void;
  /** Another phase was entered. */
  readonly onPhase: (state: ConnectionState) => void;
  /** The edge closed for good. @param code Name of the close code. */
  readonly onRefused: (code: string, reason: string) => void;
}

/** Runs the state machine on a real link and a real timer: one of each at most, none after `close`. */
export class Connection {
  readonly #settings: Settings;
  readonly #owner: ConnectionOwner;
  readonly #openers: Readonly<Record<Transport, LinkOpener>>;
  #state: ConnectionState;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAtMs = 0;
  readonly #scout: TransportScout;
  #link: Link | undefined;
  #transport: Transport;
  #inbox = new Inbox();
  #urlIndex: number;

  constructor(settings: Settings, owner: ConnectionOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#openers = openersOf(settings);
    // Edges are equal: fans with the same list must not all begin at its head.
    this.#urlIndex = Math.floor(settings.random() * settings.urls.length);
    this.#scout = new TransportScout(settings, {
      isLive: () => this.#state.phase === 'live',
      place: () => ({ base: this.base, race: settings.race }),
      onChange: () => this.on({ type: 'reopen', isAnew: false }),
    });
    this.#transport = this.#scout.transport;
    this.#state = firstState(performance.now(), settings.deadlines);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Base address of the edge that is, or was last, connected to. */
  get base(): URL {
    return this.#settings.urls[this.#urlIndex]!;
  }

  /** Changes with each try: compare it to learn whether the same link is still there. */
  get link(): object | undefined {
    return this.#link;
  }

  /** Of the link that is, or was last, there. */
  get transport(): Transport {
    return this.#transport;
  }

  start(): void {
    this.#open(false);
    this.#arm();
  }

  /** Says it; where nothing can go up, another link is opened whose hello says it. @returns whether the edge will hear it. */
  send(message: ClientMessage): boolean {
    const link = this.#link;
    if (!link || link.hasUplink) return link?.send(message) ?? false;
    if (!IN_HELLO.has(message.type)) return false;
    this.on({ type: 'reopen', isAnew: message.type === 'resync' });
    return this.#link !== link;
  }

  /** Another network may let through what the last one did not. */
  networkChanged(): void {
    this.#scout.networkChanged();
  }

  /** Holds messages back, in order, until {@link release}. */
  hold(): void {
    this.#inbox.hold();
  }

  release(): void {
    const inbox = this.#inbox;
    for (const message of inbox.release()) {
      this.#owner.onMessage(message);
      // The message before was the end of this link.
      if (inbox !== this.#inbox) return;
    }
  }

  /** Tells the state machine what happened and does what follows from it. */
  on(told: LinkEvent): void {
    const before = this.#state;
    // Where nothing can be asked, only another link can tell whether the edge is there.
    const isMute = before.phase === 'live' && this.#link?.hasUplink === false;
    const event: LinkEvent = told.type === 'probe' && isMute ? { type: 'reopen', isAnew: false } : told;
    const moment = { nowMs: performance.now(), random: this.#settings.random() };
    const after = nextState(before, event, moment, this.#settings.deadlines);
    if (after === before) return;
    this.#state = after;
    if (after.phase !== before.phase) this.#enter(after, before, event);
    this.#arm();
    if (after.phase !== before.phase) this.#owner.onPhase(after);
  }

  #enter({ phase }: ConnectionState, before: ConnectionState, event: LinkEvent): void {
    if (phase === 'probing') this.send({ type: 'ping', id: 0 });
    if (phase === 'connecting' || phase === 'waiting' || phase === 'closed') this.#letGo();
    if (phase === 'closed') this.#scout.stop();
    if (phase !== 'connecting') return;
    // An edge that leaves takes nobody any more.
    const isSameEdge = event.type === 'reopen' && before.phase !== 'leaving';
    if (!isSameEdge) this.#urlIndex = (this.#urlIndex + 1) % this.#settings.urls.length;
    this.#open(event.type === 'reopen' && event.isAnew);
  }

  #open(isAnew: boolean): void {
    const target = { base: this.base, race: this.#settings.race, hello: this.#owner.hello(isAnew) };
    this.#transport = this.#scout.transport;
    this.#scout.opened();
    this.#link = this.#openers[this.#transport](target, {
      onMessage: (message) => this.#arrive(message),
      onLost: (code, reason) => this.#lost(code, reason),
    });
  }

  #letGo(): void {
    const link = this.#link;
    this.#link = undefined;
    this.#inbox = new Inbox();
    link?.drop();
  }

  #arrive(message: string | Uint8Array): void {
    this.#scout.heard();
    this.on({ type: 'bytes' });
    for (const next of this.#inbox.take(message)) this.#owner.onMessage(next);
    if (this.#inbox.hasOverflowed) this.on({ type: 'lost', reason: 'the catalogue did not come in time' });
  }

  #lost(code: number, reason: string): void {
    const name = Object.entries(CLOSE).find(([, known]) => known === code)?.[0] ?? `code_${code}`;
    const text = reason || `the connection was closed (${name})`;
    if (isRetryable(code)) {
      this.on({ type: 'lost', reason: text });
      // With a code of its own the edge has spoken: it got through.
      if (code < LOWEST_CODE) this.#scout.ended();
    } else {
      this.#owner.onRefused(name, text);
      this.on({ type: 'refused', reason: text });
    }
  }

  /** One timer for the one deadline. Bytes put the deadline off often, so the timer looks again when it fires. */
  #arm(): void {
    const { deadlineAtMs } = this.#state;
    const isEndless = deadlineAtMs === Number.POSITIVE_INFINITY;
    if (this.#timer !== undefined && this.#timerAtMs <= deadlineAtMs && !isEndless) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (isEndless) return;
    this.#timerAtMs = deadlineAtMs;
    this.#timer = setTimeout(() => this.#checkDeadline(), Math.max(0, Math.ceil(deadlineAtMs - performance.now())));
  }

  #checkDeadline(): void {
    this.#timer = undefined;
    const lateMs = performance.now() - this.#state.deadlineAtMs;
    // Timers may fire a little early.
    if (lateMs < -1) {
      this.#arm();
      return;
    }
    const { phase } = this.#state;
    const hasSlept = phase === 'live' && lateMs > SLEPT_MS;
    this.on({ type: hasSlept ? 'probe' : 'deadline' });
    if (!hasSlept && (phase === 'connecting' || phase === 'live')) this.#scout.ended();
  }
}
