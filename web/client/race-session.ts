import type { Wish } from '../../protocol/control.ts';
import type { Position } from '../../protocol/position.ts';
import type { SessionNews, SessionRequest } from '../../protocol/session-messages.ts';
import type { Settings } from './options.ts';
import type { SessionClient } from './session-client.ts';

/** A position is worth a save once in so long: what it is good for does not need more, and there are many fans. */
const NOTE_EVERY_MS = 60_000;

/** What a race does for its session. */
interface RaceActs {
  /** @returns whether the connection took it. */
  readonly send: (message: SessionRequest) => boolean;
  /** Another choice is to be watched. */
  readonly choose: (wish: Wish) => void;
  readonly position: () => Position | undefined;
}

interface RaceSessionOwner extends RaceActs {
  readonly race: string;
  readonly answerMs: number;
  readonly random: () => number;
}

/** Binds a race to the session in its settings, if there is one. */
export function joinSession({ session, race, random, deadlines }: Settings, acts: RaceActs): RaceSession | undefined {
  return session && new RaceSession(session, { race, random, answerMs: deadlines.answerMs, ...acts });
}

/** One race on one device, and the session: the choice follows it, and what was read is noted in it. */
export class RaceSession {
  readonly #session: SessionClient;
  readonly #owner: RaceSessionOwner;
  readonly #stops: (() => void)[];
  #chosenAtMs: number | undefined;
  #noteTimer: ReturnType<typeof setTimeout>;
  #answerTimer: ReturnType<typeof setTimeout> | undefined;
  #endLive = () => {};
  #isFirst = true;

  constructor(session: SessionClient, owner: RaceSessionOwner) {
    this.#session = session;
    this.#owner = owner;
    this.#chosenAtMs = session.choiceStampOf(owner.race);
    this.#stops = [session.on('change', () => this.#follow()), session.onLeaving(() => this.#note())];
    // Those who began together do not save together.
    this.#noteTimer = setTimeout(() => this.#noteAgain(), owner.random() * NOTE_EVERY_MS);
  }

  /** An edge has welcomed this client: it is asked to tell of the session. */
  greeted(): void {
    this.lost();
    this.#isFirst = true;
    if (this.#owner.send({ type: 'session', id: this.#session.id })) {
      this.#answerTimer = setTimeout(() => this.#session.watchByRequests(), this.#owner.answerMs);
    } else this.#session.watchByRequests();
  }

  hear(news: SessionNews): void {
    clearTimeout(this.#answerTimer);
    this.#endLive();
    this.#endLive = this.#session.beginLive();
    const isFirst = this.#isFirst;
    if (news.status !== 'unavailable') this.#isFirst = false;
    this.#session.hear(news, isFirst);
  }

  /** The edge does not tell of the session. */
  refused(): void {
    clearTimeout(this.#answerTimer);
    this.#session.watchByRequests();
  }

  /** The connection is gone. */
  lost(): void {
    clearTimeout(this.#answerTimer);
    this.#endLive();
  }

  close(): void {
    this.#note();
    this.lost();
    clearTimeout(this.#noteTimer);
    for (const stop of this.#stops) stop();
  }

  #follow(): void {
    const { race, choose } = this.#owner;
    const atMs = this.#session.choiceStampOf(race);
    const wish = this.#session.choiceOf(race);
    if (!wish || atMs === this.#chosenAtMs) return;
    this.#chosenAtMs = atMs;
    choose(wish);
  }

  #noteAgain(): void {
    this.#note();
    this.#noteTimer = setTimeout(() => this.#noteAgain(), NOTE_EVERY_MS);
  }

  #note(): void {
    const { race, position } = this.#owner;
    const [now, noted] = [position(), this.#session.positionOf(race)];
    if (!now || !this.#session.isStored || (now.seq === noted?.seq && now.epoch === noted.epoch)) return;
    this.#session.edit({ part: 'position', race, value: { epoch: now.epoch, seq: now.seq } });
  }
}
