import type { LinkOpener } from './link.ts';
import type { Settings } from './options.ts';
import { WebSocketLink } from './web-socket-link.ts';

/** Ways to an edge. */
export type Transport = 'websocket';

/** How a link over each transport is begun. */
export const openersOf = ({ WebSocket }: Settings): Readonly<Record<Transport, LinkOpener>> => ({
  websocket: (target, listener) => new WebSocketLink(WebSocket, target, listener),
});
