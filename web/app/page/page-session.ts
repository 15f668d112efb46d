import { type FanSession, openSession, readSessionLink } from '../../client/mod.ts';

/** Why another session is used: that of a link; the one before was deleted; the fan left it. */
export type OtherReason = 'link' | 'deleted' | 'left';

/** What the session tells the page. */
export interface PageSessionActs {
  /** Another session is used from now on. */
  readonly onOther: (why: OtherReason) => void;
  readonly onChange: () => void;
}

/** The session of this page: that of this device, or that of a link. There always is one. */
export class PageSession {
  readonly #base: string;
  readonly #acts: PageSessionActs;
  #session: FanSession;
  /** Whether the page was opened with the link of another device. */
  readonly isFromLink: boolean;

  constructor(base: string, acts: PageSessionActs) {
    this.#base = base;
    this.#acts = acts;
    const id = this.#takeLink();
    this.isFromLink = id !== undefined;
    this.#session = this.#open(id);
    // A link that is opened where the page is already shown changes only the fragment.
    window.addEventListener('hashchange', () => {
      const other = this.#takeLink();
      if (other !== undefined && other !== this.#session.id) this.#change(this.#open(other), 'link');
    });
  }

  get current(): FanSession {
    return this.#session;
  }

  /** Goes on with the session that this device had before the link, or a new one. */
  leave(): void {
    this.#change(this.#open(undefined, true), 'left');
  }

  /** Reads the link out of the address, and takes it out: people copy addresses and show them around. */
  #takeLink(): string | undefined {
    const id = readSessionLink(location.hash);
    if (id !== undefined) history.replaceState(history.state, '', location.pathname + location.search);
    return id;
  }

  #open(id: string | undefined, own = false): FanSession {
    const session = openSession({ url: this.#base, own, ...(id === undefined ? {} : { id }) });
    session.on('change', () => session === this.#session && this.#acts.onChange());
    session.on('status', (status) => {
      if (status === 'deleted' && session === this.#session) this.#change(this.#open(undefined), 'deleted');
    });
    return session;
  }

  #change(session: FanSession, why: OtherReason): void {
    const before = this.#session;
    this.#session = session;
    this.#acts.onOther(why);
    before.close();
  }
}
