import type { Wish } from '../../protocol/control.ts';
import { ConfigError } from '../../protocol/errors.ts';
import type { Position } from '../../protocol/position.ts';
import { checkSession, formatSession, parseSession, type Session } from '../../protocol/session.ts';
import type { SessionNews } from '../../protocol/session-messages.ts';
import { Emitter } from './emitter.ts';
import type { Fetch } from './fetch.ts';
import { readWish, type WatchRequest } from './options.ts';
import type { Page } from './page.ts';
import type { FanSession, SessionEvents, SessionStatus } from './session.ts';
import {
  editCopy,
  emptyCopy,
  hearNothing,
  hearSaved,
  hearStored,
  isChanged,
  nextSave,
  type Save,
  type SessionCopy,
  type SessionEdit,
} from './session-copy.ts';
import { type SessionAnswer, SessionRequests } from './session-requests.ts';
import { SessionSaver } from './session-saver.ts';
import type { SessionKeeper } from './session-storage.ts';
import { SessionWatcher } from './session-watcher.ts';

export interface SessionSettings {
  readonly urls: readonly URL[];
  readonly id: string;
  /** What this device knew when it last ran. */
  readonly session: Session | undefined;
  /** Nobody else can know the id. */
  readonly isNew: boolean;
  readonly keeper: SessionKeeper;
  readonly fetch: Fetch;
  readonly random: () => number;
  readonly now: () => number;
  readonly page: Page | undefined;
}

