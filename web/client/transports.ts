import { ConfigError } from '../../protocol/errors.ts';
import { LateLink } from './late-link.ts';
import type { LinkOpener, LinkTarget } from './link.ts';
import type { Settings } from './options.ts';
import { SseLink } from './sse-link.ts';
import { passesWebSocket, WebSocketLink } from './web-socket-link.ts';

/** Ways to an edge, the best first. */
export const TRANSPORTS = ['websocket', 'sse', 'poll'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** How a link over each transport is begun. */
export const openersOf = ({ WebSocket, fetch }: Settings): Readonly<Record<Transport, LinkOpener>> => ({
  websocket: (target, listener) => new WebSocketLink(WebSocket!, target, listener),
  sse: (target, listener) => new SseLink(fetch, target, listener),
  poll: (target, listener) => new LateLink(() => loadPoll(fetch), target, listener),
});

/** It brings an edge of its own, in small, and whoever has another transport never needs it. */
async function loadPoll(fetch: Settings['fetch']): Promise<LinkOpener> {
  const { PollLink } = await import('./poll-link.ts');
  return (target, listener) => new PollLink(fetch, target, listener);
}

/** Finds out whether a transport gets through to an edge, beside a link that stands; ends when `signal` does. */
type Trial = (place: Pick<LinkTarget, 'base' | 'race'>, signal: AbortSignal) => Promise<boolean>;

/** The trial of a transport. Where there is none, a link shows it. */
export const trialOf = (transport: Transport, { WebSocket }: Settings): Trial =>
  transport === 'websocket' ? (place, signal) => passesWebSocket(WebSocket!, place, signal) : async () => true;

/**
 * Checks the transports that are wanted.
 * @param hasWebSocket Whether there is a class to make them with.
 * @throws {ConfigError} `bad_option`.
 */
export function readTransports(list: readonly Transport[] | undefined, hasWebSocket: boolean): readonly Transport[] {
  if (list === undefined) return TRANSPORTS.filter((one) => one !== 'websocket' || hasWebSocket);
  const isGood = Array.isArray(list) && list.length > 0 && new Set(list).size === list.length;
  if (!isGood || !list.every((one) => TRANSPORTS.includes(one))) {
    const rule = `transports must list one or more of ${TRANSPORTS.join(', ')}, each once`;
    throw new ConfigError('bad_option', `${rule}, but is ${(JSON.stringify(list) ?? String(list)).slice(0, 60)}.`);
  }
  if (list.includes('websocket') && !hasWebSocket)
    throw new ConfigError(
      'bad_option',
      'This runtime has no WebSocket: use Node 22 or newer, pass a WebSocket class, or take it out of transports.',
    );
  return [...list];
}
