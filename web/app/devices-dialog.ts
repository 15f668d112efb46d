import type { FanSession } from '../client/mod.ts';
import { byId, make, setText } from './dom.ts';
import { drawQrCode } from './qr-code.ts';
import { sayReach, saySession } from './words.ts';

/** What the dialog asks of the page. */
export interface DevicesActs {
  readonly session: () => FanSession;
  /** Address of this page, with its race. */
  readonly address: () => string;
  /** The dialog is about to show the link: what is on the screen is to be found in the session. */
  readonly beforeLink: () => void;
  /** Goes on with the session of this device alone; the other devices keep theirs. */
  readonly leave: () => void;
}

/** Hands the session over to another device by link and QR code, leaves it, and deletes it. */
export class DevicesDialog {
  readonly #acts: DevicesActs;
  readonly #dialog = byId<HTMLDialogElement>('devices');
  readonly #picture = make('div');
  readonly #link = make('input', { id: 'session-link', readonly: true, type: 'text', spellcheck: 'false' });
  readonly #copy = make('button', { type: 'button', id: 'session-copy' }, 'Copy');
  readonly #reach = make('p', { class: 'quiet' });
  readonly #status = make('p', { role: 'status', id: 'session-status' });
  readonly #leave = make('button', { type: 'button', id: 'session-leave' }, 'Leave on this device');
  readonly #forget = make('button', { type: 'button', id: 'session-forget' });
  readonly #close = make('button', { type: 'button', id: 'devices-close' }, 'Close');
  #isSure = false;
  #stopHearing = () => {};

  constructor(opener: HTMLElement, acts: DevicesActs) {
    this.#acts = acts;
    this.#dialog.append(
      make('h2', { id: 'devices-name' }, 'Use on another device'),
      make(
        'p',
        {},
        'Scan the code there, or open the link: the devices then follow each other. Whoever has the link can join, so give it to nobody else.',
      ),
      this.#picture,
      make('div', { class: 'copy' }, make('label', { for: 'session-link' }, 'Link'), this.#link, this.#copy),
      this.#reach,
      this.#status,
      make('div', { class: 'actions' }, this.#leave, this.#forget, this.#close),
    );
    opener.addEventListener('click', () => this.#open());
    this.#copy.addEventListener('click', () => void this.#copyLink());
    this.#link.addEventListener('focus', () => this.#link.select());
    this.#leave.addEventListener('click', () => {
      acts.leave();
      this.#dialog.close();
    });
    this.#forget.addEventListener('click', () => void this.#askToForget());
    this.#close.addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#stopHearing());
  }

  #open(): void {
    this.#acts.beforeLink();
    const session = this.#acts.session();
    const link = session.link(this.#acts.address());
    this.#link.value = link;
    this.#picture.replaceChildren(drawQrCode(link, 'QR code of the link'));
    setText(this.#reach, sayReach(new URL(link).hostname));
    this.#reach.hidden = this.#reach.textContent === '';
    this.#beSure(false);
    const tell = () => setText(this.#status, saySession(session.status));
    this.#stopHearing();
    this.#stopHearing = session.on('status', tell);
    tell();
    this.#dialog.showModal();
  }

  async #copyLink(): Promise<void> {
    this.#link.select();
    try {
      await navigator.clipboard.writeText(this.#link.value);
      setText(this.#status, 'The link is copied.');
    } catch {
      // Browsers let pages without TLS, and pages that may not, copy nothing by themselves.
      setText(this.#status, 'This browser does not let the page copy; the link is selected, copy it yourself.');
    }
  }

  #beSure(isSure: boolean): void {
    this.#isSure = isSure;
    setText(this.#forget, isSure ? 'Yes, delete it everywhere' : 'Delete on all devices');
    this.#forget.classList.toggle('danger', isSure);
  }

  async #askToForget(): Promise<void> {
    if (!this.#isSure) {
      this.#beSure(true);
      setText(this.#status, 'Favorites and choices will be gone on all devices. This cannot be undone.');
      return;
    }
    this.#beSure(false);
    try {
      await this.#acts.session().forget();
      this.#dialog.close();
    } catch {
      setText(this.#status, 'No server could delete it just now, so nothing is deleted; try again in a moment.');
    }
  }
}
