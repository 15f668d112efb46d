import type { Moment } from './connection-state.ts';

/**
 * Which of its transports a client uses, the first being the best. Never changed in place.
 *
 * An edge that is away says nothing of a transport: only failures while it can be reached by plain HTTP, and would take
 * this client, are told here.
 */
export interface TransportChoice {
  /** Place in the list of transports. */
  readonly at: number;
  /** Links over it in a row that failed or died early. */
  readonly doubts: number;
  /** Whether it has brought anything since it was chosen. */
  readonly hasWorked: boolean;
  /** How often in a row the first one was given up. */
  readonly givenUp: number;
  /** When the first one is tried beside the one in use; `Infinity` while it is the one in use. */
  readonly tryAtMs: number;
}

/** What can happen to a transport. */
export type TransportEvent =
  /** A message came over a link. */
  | { readonly type: 'worked' }
  /** A link ended that had brought messages for longer than a moment. */
  | { readonly type: 'lasted' }
  /** A link ended without a message. */
  | { readonly type: 'failed' }
  /** A link ended that had brought messages for a moment only. */
  | { readonly type: 'died' }
  /** The first one was tried beside the one in use. */
  | { readonly type: 'tried'; readonly passes: boolean }
  /** The network is another one, or is back. */
  | { readonly type: 'network' };

/** A crowd or a restart may cost one link or two of a transport that has worked, and that says little. */
const MAX_DOUBTS = 2;
const TRY_AFTER_MS = 5 * 60_000;
const MAX_TRY_AFTER_MS = 60 * 60_000;

export const FIRST_CHOICE: TransportChoice = {
  at: 0,
  doubts: 0,
  hasWorked: false,
  givenUp: 0,
  tryAtMs: Number.POSITIVE_INFINITY,
};

/** @param count Of the transports in the list. @returns the same object when nothing follows. */
export function nextChoice(
  choice: TransportChoice,
  event: TransportEvent,
  count: number,
  moment: Moment,
): TransportChoice {
  switch (event.type) {
    case 'worked':
      return choice.hasWorked ? choice : { ...choice, hasWorked: true };
    case 'lasted':
      return { ...choice, doubts: 0, givenUp: choice.at === 0 ? 0 : choice.givenUp };
    case 'failed':
      return doubt(choice, choice.hasWorked ? MAX_DOUBTS : 1, count, moment);
    case 'died':
      return doubt(choice, MAX_DOUBTS, count, moment);
    case 'tried':
      if (choice.at === 0) return choice;
      // One more failure is enough to go back to what works.
      if (event.passes) return { ...FIRST_CHOICE, givenUp: choice.givenUp };
      return { ...choice, givenUp: choice.givenUp + 1, tryAtMs: tryAtMs(choice.givenUp, moment) };
    case 'network':
      return { ...choice, doubts: 0, givenUp: 0, tryAtMs: choice.at === 0 ? choice.tryAtMs : moment.nowMs };
  }
}

function doubt(choice: TransportChoice, most: number, count: number, moment: Moment): TransportChoice {
  if (count === 1) return choice;
  const doubts = choice.doubts + 1;
  if (doubts < most) return { ...choice, doubts };
  const fresh = { doubts: 0, hasWorked: false };
  // When none gets through it may be the fault of none: they have their turn one after another.
  if (choice.at + 1 === count) return { ...FIRST_CHOICE, givenUp: choice.givenUp };
  if (choice.at > 0) return { ...choice, ...fresh, at: choice.at + 1 };
  return { ...fresh, at: 1, givenUp: choice.givenUp + 1, tryAtMs: tryAtMs(choice.givenUp, moment) };
}

/** Fans whom one proxy keeps from their first choice do not try it at one moment. */
const tryAtMs = (givenUp: number, { nowMs, random }: Moment): number =>
  nowMs + Math.min(MAX_TRY_AFTER_MS, TRY_AFTER_MS * 2 ** Math.min(givenUp, 30)) * (0.75 + random / 2);
