import type { ClientMessage, Hello } from '../../protocol/control.ts';

/** Gets what comes over one link. After {@link Link.drop} nothing is called any more. */
export interface LinkListener {
  /** In the order of arrival. A frame is the listener's to keep. */
  readonly onMessage: (message: string | Uint8Array) => void;
  /**
   * Called once, at the end.
   * @param code Close code; {@link BROKEN} when the connection broke or could not be made.
   */
  readonly onLost: (code: number, reason: string) => void;
}

/** Close code of a connection that ended without one. */
export const BROKEN = 1006;

/** One try at one connection to an edge, over whatever transport: made, used, dropped, never used again. */
export interface Link {
  /** Whether messages can go up at all. Where they cannot, what the client wants stands in the hello of another link. */
  readonly hasUplink: boolean;
  /** @returns Whether the link took it; never before it is open. */
  send(message: ClientMessage): boolean;
  /** Lets go at once: a peer that is gone may take minutes to be noticed by the link itself. */
  drop(): void;
}

/** Where a link leads, and what it says first. */
export interface LinkTarget {
  /** Of the edge, with a `/` at its end. Not to be changed. */
  readonly base: URL;
  readonly race: string;
  readonly hello: Hello;
}

/** Begins a link. The listener is not called before this has returned: a link that cannot be made is lost a moment later. */
export type LinkOpener = (target: LinkTarget, listener: LinkListener) => Link;