/** Joins the parts: the copy of this device, who saves it, who hears of other devices, and the fan who is told. */
export class SessionClient implements FanSession {
  readonly id: string;
  readonly #settings: SessionSettings;
  readonly #requests: SessionRequests;
  readonly #saver: SessionSaver;
  readonly #watcher: SessionWatcher;
  readonly #emitter = new Emitter<SessionEvents>();
  readonly #closed = new AbortController();
  readonly #stopListening: (() => void) | undefined;
  readonly #leaving = new Set<() => void>();
  #copy: SessionCopy;
  #status: SessionStatus = 'new';
  /** What the edge refused to store: it would do so again. */
  #refused: Session | undefined;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
    const { id, urls, fetch, page, random } = settings;
    const closed = this.#closed.signal;
    this.id = id;
    this.#copy = emptyCopy(settings.session);
    this.#requests = new SessionRequests(urls, fetch, id, closed);
    this.#saver = new SessionSaver({
      ...{ requests: this.#requests, random },
      next: () => (this.#copy.local === this.#refused ? undefined : nextSave(this.#copy)),
      onAnswer: (save, answer) => this.#saved(save, answer),
      onWaiting: (isWaiting) => this.#say(isWaiting ? 'waiting' : 'saving'),
    });
    this.#watcher = new SessionWatcher({
      ...{ requests: this.#requests, random, closed },
      revision: () => this.#copy.stored?.revision,
      onAnswer: (answer) => this.#take(answer),
    });
    this.#stopListening = page?.listen((event) => event === 'hidden' && this.#leave());
    settings.keeper.take({ id, session: this.#copy.local });
    if (!settings.isNew) this.#watcher.askSoon();
  }

  // ---- what the fan sees ----

  get status(): SessionStatus {
    return this.#status;
  }

  choiceOf(race: string): Wish | undefined {
    return this.#copy.local.races.get(race)?.choice?.value;
  }

  positionOf(race: string): Position | undefined {
    return this.#copy.local.races.get(race)?.position?.value;
  }

  get favourites(): readonly string[] {
    return this.#copy.local.favourites?.value ?? [];
  }

  get tvDelayMs(): number {
    return this.#copy.local.tvDelayMs?.value ?? 0;
  }

  choose(race: string, watch: readonly WatchRequest[], channels = this.choiceOf(race)?.channels): void {
    this.edit({ part: 'choice', race, value: readWish(watch, channels) });
  }

  setFavourites(cars: readonly string[]): void {
    this.edit({ part: 'favourites', value: [...cars] });
  }

  setTvDelay(delayMs: number): void {
    this.edit({ part: 'tvDelayMs', value: delayMs });
  }

  link(page: string): string {
    const url = new URL(page);
    url.hash = `session=${this.id}`;
    return url.href;
  }

  on<Name extends keyof SessionEvents>(name: Name, listener: (value: SessionEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  async forget(): Promise<void> {
    await this.#saver.pause();
    const answer = await this.#requests.delete();
    // A live connection may have told it before this answer came.
    if (this.#status === 'deleted') return;
    if (answer.kind === 'deleted' || answer.kind === 'unknown') this.#end();
    else this.#saver.resume();
    if ('error' in answer) throw answer.error;
  }

  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#leave();
    void this.#saver.finish();
    this.#stop();
  }

  // ---- for the races of this device ----

  /** Whether it is stored, as far as is known: then it is worth noting how far this device has read. */
  get isStored(): boolean {
    return this.#copy.stored !== undefined;
  }

  /** When the cars of a race were chosen; another stamp is another choice. */
  choiceStampOf(race: string): number | undefined {
    return this.#copy.local.races.get(race)?.choice?.atMs;
  }

  /** @throws {ConfigError} `bad_session`, `deleted`; nothing is changed. */
  edit(edit: SessionEdit): void {
    const after = editCopy(this.#copy, edit, this.#settings.now());
    try {
      parseSession(formatSession(after.local));
    } catch (cause) {
      throw new ConfigError('bad_session', (cause as Error).message, { cause });
    }
    if (this.#status === 'deleted') throw new ConfigError('deleted', 'This session was deleted; open a new one.');
    this.#become(after, 'here');
  }

  /** Has `act` called before the page goes out of sight, which may be its end. @returns Takes it off again. */
  onLeaving(act: () => void): () => void {
    this.#leaving.add(act);
    return () => this.#leaving.delete(act);
  }

  /** What an edge said on a live connection. @param isFirst Nothing that can be compared was said on it before. */
  hear(news: SessionNews, isFirst: boolean): void {
    if (news.status === 'known') {
      const session = checkSession(news.session);
      this.#become(hearStored(this.#copy, news.revision, session, isFirst), 'elsewhere');
    } else if (news.status === 'unknown') this.#become(hearNothing(this.#copy), 'elsewhere');
    else if (news.status === 'deleted') this.#end();
  }

  /** A live connection tells of changes from now on. @returns what ends that; safe to call twice. */
  beginLive(): () => void {
    return this.#watcher.beginLive();
  }

  /** A connection cannot tell of changes: they are asked for, as long as no other one tells. */
  watchByRequests(): void {
    if (!this.#closed.signal.aborted) this.#watcher.watch();
  }

  // ---- what is stored ----

  #become(copy: SessionCopy, from: SessionEvents['change']['from']): void {
    const before = this.#copy;
    this.#copy = copy;
    if (isChanged(before, copy)) {
      this.#settings.keeper.update({ id: this.id, session: copy.local });
      this.#emitter.emit('change', { from });
    }
    if (nextSave(copy)) this.#saver.soon();
    else this.#say(copy.stored ? 'saved' : 'new');
  }

  #saved(save: Save, answer: SessionAnswer): void {
    if (this.#status === 'deleted') return;
    if (answer.kind === 'saved') this.#become(hearSaved(this.#copy, save, answer.revision), 'here');
    else if (answer.kind === 'refused') {
      this.#refused = save.session;
      this.#say('unsaved');
    }
    this.#take(answer);
  }

  /** What was heard over HTTP, whatever had been asked. */
  #take(answer: SessionAnswer): void {
    if (answer.kind === 'known' || answer.kind === 'conflict')
      this.#become(hearStored(this.#copy, answer.revision, answer.session, true), 'elsewhere');
    else if (answer.kind === 'unknown') this.#become(hearNothing(this.#copy), 'elsewhere');
    else if (answer.kind === 'deleted') this.#end();
    else if (answer.kind === 'refused') this.#emitter.emit('error', answer.error);
  }

  #leave(): void {
    for (const act of this.#leaving) act();
    this.#saver.now();
  }

  #stop(): void {
    this.#closed.abort();
    this.#watcher.stop();
    this.#stopListening?.();
    this.#leaving.clear();
    this.#emitter.clear();
  }

  /** It was deleted: nothing of it may stay here. */
  #end(): void {
    if (this.#status === 'deleted') return;
    void this.#saver.pause();
    this.#copy = emptyCopy();
    this.#settings.keeper.forget(this.id);
    this.#say('deleted');
    this.#stop();
  }

  // ---- events ----

  #say(status: SessionStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#emitter.emit('status', status);
  }
}
