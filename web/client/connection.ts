import { CLOSE, isRetryable } from '../../protocol/codes.ts';
import type { ClientMessage, Hello } from '../../protocol/control.ts';
import { type ConnectionState, firstState, type LinkEvent, nextState } from './connection-state.ts';
import { Inbox } from './inbox.ts';
import type { Link, LinkOpener } from './link.ts';
import type { Settings } from './options.ts';
import { openersOf, type Transport } from './transports.ts';

/** A timer that fires this late was held up by a machine that slept: ask whether the edge is there before giving up. */
const SLEPT_MS = 2000;

/** What the owner of a connection does for it. */
export interface ConnectionOwner {
  /** What to say first to the edge whose turn it is. */
  readonly hello: () => Hello;
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
  #link: Link | undefined;
  #inbox = new Inbox();
  #urlIndex: number;

  constructor(settings: Settings, owner: ConnectionOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#openers = openersOf(settings);
    // Edges are equal: fans with the same list must not all begin at its head.
    this.#urlIndex = Math.floor(settings.random() * settings.urls.length);
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

  start(): void {
    this.#open();
    this.#arm();
  }

  send(message: ClientMessage): boolean {
    return this.#link?.send(message) ?? false;
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
  on(event: LinkEvent): void {
    const before = this.#state;
    const moment = { nowMs: performance.now(), random: this.#settings.random() };
    const after = nextState(before, event, moment, this.#settings.deadlines);
    if (after === before) return;
    this.#state = after;
    if (after.phase !== before.phase) this.#enter(after);
    this.#arm();
    if (after.phase !== before.phase) this.#owner.onPhase(after);
  }

  #enter({ phase }: ConnectionState): void {
    if (phase === 'probing') this.send({ type: 'ping', id: 0 });
    if (phase === 'connecting' || phase === 'waiting' || phase === 'closed') this.#letGo();
    if (phase !== 'connecting') return;
    this.#urlIndex = (this.#urlIndex + 1) % this.#settings.urls.length;
    this.#open();
  }

  #open(): void {
    const target = { base: this.base, race: this.#settings.race, hello: this.#owner.hello() };
    this.#link = this.#openers.websocket(target, {
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
    this.on({ type: 'bytes' });
    for (const next of this.#inbox.take(message)) this.#owner.onMessage(next);
    if (this.#inbox.hasOverflowed) this.on({ type: 'lost', reason: 'the catalogue did not come in time' });
  }

  #lost(code: number, reason: string): void {
    const name = Object.entries(CLOSE).find(([, known]) => known === code)?.[0] ?? `code_${code}`;
    const text = reason || `the connection was closed (${name})`;
    if (isRetryable(code)) this.on({ type: 'lost', reason: text });
    else {
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
    if (lateMs < -1) this.#arm();
    else this.on({ type: this.#state.phase === 'live' && lateMs > SLEPT_MS ? 'probe' : 'deadline' });
  }
}
