import type { Fan, FanSink } from './fan.ts';
import { receiveMessage, receivePing, type SessionHolder } from './fan-messages.ts';
import type { FanSet } from './fan-set.ts';
import type { Race } from './race.ts';
import type { Races } from './races.ts';
import { SessionFan } from './session-fan.ts';
import type { Sessions } from './sessions.ts';

/** A sink whose connection ends by itself, too. */
interface ConnectionSink extends FanSink {
  /** The connection is closed: it may not be touched any more. */
  forget(): void;
}

/** Takes what the fan said with its request. */
type Begin = (fans: FanSet, fan: Fan, nowMs: number) => void;

/** Messages that are kept while the race of a fan is looked for. */
const MAX_EARLY_MESSAGES = 4;

/** One connection from open to close: finds the race of the fan and hands on what happens. */
export class FanConnection implements SessionHolder {
  readonly #sink: ConnectionSink;
  /** Until the race is found: what the fan said with its request, and what it said after it. */
  #begin: Begin | undefined;
  #early: [bytes: Uint8Array, isBinary: boolean][] | undefined;
  #earlyPings = 0;
  #isClosed = false;
  #fans: FanSet | undefined;
  #fan: Fan | undefined;
  readonly #sessions: Sessions | undefined;
  #detachSession: (() => void) | undefined;

  /** @param sessions Left out where the fan cannot say of which one it wants to hear. */
  constructor(sink: ConnectionSink, races: Races, race: string, begin: Begin, sessions?: Sessions) {
    this.#sink = sink;
    this.#sessions = sessions;
    this.#begin = begin;
    const known = races.get(race);
    if (known) this.#attach(known);
    else void this.#look(races, race);
  }

  async #look(races: Races, name: string): Promise<void> {
    const race = await races.find(name);
    if (this.#isClosed) return;
    if (typeof race !== 'string') this.#attach(race);
    else this.#sink.close(race === 'unknown' ? 'unknown_race' : 'not_ready');
  }

  #attach({ state, fans }: Race): void {
    if (!state) {
      this.#sink.close('not_ready');
      return;
    }
    const nowMs = Date.now();
    this.#fans = fans;
    const fan = fans.add(this.#sink, nowMs);
    this.#fan = fan;
    fans.guard(fan, () => this.#begin?.(fans, fan, nowMs));
    for (const [bytes, isBinary] of this.#early ?? []) this.receive(bytes, isBinary);
    this.#begin = undefined;
    this.#early = undefined;
  }

  /** @param bytes The caller's no more. */
  receive(bytes: Uint8Array, isBinary: boolean): void {
    const [fan, fans] = [this.#fan, this.#fans];
    if (fan && fans) fans.guard(fan, () => receiveMessage(fans, fan, bytes, isBinary, Date.now(), this));
    else {
      this.#early ??= [];
      if (this.#early.length < MAX_EARLY_MESSAGES) this.#early.push([bytes, isBinary]);
      else this.#sink.close('too_many');
    }
  }

  attachSession(id: string | undefined): boolean {
    this.#detachSession?.();
    this.#detachSession = id === undefined ? undefined : this.#sessions?.attach(id, new SessionFan(this.#sink));
    return id === undefined || this.#detachSession !== undefined;
  }

  /** A ping of the WebSocket itself, which is answered already. */
  pinged(): void {
    const [fan, fans] = [this.#fan, this.#fans];
    if (fan && fans) fans.guard(fan, () => receivePing(fans, fan, Date.now()));
    else if (++this.#earlyPings > MAX_EARLY_MESSAGES) this.#sink.close('too_many');
  }

  drained(): void {
    const [fan, fans] = [this.#fan, this.#fans];
    if (fan && fans) fans.guard(fan, () => fans.flush(fan, Date.now()));
  }

  closed(): void {
    this.#isClosed = true;
    this.#sink.forget();
    this.#detachSession?.();
    if (this.#fan) this.#fans?.remove(this.#fan);
  }
}
