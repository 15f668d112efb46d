import type { ClientMessage } from '../../protocol/control.ts';
import { BROKEN, type Link, type LinkListener, type LinkOpener, type LinkTarget } from './link.ts';

/** A link with an uplink whose code is loaded first: few fans ever need it. Code that cannot be had is a link that cannot be made. */
export class LateLink implements Link {
  readonly hasUplink = true;
  #listener: LinkListener | undefined;
  #link: Link | undefined;

  constructor(load: () => Promise<LinkOpener>, target: LinkTarget, listener: LinkListener) {
    this.#listener = listener;
    void load().then(
      (open) => {
        if (this.#listener) this.#link = open(target, this.#listener);
      },
      (error: Error) => this.#listener?.onLost(BROKEN, `a part of the program cannot be had: ${error.message}`),
    );
  }

  send(message: ClientMessage): boolean {
    return this.#link?.send(message) ?? false;
  }

  drop(): void {
    this.#listener = undefined;
    this.#link?.drop();
  }
}
